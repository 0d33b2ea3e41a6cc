#include "support/program.hh"

#include <algorithm>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace poppass::test {

namespace {

[[noreturn]] void fail(const std::string& deed) {
    throw std::runtime_error{deed + ": " + std::strerror(errno)};
}

Pipe pipe_or_throw() {
    auto pipe = make_pipe();
    if (!pipe) throw std::runtime_error{pipe.error().message()};
    return std::move(*pipe);
}

// A descriptor that can be read once the process has ended.
Fd watch(pid_t pid) {
    // By number, because the C library's header for it does not compile as C++.
    return Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

std::vector<std::string> environment_words(const Program& program) {
    std::vector<std::string> words;
    for (char** word = environ; program.inherit && *word != nullptr; ++word) {
        const std::string_view text{*word};
        if (!program.environment.contains(std::string{text.substr(0, text.find('='))}))
            words.emplace_back(text);
    }
    for (const auto& [name, value] : program.environment)
        if (value) words.push_back(name + "=" + *value);
    return words;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    for (auto& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
}

// All that the child needs is made before the fork. The child only makes system calls.
struct Launch {
    const Program& program;
    int file; // the program, opened by us, because another uid may not reach its path
    char* const* argv;
    char* const* environment;
    std::map<int, int> placement; // the number in the program, and our number
};

void reset_signals() {
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &normal, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

pid_t start_child(const std::function<int()>& deed) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        reset_signals(); // so that the test frame does not report an abort
        ::_exit(deed());
    }
    return pid;
}

// Returns the exit status, or minus the number of the signal that ended the child.
int wait_for(pid_t child) {
    int status = 0;
    if (retried([&] { return ::waitpid(child, &status, 0); }) != child) fail("wait for a child");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Runs in the child. Returns, with errno set, only if something failed.
void launch(const Launch& plan) {
    ::setpgid(0, 0);
    reset_signals();
    // Moves the descriptors away first, so that none is overwritten while it is still needed.
    std::map<int, int> high;
    for (const auto& [number, ours] : plan.placement) {
        high[number] = ::fcntl(ours, F_DUPFD_CLOEXEC, 200);
        if (high[number] < 0) return;
    }
    for (const int number : {0, 1, 2}) ::close(number);
    if (::close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) return;
    for (const auto& [number, ours] : high)
        if (::dup2(ours, number) != number) return;
    const Program& program = plan.program;
    if (!program.directory.empty() && ::chdir(program.directory.c_str()) != 0) return;
    if (program.as) {
        const auto [uid, gid] = *program.as;
        if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 ||
            ::setresuid(uid, uid, uid) != 0)
            return;
    }
    if (program.before_exec) program.before_exec();
    if (program.as) {
        ::execveat(plan.file, "", plan.argv, plan.environment, AT_EMPTY_PATH);
        return;
    }
    ::execvpe(plan.argv[0], plan.argv, plan.environment);
}

} // namespace

Process::Process(const Program& program)
    : deadline_{Clock::now() + program.timeout}, input_{program.input} {
    auto words = program.argv;
    auto variables = environment_words(program);
    const auto argv = pointers(words);
    const auto environment = pointers(variables);

    auto input = pipe_or_throw();
    auto output = pipe_or_throw();
    auto errors = pipe_or_throw();
    auto failure = pipe_or_throw();
    Pipe record;
    std::map<int, int> placement{
        {0, input.read_end.get()}, {1, output.write_end.get()}, {2, errors.write_end.get()}};
    if (program.record) {
        record = pipe_or_throw();
        const int size = static_cast<int>(program.record->size());
        if (size > 4096 && ::fcntl(record.write_end.get(), F_SETPIPE_SZ, size) < 0)
            fail("make room for the record");
        if (!write_whole(record.write_end.get(), *program.record)) fail("write the record");
        record.write_end.reset();
        placement[3] = record.read_end.get();
    }
    for (const auto& [number, ours] : program.descriptors) placement[number] = ours;
    for (const int number : program.closed) placement.erase(number);
    Fd file;
    if (program.as) file.reset(::open(argv[0], O_PATH | O_CLOEXEC));
    if (program.as && !file) fail("open " + words[0]);

    const Launch plan{program, file.get(), argv.data(), environment.data(), placement};
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        const int report = ::fcntl(failure.write_end.get(), F_DUPFD_CLOEXEC, 190);
        launch(plan);
        const int error = errno;
        (void)!::write(report, &error, sizeof error);
        ::_exit(127);
    }
    failure.write_end.reset();
    int error = 0;
    if (retried([&] { return ::read(failure.read_end.get(), &error, sizeof error); }) != 0) {
        ::waitpid(pid_, nullptr, 0);
        throw std::runtime_error{"start " + words[0] + ": " + std::strerror(error)};
    }
    alive_ = watch(pid_);
    if (!alive_) {
        reap();
        fail("watch " + words[0]);
    }
    in_ = std::move(input.write_end);
    out_ = std::move(output.read_end);
    err_ = std::move(errors.read_end);
    for (const Fd* const end : {&in_, &out_, &err_}) ::fcntl(end->get(), F_SETFL, O_NONBLOCK);
}

