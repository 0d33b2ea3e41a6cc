// What users get from poppass under tcpserver, with real accounts and PAM's real modules.
#include "support/pam_things.hh"

#include <arpa/inet.h>
#include <csignal>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass::test;
using poppass::Fd;
using Clock = std::chrono::steady_clock;

namespace {

const std::string old_password = "Oak7!bridge-Lamp";
const std::string new_password = "river3&Cloud.tent";

const std::string unix_check = "auth required pam_unix.so\naccount required pam_unix.so\n";
const std::string unix_change = "password required pam_unix.so sha512 rounds=1000\n";
const std::string behind = "password required pam_unix.so sha512 rounds=1000 use_authtok\n";

bool lacks(std::initializer_list<const char*> modules) {
    if (missing(::geteuid() == 0, "root")) return true;
    if (missing(run({.argv = {"sh", "-c", "command -v tcpserver"}}).status == 0, "tcpserver"))
        return true;
    const char* const folders[] = {"/lib/x86_64-linux-gnu/security/", "/usr/lib/security/",
                                   "/lib64/security/", "/lib/security/"};
    for (const std::string module : modules) {
        bool found = false;
        for (const std::string folder : folders)
            found = found || ::access((folder + module + ".so").c_str(), F_OK) == 0;
        if (missing(found, module)) return true;
    }
    return false;
}

// poppass under tcpserver, on a free port of the loopback interface.
class Server {
public:
    struct Settings {
        std::vector<std::string> check = {"--allow-expired", "--no-delay"}; // for checkpw-pam
        Environment environment = {};
        std::vector<std::string> before_check = {}; // links before it
        std::vector<std::string> before_change = {};
    };
    explicit Server(const std::string& service) : Server{service, Settings{}} {}
    Server(const std::string& service, const Settings& settings)
        : process_{program(service, settings)} {
        if (!process_.run_until_out("\n")) throw std::runtime_error{"no port: " + process_.err()};
        port_ = static_cast<in_port_t>(std::stoi(process_.out()));
    }

    in_port_t port() const { return port_; }
    bool log_has(std::string_view text) { return process_.run_until_err(text); }
    const std::string& log() const { return process_.err(); }

private:
    static Program program(const std::string& service, const Settings& settings) {
        Program program{.argv = {"tcpserver", "-1", "-HRl0", "127.0.0.1", "0", built("poppass"),
                                 "test.example"}};
        auto& argv = program.argv;
        argv.insert(argv.end(), settings.before_check.begin(), settings.before_check.end());
        argv.insert(argv.end(), {built("checkpw-pam"), "-s", service});
        argv.insert(argv.end(), settings.check.begin(), settings.check.end());
        argv.insert(argv.end(), {"--", "/bin/false"});
        std::string change;
        for (const auto& word : settings.before_change) change += word + " ";
        change += built("setpw-pam") + " -s " + service + " -- /bin/false";
        program.environment = settings.environment;
        program.environment["PASSWORD_COMMAND"] = change;
        program.environment["POPPASS_TRIES"] = "10";
        program.environment.try_emplace("POPPASS_DELAY", "0");
        for (const auto* const name : {"UID", "GID", "PAM_SERVICE"})
            program.environment[name] = std::nullopt;
        program.timeout = milliseconds{60'000};
        program.before_exec = [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); };
        return program;
    }

    Process process_;
    in_port_t port_ = 0;
};

class Client {
public:
    explicit Client(const Server& server)
        : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server.port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error{std::string{"connect: "} + std::strerror(errno)};
        CHECK(reply() == "200 test.example hello, who are you?");
    }

    void send(const std::string& line) {
        if (!poppass::write_whole(socket_.get(), line + "\r\n"))
            throw std::runtime_error{"poppass is gone"};
    }

