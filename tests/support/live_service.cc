#include "support/live_service.hh"

#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace poppass::test {

namespace {

void replace(std::string& text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
        text.replace(at, what.size(), by);
}

std::string quoted(const std::string& word) { return "'" + word + "'"; }

} // namespace

bool have_program(std::string_view name) {
    for (const char* const folder :
         {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
        if (::access((folder + std::string{name}).c_str(), X_OK) == 0) return true;
    return false;
}

std::string unpacked(const std::string& path) {
    for (const auto& file : {path, std::string{BUILD_ROOT} + "/unpacked" + path})
        if (::access(file.c_str(), R_OK) == 0) return file;
    return {};
}

bool listens(const std::string& port) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < end) {
        // Looks at the kernel's table instead of connecting, because a connection would be a
        // session.
        char line[16];
        std::snprintf(line, sizeof line, ":%04X ", std::stoi(port));
        for (const char* const table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
            if (::access(table, F_OK) != 0) continue; // the kernel has no IPv6
            const auto text = read_file(table);
            for (std::size_t at = 0; (at = text.find(line, at)) != text.npos; ++at)
                if (text.find(" 0A ", at) < text.find('\n', at)) return true;
        }
        std::this_thread::sleep_for(milliseconds{10});
    }
    return false;
}

CredentialFixture::CredentialFixture() {
    const auto end = run({.argv = {built("pwadmin"), "-q", "-m", "sha256crypt", "-c", "1000",
                                   "--add", "--stdin", "joe"},
                          .environment = {{"POPPASS_FILE", file("users")}},
                          .input = "old\n"});
    if (end.status != 0) throw std::runtime_error{"pwadmin: " + end.err};
}

bool CredentialFixture::accepts(const std::string& password) const {
    return run({.argv = {built("checkpw"), "-f", file("users"), "--allow-expired", "/bin/false"},
                .record = "joe" + std::string{'\0'} + password + std::string(3, '\0')})
               .status == 0;
}

Words CredentialFixture::poppass() const {
    return {built("poppass"), "test.example", built("checkpw"), "--allow-expired", "/bin/false"};
}

std::string CredentialFixture::password_command() const {
    return quoted(built("setpw")) + " -m sha256crypt -c 1000 /bin/false";
}

std::string CredentialFixture::service_text(std::string_view name, const Words& changes) const {
    auto text = read_file(beside_tests("../services/" + std::string{name}));
    for (std::size_t i = 0; i + 1 < changes.size(); i += 2) {
        if (text.find(changes[i]) == text.npos)
            throw std::runtime_error{std::string{name} + " has no " + changes[i]};
        replace(text, changes[i], changes[i + 1]);
    }
    const bool has_policy = is_built("setpw-quality");
    replace(text, "@policy@", has_policy ? "@sbindir@/setpw-quality -- " : "");
    replace(text, "@policy_in_word@", has_policy ? "@sbindir@/setpw-quality\\_--\\_" : "");
    // The programs are in several folders of a build.
    for (std::size_t at; (at = text.find("@sbindir@/")) != text.npos;) {
        const auto begin = at + std::string_view{"@sbindir@/"}.size();
        const auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", begin);
        text.replace(at, end - at, built(text.substr(begin, end - begin)));
    }
    replace(text, "@confdir@", directory());
    return text;
}

std::string CredentialFixture::service_file(std::string_view name, const Words& changes) const {
    auto path = std::string{name};
    replace(path, "/", "_");
    path = file(path);
    write_file(path, service_text(name, changes), 0755);
    return path;
}

Environment CredentialFixture::environment() const {
    Environment environment{{"PASSWORD_COMMAND", password_command()},
                            {"POPPASS_FILE", file("users")},
                            {"POPPASS_DELAY", "1"},
                            {"UID", {}},
                            {"GID", {}}};
    for (const char* const name : {"PROTO", "TCPREMOTEIP", "REMOTE_HOST", "REMOTE_ADDR",
                                   "SOCAT_PEERADDR", "NATIVE_CHECKPASSWORD", "POPPASS_STRIP"})
        environment[name] = {};
    return environment;
}

void LiveService::start(const Words& server, std::string port, Environment more) {
    more.merge(environment());
    server_ = std::make_unique<Process>(
        Program{.argv = server, .environment = more, .timeout = milliseconds{300'000}});
    if (port.empty()) {
        if (!server_->run_until_out("\n")) throw std::runtime_error{"no server: " + log()};
        port = server_->out().substr(0, server_->out().find('\n'));
    } else if (!listens(port)) {
        throw std::runtime_error{"the server does not listen: " + log()};
    }
    port_ = std::move(port);
}

void LiveService::start(Environment more) {
    Words words{"tcpserver", "-1", "-HRl0", "127.0.0.1", "0"};
    for (auto& word : poppass()) words.push_back(std::move(word));
    start(words, "", std::move(more));
}

} // namespace poppass::test
