// poppass with a credential file, as a super-server starts it: one user, joe, whose password is
// "old".
#pragma once

#include "support/program.hh"

#include <memory>

namespace poppass::test {

using Words = std::vector<std::string>;

// Whether a program is in PATH, or in a folder that users of root's programs have there.
bool have_program(std::string_view name);

// Where a file of a package is: installed, or in the folder `unpacked` of the build, for packages
// that cannot be installed beside others or bring much along. Empty: nowhere.
std::string unpacked(const std::string& path);

// Whether somebody listens there, or soon does.
bool listens(const std::string& port);

class CredentialFixture {
public:
    CredentialFixture();

    const std::string& directory() const { return directory_.path(); }
    std::string file(std::string_view name) const { return directory_.file(name); }
    bool accepts(const std::string& password) const;

    // The words of poppass and its check chain, and of the set chain.
    Words poppass() const;
    std::string password_command() const;
    // A template of services/ with the programs of this build, our directory for @confdir@, and
    // these changes: what to what.
    std::string service_text(std::string_view name, const Words& changes = {}) const;
    // The same as a file of ours, which may be run.
    std::string service_file(std::string_view name, const Words& changes = {}) const;

    // What they need in the environment; the delay is one second.
    Environment environment() const;

private:
    TemporaryDirectory directory_;
};

// A super-server; with {} tcpserver. `port` is said to be where it listens; "": the server's first
// line tells, as tcpserver -1 does.
class LiveService : public CredentialFixture {
public:
    LiveService() = default;
    void start(const Words& server, std::string port, Environment more = {});
    void start(Environment more = {}); // tcpserver

    const std::string& port() const { return port_; }
    bool log_has(std::string_view text) { return server_->run_until_err(text); }
    const std::string& log() const { return server_->err(); }

private:
    std::unique_ptr<Process> server_;
    std::string port_;
};

} // namespace poppass::test