    // The next line; "" if none comes in time.
    std::string reply(milliseconds limit = milliseconds{20'000}) {
        const auto deadline = Clock::now() + limit;
        for (;;) {
            if (const auto end = received_.find("\r\n"); end != received_.npos) {
                const auto line = received_.substr(0, end);
                received_.erase(0, end + 2);
                return line;
            }
            const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
            pollfd in{socket_.get(), POLLIN, 0};
            if (left < 0 || ::poll(&in, 1, static_cast<int>(left)) <= 0) return {};
            char block[1024];
            const auto n = ::read(socket_.get(), block, sizeof block);
            if (n <= 0) return "(closed)";
            received_.append(block, static_cast<std::size_t>(n));
        }
    }

    std::string ask(const std::string& line) {
        send(line);
        return reply();
    }

    // Logs in; returns the answer to the password.
    std::string log_in(const std::string& user, const std::string& password) {
        CHECK(ask("user " + user) == "200 Your password please.");
        return ask("pass " + password);
    }

private:
    Fd socket_;
    std::string received_;
};

const std::string accepted = "200 Your new password please.";
const std::string changed = "200 Password changed, thank-you.";
const std::string refused = "500 Old password is incorrect.";

// One session of a user with the right password. Returns the answer to the new one.
std::string change(const Server& server, const SystemAccount& account,
                   const std::string& password) {
    Client client{server};
    CHECK(client.log_in(account.name(), old_password) == accepted);
    return client.ask("newpass " + password);
}

struct ShadowFile {
    struct stat status {};
    ShadowFile() { REQUIRE(::stat("/etc/shadow", &status) == 0); }
    bool operator==(const ShadowFile& other) const {
        return status.st_uid == other.status.st_uid && status.st_gid == other.status.st_gid &&
               status.st_mode == other.status.st_mode;
    }
};

} // namespace

TEST_CASE("a password is changed, and /etc/shadow keeps owner and mode") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const Server server{service.name()};
    const SystemAccount account{old_password};
    const ShadowFile before;
    Client client{server};
    CHECK(client.log_in(account.name(), old_password) == accepted);
    CHECK(client.ask("newpass " + new_password) == changed);
    CHECK(client.ask("quit") == "200 Bye.");
    CHECK(account.has_password(new_password));
    CHECK(account.hash().starts_with("$6$"));
    CHECK(before == ShadowFile{});
    // From now on only the new password is accepted.
    Client again{server};
    CHECK(again.log_in(account.name(), old_password) == refused);
    CHECK(again.log_in(account.name(), new_password) == accepted);
    CHECK(again.ask("newpass Back2!theOak-Lamp") == changed);
    CHECK(account.has_password("Back2!theOak-Lamp"));
}

TEST_CASE("unusual passwords arrive whole") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const Server server{service.name()};
    for (const std::string odd : {" leading and trailing ", "\"quotes\" 'and' \\ $HOME `x`",
                                  "\303\204\303\226 \342\202\254 \377\376 bytes", "tab\there123"}) {
        const SystemAccount account{old_password};
        CHECK(change(server, account, odd) == changed);
        CHECK(account.has_password(odd));
    }
}