Process::~Process() { reap(); }

void Process::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

// Waits until something happens, at most until `until`. Reads and writes what is possible.
void Process::step(Clock::time_point until) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    const bool writing = in_ && !input_.empty();
    pollfd events[] = {{writing ? in_.get() : -1, POLLOUT, 0},
                       {out_.get(), POLLIN, 0},
                       {err_.get(), POLLIN, 0},
                       {alive_.get(), POLLIN, 0}};
    ::poll(events, 4, static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000)));
    if (events[0].revents != 0) {
        const auto n = ::write(in_.get(), input_.data(), input_.size());
        if (n > 0)
            input_.erase(0, static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            in_.reset();
    }
    if (input_.empty() && !more_input_) in_.reset();
    const auto take = [](Fd& fd, std::string& into) {
        char block[65536];
        const auto n = fd ? ::read(fd.get(), block, sizeof block) : 0;
        if (n > 0)
            into.append(block, static_cast<std::size_t>(n));
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            fd.reset();
        return n > 0;
    };
    // After the end the pipes still hold what was written last.
    const bool end = events[3].revents != 0;
    while (take(out_, outcome_.out) && end) {}
    while (take(err_, outcome_.err) && end) {}
    if (end) ended_ = true;
}

// Kills its process group before the process is reaped, while no other group can have the number.
void Process::reap() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    retried([&] { return ::waitpid(pid_, &status, 0); });
    if (WIFEXITED(status)) outcome_.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) outcome_.signal = WTERMSIG(status);
    pid_ = 0;
    ended_ = true;
}

bool Process::run_until(const std::function<bool()>& done, milliseconds limit) {
    const auto until = std::min(Clock::now() + limit, deadline_);
    while (!done()) {
        if (ended_ || Clock::now() >= until) return false;
        step(until);
    }
    return true;
}

bool Process::run_until_out(std::string_view text) {
    return run_until([&] { return out().find(text) != std::string::npos; });
}

bool Process::run_until_err(std::string_view text) {
    return run_until([&] { return err().find(text) != std::string::npos; });
}

Outcome Process::wait() {
    more_input_ = false;
    if (input_.empty()) in_.reset();
    while (!ended_ && Clock::now() < deadline_) step(deadline_);
    outcome_.timed_out = !ended_;
    reap();
    return outcome_;
}

int in_child(const std::function<int()>& deed) { return wait_for(start_child(deed)); }

bool in_children(int count, const std::function<int(int number)>& deed) {
    std::vector<pid_t> children;
    for (int number = 0; number < count; ++number)
        children.push_back(start_child([&] { return deed(number); }));
    bool good = true;
    for (const pid_t child : children) good = wait_for(child) == 0 && good;
    return good;
}

void ignore_and_block_signals() {
    for (int number = 1; number < 32; ++number)
        if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_IGN);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

bool own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool can_mount() {
    return in_child([] { return own_mounts() ? 0 : 1; }) == 0;
}

bool has_ended(pid_t pid, milliseconds limit) {
    const Fd alive = watch(pid);
    if (!alive) return errno == ESRCH;
    pollfd event{alive.get(), POLLIN, 0};
    return ::poll(&event, 1, static_cast<int>(limit.count())) == 1;
}

double time_of_children() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

Outcome run(const Program& program) { return Process{program}.wait(); }

std::string built(std::string_view name) {
    for (const char* const folder : {"bin", "tests"}) {
        auto path = std::string{BUILD_ROOT} + "/" + folder + "/" + std::string{name};
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    throw std::runtime_error{"not built: " + std::string{name}};
}

bool is_built(std::string_view name) {
    try {
        return !built(name).empty();
    } catch (const std::runtime_error&) {
        return false;
    }
}

std::string beside_tests(std::string_view name) {
    return std::string{SOURCE_ROOT} + "/tests/" + std::string{name};
}

namespace {

int hex_digit(char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; }

std::string from_hex(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        result += static_cast<char>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1]));
    return result;
}

// Decodes the \xHH of next-link.
std::string unescaped(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const bool escape = text.starts_with("\\x") && text.size() >= 4;
        result += escape ? from_hex(text.substr(2, 2)) : std::string{text.substr(0, 1)};
        text.remove_prefix(escape ? 4 : 1);
    }
    return result;
}

