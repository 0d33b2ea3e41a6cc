// What the suites of PAM need in the system: services and accounts of their own. All of it is
// removed when this process ends, for any reason.
#pragma once

#include "support/program.hh"

#include <string>
#include <vector>

namespace poppass::test {

// A line of rules with the module of pam-fixture.cc. An example:
// fixture_rule("auth required", "into=/x ask=?").
std::string fixture_rule(const std::string& type_and_control, const std::string& words = {});

// A file in /etc/pam.d. Needs root.
class PamService {
public:
    explicit PamService(const std::string& rules);
    PamService(const PamService&) = delete;
    PamService& operator=(const PamService&) = delete;
    ~PamService();

    const std::string& name() const { return name_; }

private:
    std::string name_;
};

// What the module of pam-fixture.cc does at each step. The defaults are what pam_unix does. Each
// part can be replaced.
struct PamRules {
    std::string authenticate = "ask=Password: want=old";
    std::string account = "";
    std::string change = "info=Changing_password ask=Current_password: old update "
                         "ask=New_password: ask=Retype_new_password: new";
};

// A program of PAM, and a service for it with these rules. The module writes to a file what it was
// told.
class PamLink {
public:
    PamLink(std::string name, std::string record, const PamRules& rules);

    // Its environment sets nothing for the program.
    Program program(const std::vector<std::string>& words = {}) const;

    std::string told() const { return read_file(log()); }
    std::string log() const { return directory.file("told"); }
    std::string log_line(const std::string& step, const std::string& what) const {
        return name + ": PAM service " + service.name() + ", " + step + ": " + what + "\n";
    }

    const std::string name;
    const std::string record;
    TemporaryDirectory directory;
    PamService service;

private:
    std::string rule(const std::string& type, const std::string& words) const;
};

// An account of the system. useradd chooses the uid and groups, unless `options` (useradd's) set
// them. Needs root. The home directory does not exist.
class SystemAccount {
public:
    explicit SystemAccount(const std::string& password, std::vector<std::string> options = {});
    SystemAccount(const SystemAccount&) = delete;
    SystemAccount& operator=(const SystemAccount&) = delete;
    ~SystemAccount();

    const std::string& name() const { return name_; }
    uid_t uid() const { return uid_; }
    gid_t gid() const { return gid_; }

    // Its hash in /etc/shadow, and whether the password belongs to it.
    std::string hash() const;
    bool has_password(const std::string& password) const;

private:
    std::string name_;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
};

// Runs a program of the system, which must succeed.
void must_run(std::vector<std::string> argv);

} // namespace poppass::test