TEST_CASE("a new password is refused with the module's own text") {
    SUBCASE("pam_unix: too short") {
        if (lacks({"pam_unix"})) return;
        const PamService service{unix_check + "password required pam_unix.so minlen=12\n"};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        const auto hash = account.hash();
        Client client{server};
        CHECK(client.log_in(account.name(), old_password) == accepted);
        CHECK(client.ask("newpass s0rt!X") == "500 Sorry, You must choose a longer password.");
        CHECK(account.hash() == hash);
        // The check still counts.
        CHECK(client.ask("newpass " + new_password) == changed);
    }
    SUBCASE("pam_unix: what it finds poor") {
        if (lacks({"pam_unix"})) return;
        const PamService service{unix_check + "password required pam_unix.so obscure\n"};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        CHECK(change(server, account, old_password) ==
              "500 Sorry, The password has not been changed.");
        CHECK(account.has_password(old_password));
    }
    SUBCASE("pam_unix: too young") {
        if (lacks({"pam_unix"})) return;
        const PamService service{unix_check + unix_change};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        must_run({"chage", "-m", "10", account.name()});
        CHECK(change(server, account, new_password) ==
              "500 Sorry, You must wait longer to change your password.");
        CHECK(account.has_password(old_password));
        must_run({"chage", "-m", "0", account.name()});
        CHECK(change(server, account, new_password) == changed);
    }
    SUBCASE("pam_pwquality: length, dictionary") {
        if (lacks({"pam_unix", "pam_pwquality"})) return;
        if (missing(::access("/var/cache/cracklib/cracklib_dict.pwd", R_OK) == 0 ||
                        ::access("/usr/share/cracklib/pw_dict.pwd", R_OK) == 0,
                    "cracklib's dictionary"))
            return;
        const PamService service{
            unix_check + "password requisite pam_pwquality.so retry=3 minlen=12 maxrepeat=3\n" +
            behind};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        const auto hash = account.hash();
        CHECK(change(server, account, "Zq3!") ==
              "500 Sorry, BAD PASSWORD: The password is shorter than 12 characters");
        CHECK(change(server, account, "international") ==
              "500 Sorry, BAD PASSWORD: The password fails the dictionary check - it is based on a "
              "dictionary word");
        CHECK(change(server, account, old_password) ==
              "500 Sorry, BAD PASSWORD: The password is the same as the old one");
        CHECK(account.hash() == hash);
        CHECK(change(server, account, new_password) == changed);
        CHECK(account.has_password(new_password));
    }
    SUBCASE("pam_passwdqc") {
        if (lacks({"pam_unix", "pam_passwdqc"})) return;
        const PamService service{
            unix_check + "password requisite pam_passwdqc.so min=disabled,24,11,8,7 retry=3\n" +
            behind};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        CHECK(change(server, account, "pony") == "500 Sorry, Weak password: too short.");
        CHECK(change(server, account, account.name() + "Ab!") ==
              "500 Sorry, Weak password: based on personal login information.");
        CHECK(account.has_password(old_password));
        CHECK(change(server, account, new_password) == changed);
    }
    SUBCASE("pam_pwhistory: reuse") {
        if (lacks({"pam_unix", "pam_pwhistory"})) return;
        const PamService service{
            unix_check + "password required pam_pwhistory.so remember=5 retry=3\n" + behind};
        const Server server{service.name()};
        const SystemAccount account{old_password};
        CHECK(change(server, account, new_password) == changed);
        Client client{server};
        CHECK(client.log_in(account.name(), new_password) == accepted);
        CHECK(client.ask("newpass " + old_password) ==
              "500 Sorry, Password has been already used. Choose another.");
        CHECK(account.has_password(new_password));
        CHECK(client.ask("newpass Another7!one-more") == changed);
    }
}

TEST_CASE("refused users cannot be told apart, by text or time") {
    if (lacks({"pam_unix", "pam_faillock"})) return;
    const TemporaryDirectory tallies;
    const std::string tally = " dir=" + tallies.path() + " deny=2 unlock_time=600\n";
    const PamService service{"auth required pam_faillock.so preauth" + tally +
                             "auth [success=1 default=ignore] pam_unix.so nullok\n"
                             "auth [default=die] pam_faillock.so authfail" +
                             tally +
                             "auth required pam_permit.so\n"
                             "account required pam_faillock.so" +
                             tally + "account required pam_unix.so\n" + unix_change};
    const SystemAccount usable{old_password}, locked{old_password}, expired{old_password},
        inactive{old_password}, empty{""}, failed{old_password};
    const SystemAccount low{old_password, {"--system"}};
    REQUIRE(low.uid() < 1000);
    must_run({"passwd", "-l", locked.name()});
    must_run({"chage", "-E", "2001-01-01", expired.name()});
    must_run({"chage", "-d", "2001-01-01", "-M", "10", "-I", "10", inactive.name()});
    {
        const Server server{service.name()};
        Client client{server};
        for (int i = 0; i < 2; ++i) CHECK(client.log_in(failed.name(), "wrong") == refused);
        CHECK(client.log_in(failed.name(), old_password) == refused);
    }
    const Server server{service.name(), {.environment = {{"POPPASS_DELAY", "2"}}}};
    struct Attempt {
        std::string name, password;
    };
    const std::vector<Attempt> attempts{
        {usable.name(), "wrong"},        {"no-such-user", old_password},
        {locked.name(), old_password},   {expired.name(), old_password},
        {inactive.name(), old_password}, {low.name(), old_password},
        {"root", old_password},          {failed.name(), old_password},
        {empty.name(), "anything"},      {"", old_password}};
    std::vector<std::unique_ptr<Client>> clients;
    for (const auto& [name, password] : attempts) {
        if (name.empty()) continue;
        clients.push_back(std::make_unique<Client>(server));
        CHECK(clients.back()->ask("user " + name) == "200 Your password please.");
    }
    std::vector<Clock::time_point> sent;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        sent.push_back(Clock::now());
        clients[i]->send("pass " + attempts[i].password);
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
        CAPTURE(attempts[i].name);
        const auto early = sent[i] + milliseconds{1'950} - Clock::now();
        if (early > Clock::duration::zero())
            CHECK(clients[i]->reply(std::chrono::floor<milliseconds>(early)) == "");
        CHECK(clients[i]->reply() == refused);
    }
    // Users who may do it still can.
    Client client{server};
    CHECK(client.log_in(usable.name(), old_password) == accepted);
}

