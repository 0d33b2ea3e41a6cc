// poppass with a credential file, as a super-server starts it: one user, joe, whose password is
// "old".
#pragma once

#include "support/program.hh"

#include <memory>

namespace poppass::test {

using Words = std::vector<std::string>;

// Whether a program is in PATH, or in one of the folders that root has in PATH.
bool have_program(std::string_view name);

// The path of a file of a package: installed, or in the folder `unpacked` of the build. That folder
// is for packages that exclude each other or need many others. Empty: not there.
std::string unpacked(const std::string& path);

// Whether a server listens there, now or soon.
bool listens(const std::string& port);

class CredentialFixture {
public:
    CredentialFixture();

    const std::string& directory() const { return directory_.path(); }
    std::string file(std::string_view name) const { return directory_.file(name); }
    bool accepts(const std::string& password) const;

    // The command line of poppass with its check chain, and the set chain.
    Words poppass() const;
    std::string password_command() const;
    // A template of services/, with the programs of this build, our directory for @confdir@, and
    // these replacements: old text and new text.
    std::string service_text(std::string_view name, const Words& changes = {}) const;
    // The same, in an executable file of ours.
    std::string service_file(std::string_view name, const Words& changes = {}) const;

    // The environment that they need. The delay is one second.
    Environment environment() const;

private:
    TemporaryDirectory directory_;
};

// A super-server; {} is tcpserver. `port` is where it listens; "": its first line tells the port,
// as with tcpserver -1.
class LiveService : public CredentialFixture {
public:
    LiveService() = default;
    void start(const Words& server, std::string port, Environment more = {});
    void start(Environment more = {}); // starts tcpserver

    const std::string& port() const { return port_; }
    bool log_has(std::string_view text) { return server_->run_until_err(text); }
    const std::string& log() const { return server_->err(); }

private:
    std::unique_ptr<Process> server_;
    std::string port_;
};

} // namespace poppass::test