template <class T> std::vector<T> numbers(std::string_view text) {
    std::vector<T> result;
    while (!text.empty()) {
        T number{};
        const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
        result.push_back(number);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
    }
    return result;
}

} // namespace

NextLink parse_next_link(std::string_view report) {
    NextLink seen;
    while (!report.empty()) {
        std::string_view line = report.substr(0, report.find('\n'));
        report.remove_prefix(std::min(report.size(), line.size() + 1));
        const std::string_view key = line.substr(0, line.find(' '));
        const auto value = line.substr(std::min(line.size(), key.size() + 1));
        if (key == "next-link") seen.ran = true;
        if (key == "argument") seen.argv.push_back(unescaped(value));
        if (key == "record") seen.record = from_hex(value);
        if (key == "descriptors") seen.descriptors = numbers<int>(value);
        if (key == "uids") seen.uids = numbers<uid_t>(value);
        if (key == "gids") seen.gids = numbers<gid_t>(value);
        if (key == "groups") seen.groups = numbers<gid_t>(value);
        if (key == "directory") seen.directory = unescaped(value);
        if (key == "blocked") seen.blocked = numbers<int>(value);
        if (key == "ignored") seen.ignored = numbers<int>(value);
        if (key == "group") seen.own_group = value == "own";
        if (key == "parent") seen.parent_signal = std::stoi(std::string{value});
        if (key == "core") seen.core_limit = value;
        if (key == "environment") {
            const auto text = unescaped(value);
            const auto sign = text.find('=');
            if (sign != text.npos) seen.environment[text.substr(0, sign)] = text.substr(sign + 1);
        }
    }
    return seen;
}

namespace {

std::vector<std::string>& missing_list() {
    static std::vector<std::string> list;
    return list;
}

} // namespace

bool missing(bool have, std::string_view thing) {
    if (!have) missing_list().emplace_back(thing);
    return !have;
}

const std::vector<std::string>& missing_things() { return missing_list(); }

TemporaryDirectory::TemporaryDirectory(const std::filesystem::path& parent)
    : path_{parent / "poppass-test-XXXXXX"} {
    if (::mkdtemp(path_.data()) == nullptr) fail("make a temporary directory");
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd) fail("open " + path);
    std::string bytes;
    char block[65536];
    for (;;) {
        const auto n = retried([&] { return ::read(fd.get(), block, sizeof block); });
        if (n < 0) fail("read " + path);
        if (n == 0) return bytes;
        bytes.append(block, static_cast<std::size_t>(n));
    }
}

void write_file(const std::string& path, std::string_view bytes, mode_t mode) {
    const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!fd) fail("open " + path);
    if (!write_whole(fd.get(), bytes) || ::fchmod(fd.get(), mode) != 0) fail("write " + path);
}

void write_unrunnable_files(const TemporaryDirectory& directory) {
    write_file(directory.file("no-program"), "echo a shell was run\n", 0755);
    write_file(directory.file("not-executable"), "#!/bin/sh\n", 0644);
    write_file(directory.file("no-interpreter"), "#!/nonexistent/shell\n", 0755);
}

std::string reachable(std::string_view name, const TemporaryDirectory& directory) {
    if (::chmod(directory.path().c_str(), 0755) != 0) fail("open " + directory.path());
    write_file(directory.file(name), read_file(built(name)), 0755);
    return directory.file(name);
}

std::string free_port() {
    static std::vector<Fd> reservations;
    for (int port = 20'000 + ::getpid() % 10'000; port < 32'000; ++port) {
        const auto number = std::to_string(port);
        // The process that has bound this name has the port.
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        const auto length = ("poppass-test-port-" + number).copy(name.sun_path + 1, 100);
        Fd reservation{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::bind(reservation.get(), reinterpret_cast<sockaddr*>(&name),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length)) != 0)
            continue;
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const Fd trial{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::bind(trial.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            continue;
        reservations.push_back(std::move(reservation));
        return number;
    }
    throw std::runtime_error{"no free port"};
}

namespace {

void put_variable(const std::string& name, const std::optional<std::string>& value) {
    if (value)
        ::setenv(name.c_str(), value->c_str(), 1);
    else
        ::unsetenv(name.c_str());
}

} // namespace

ScopedVariable::ScopedVariable(std::string name, std::optional<std::string> value)
    : name_{std::move(name)} {
    if (const char* const before = std::getenv(name_.c_str())) before_ = before;
    put_variable(name_, value);
}

ScopedVariable::~ScopedVariable() { put_variable(name_, before_); }

} // namespace poppass::test