TEST_CASE("a password that must be changed: only where the check is told to allow it") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const SystemAccount forced{old_password}, aged{old_password};
    must_run({"chage", "-d", "0", forced.name()});
    must_run({"chage", "-d", "2001-01-01", "-M", "10", aged.name()});
    {
        const Server server{service.name(), {.check = {"--no-delay"}}};
        for (const auto* const account : {&forced, &aged}) {
            Client client{server};
            CHECK(client.log_in(account->name(), old_password) == refused);
        }
    }
    const Server server{service.name()};
    for (const auto* const account : {&forced, &aged}) {
        CHECK(change(server, *account, new_password) == changed);
        CHECK(account->has_password(new_password));
    }
}

TEST_CASE("an account may be refused between the check and the change") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const Server server{service.name()};
    const SystemAccount account{old_password};
    Client client{server};
    CHECK(client.log_in(account.name(), old_password) == accepted);
    must_run({"chage", "-E", "2001-01-01", account.name()});
    CHECK(client.ask("newpass " + new_password) ==
          "500 Sorry, Your account has expired; please contact your system administrator.");
    must_run({"chage", "-E", "-1", account.name()});
    must_run({"passwd", "-l", account.name()});
    CHECK(client.ask("newpass " + new_password) == "500 Password change failed.");
    must_run({"passwd", "-u", account.name()});
    CHECK(account.has_password(old_password));
}

TEST_CASE("an empty hash lets nobody in, nullok or not") {
    if (lacks({"pam_unix"})) return;
    const PamService service{"auth required pam_unix.so nullok\naccount required pam_unix.so\n"
                             "password required pam_unix.so nullok\n"};
    const Server server{service.name()};
    const SystemAccount account{""};
    REQUIRE(account.hash() == "");
    Client client{server};
    CHECK(client.log_in(account.name(), "anything") == refused);
    // The setter alone does not do it either, with or without an old password.
    for (const auto& old : {bytes("\0anything\0\0"), bytes("\0\0\0")}) {
        const auto end = run({.argv = {built("setpw-pam"), "-s", service.name()},
                              .record = account.name() + old + new_password + bytes("\0")});
        CHECK(end.status == 1);
        CHECK(end.out == "553 Sorry, old password is incorrect (#5.7.1)\n");
    }
    CHECK(account.hash() == "");
}

