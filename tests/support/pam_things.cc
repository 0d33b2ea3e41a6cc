#include "support/pam_things.hh"

#include <algorithm>
#include <crypt.h>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <pwd.h>
#include <shadow.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace poppass::test {

namespace {

const std::string folder = "/etc/pam.d/";

std::vector<std::string> accounts_called(const std::string& prefix) {
    std::vector<std::string> names;
    ::setpwent();
    while (const passwd* const entry = ::getpwent())
        if (std::string{entry->pw_name}.starts_with(prefix)) names.emplace_back(entry->pw_name);
    ::endpwent();
    return names;
}

// Removes the lines with this beginning from the file where modules keep old passwords.
void forget_old_passwords(const std::string& prefix) {
    const std::string path = "/etc/security/opasswd";
    if (::access(path.c_str(), F_OK) != 0) return;
    std::string kept;
    const auto text = read_file(path);
    for (std::size_t at = 0; at < text.size();) {
        const auto next = std::min(text.find('\n', at), text.size() - 1) + 1;
        if (text.compare(at, prefix.size(), prefix) != 0) kept += text.substr(at, next - at);
        at = next;
    }
    if (kept == text) return;
    write_file(path + ".pptest", kept, 0600);
    std::filesystem::rename(path + ".pptest", path);
}

// Removes everything whose name has this beginning.
void clean_up(const std::string& prefix) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{folder, ignored})
        if (entry.path().filename().string().starts_with(prefix))
            std::filesystem::remove(entry.path(), ignored);
    for (const auto& name : accounts_called(prefix)) run({.argv = {"userdel", "-f", name}});
    forget_old_passwords(prefix);
}

// A process in a session of its own that outlives us, however we end, and cleans up after us.
std::string start_janitor() {
    const std::string prefix = "pptest-" + std::to_string(::getpid()) + "-";
    auto pipe = make_pipe();
    if (!pipe) throw std::runtime_error{"no pipe"};
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error{"no janitor"};
    if (pid == 0) {
        ::setsid();
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
        pipe->write_end.reset();
        char byte;
        (void)retried([&] { return ::read(pipe->read_end.get(), &byte, 1); });
        try {
            clean_up(prefix);
        } catch (const std::exception&) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    // Open as long as this process lives.
    pipe->write_end.release();
    return prefix;
}

std::string unique_name() {
    static const std::string prefix = start_janitor();
    static int count = 0;
    return prefix + std::to_string(++count);
}

// Does not call crypt(3) directly, because sanitizers replace it.
std::string hash_by(const std::string& setting, const std::string& password) {
    crypt_data data{};
    const char* const hash = ::crypt_rn(password.c_str(), setting.c_str(), &data, sizeof data);
    return hash == nullptr ? "" : hash;
}

std::string new_hash(const std::string& password) {
    if (password.empty()) return {};
    const auto hash = hash_by("$6$rounds=1000$pptestsalt$", password);
    if (hash.empty()) throw std::runtime_error{"no hash"};
    return hash;
}

} // namespace

std::string fixture_rule(const std::string& type_and_control, const std::string& words) {
    return type_and_control + " " + BUILD_ROOT + "/tests/pam-fixture.so " + words + "\n";
}

PamService::PamService(const std::string& rules) : name_{unique_name()} {
    write_file(folder + name_, rules, 0644);
}

PamService::~PamService() { ::unlink((folder + name_).c_str()); }

PamLink::PamLink(std::string its_name, std::string its_record, const PamRules& rules)
    : name{std::move(its_name)}, record{std::move(its_record)},
      service{rule("auth", rules.authenticate) + rule("account", rules.account) +
              rule("password", rules.change)} {}

std::string PamLink::rule(const std::string& type, const std::string& words) const {
    if (::access(log().c_str(), F_OK) != 0) write_file(log(), "", 0666);
    return fixture_rule(type + " required", "into=" + log() + " " + words);
}

Program PamLink::program(const std::vector<std::string>& words) const {
    Program program{.argv = {built(name), "-s", service.name()}, .record = record};
    program.argv.insert(program.argv.end(), words.begin(), words.end());
    for (const auto* const variable : {"PAM_SERVICE", "TCPREMOTEIP", "PROTO", "UID", "AUTHSERVICE",
                                       "NATIVE_CHECKPASSWORD", "DOVECOT_VERSION", "AUTHORIZED",
                                       "CREDENTIALS_LOOKUP", "EXTRA", "userdb_uid", "userdb_gid"})
        program.environment[variable] = std::nullopt;
    return program;
}

SystemAccount::SystemAccount(const std::string& password, std::vector<std::string> options)
    : name_{unique_name()} {
    std::vector<std::string> argv{"useradd",      "--no-create-home", "--home-dir",
                                  "/nonexistent", "--password",       new_hash(password)};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.push_back(name_);
    must_run(argv);
    const passwd* const entry = ::getpwnam(name_.c_str());
    if (entry == nullptr) throw std::runtime_error{"no account " + name_};
    uid_ = entry->pw_uid;
    gid_ = entry->pw_gid;
}

SystemAccount::~SystemAccount() { run({.argv = {"userdel", "-f", name_}}); }

std::string SystemAccount::hash() const {
    const spwd* const entry = ::getspnam(name_.c_str());
    if (entry == nullptr) throw std::runtime_error{"no shadow entry of " + name_};
    return entry->sp_pwdp;
}

bool SystemAccount::has_password(const std::string& password) const {
    const auto stored = hash();
    return !stored.empty() && hash_by(stored, password) == stored;
}

void must_run(std::vector<std::string> argv) {
    const auto end = run({.argv = std::move(argv)});
    if (end.status != 0) throw std::runtime_error{end.err + end.out};
}

} // namespace poppass::test