TEST_CASE("server trouble is named as such, to the user and in the log") {
    if (lacks({"pam_unix"})) return;
    const SystemAccount account{old_password};
    const auto told = [&](const std::string& service, const Server::Settings& settings,
                          const std::string& log) {
        Server server{service, settings};
        Client client{server};
        const auto first = client.log_in(account.name(), old_password);
        const auto answer = first == accepted ? client.ask("newpass " + new_password) : first;
        CAPTURE(server.log());
        CHECK(server.log_has(log));
        return answer;
    };
    const std::string later = "500 Temporary failure: try again later.";
    CHECK(told("pptest-none-such", {},
               "checkpw-pam: PAM service pptest-none-such: there is no file "
               "/etc/pam.d/pptest-none-such: make it, or correct the name\n") == later);
    const PamService hanging{unix_check +
                             fixture_rule("password required", "ask=? update ask=? hang")};
    CHECK(told(hanging.name(), {.environment = {{"POPPASS_RUN", "1"}}}, "result=unknown") ==
          "500 Result unknown: try the new password, then the old one.");
    const PamService asleep{fixture_rule("auth required", "ask=? hang") + unix_change +
                            "account required pam_unix.so\n"};
    CHECK(told(asleep.name(), {.environment = {{"POPPASS_RUN", "1"}}}, "status=overtime") == later);
    const PamService echo{fixture_rule("auth required", "echo=login: return=7") + unix_change +
                          "account required pam_unix.so\n"};
    CHECK(told(echo.name(), {},
               "authentication: a module asks for something else than a password") == later);
    const PamService permit{unix_check + "password required pam_permit.so\n"};
    CHECK(told(permit.name(), {}, "success without a question for the new password") ==
          "500 Temporary failure: Sorry, there is trouble on the server; nothing was changed");
    CHECK(account.has_password(old_password));
}

TEST_CASE("neither the user, nor the network side's account, nor others can disturb the change") {
    if (lacks({"pam_unix"})) return;
    const TemporaryDirectory directory;
    const auto go = directory.file("go"), told = directory.file("told");
    const PamService service{
        unix_check + fixture_rule("password required", "into=" + told + " update ids await=" + go) +
        unix_change};
    const Server server{service.name()};
    const SystemAccount account{old_password};
    Client client{server};
    CHECK(client.log_in(account.name(), old_password) == accepted);
    write_file(told, "");
    client.send("newpass " + new_password);
    std::string text;
    for (int i = 0; i < 1000 && text.find("pid ") == text.npos; ++i) {
        ::usleep(10'000);
        text = read_file(told);
    }
    REQUIRE(text.find("ids 65533 0 0\npid ") != text.npos);
    const pid_t pid = std::stoi(text.substr(text.find("pid ") + 4));
    for (const uid_t uid : {account.uid(), uid_t{65534}, uid_t{2}}) {
        const int answer = in_child([&] {
            if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) return 100;
            return ::kill(pid, SIGKILL) == 0 ? 0 : errno;
        });
        CHECK(answer == EPERM);
    }
    write_file(go, "");
    CHECK(client.reply() == changed);
    CHECK(account.has_password(new_password));
}

TEST_CASE("virtual users first, system accounts second, a policy in front of both") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const SystemAccount account{old_password};
    const TemporaryDirectory directory;
    const auto users = directory.file("users");
    const auto add = run({.argv = {built("pwadmin"), "-f", users, "--stdin", "--add", "virtual"},
                          .input = old_password + "\n"});
    CAPTURE(add.err);
    REQUIRE(add.status == 0);
    const Server server{
        service.name(),
        {.before_check = {built("checkpw"), "-f", users, "--allow-expired"},
         .before_change = {built("setpw-quality"), "--", built("setpw"), "-f", users}}};
    for (const auto& name : {std::string{"virtual"}, account.name()}) {
        Client client{server};
        CHECK(client.log_in(name, "wrong") == refused);
        CHECK(client.log_in(name, old_password) == accepted);
        CHECK(client.ask("newpass pony") == "500 Weak password: too short");
        CHECK(client.ask("newpass " + new_password) == changed);
        Client again{server};
        CHECK(again.log_in(name, old_password) == refused);
        CHECK(again.log_in(name, new_password) == accepted);
    }
    CHECK(account.has_password(new_password));
    Client client{server};
    CHECK(client.log_in("nobody-at-all", old_password) == refused);
}

TEST_CASE("modules leave nothing open for the next link") {
    if (lacks({"pam_unix"})) return;
    const PamService service{unix_check + unix_change};
    const SystemAccount account{old_password};
    const auto end = run({.argv = {built("checkpw-pam"), "--no-delay", "-s", service.name(),
                                   built("next-link"), "false"},
                          .record = account.name() + bytes("\0wrong\0\0\0")});
    const auto next = parse_next_link(end.out);
    CHECK(next.ran);
    CHECK(next.descriptors == std::vector{0, 1, 2, 3});
}
