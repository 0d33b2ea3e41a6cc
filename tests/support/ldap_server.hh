// Real slapd processes for the suites of the directory: on loopback, in a directory of their own,
// and gone with this process.
#pragma once

#include "support/program.hh"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace poppass::test {

// Whether slapd and its modules are installed.
bool have_slapd();
bool have_openssl(); // for Certificates

inline const std::string suffix = "dc=example,dc=org";
inline const std::string people = "ou=people," + suffix;
inline const std::string manager = "cn=manager," + suffix; // may everything; password "manager"

std::string user_dn(std::string_view uid); // uid=UID,ou=people,...

// An entry of a user with that password; `more`: lines of LDIF, each with its line feed.
std::string user_entry(std::string_view uid, std::string_view password, std::string_view more = {});

// An entry of a password policy, for a user's `pwdPolicySubentry: DN`.
std::string policy_dn(std::string_view name);
std::string policy_entry(std::string_view name, std::string_view attributes);

struct LdapServerPlan {
    std::string global = {};   // more lines of slapd.conf, before its database
    std::string database = {}; // in it
    std::string overlays = {}; // and after ppolicy
    std::string entries = {};  // LDIF, after the suffix and the folders people and policies
    bool empty = false;        // no entry at all: they are to come from another server
    bool tls = false;          // it also listens for ldaps
    std::string access = "access to attrs=userPassword by self =xw by anonymous auth by * none\n"
                         "access to * by * read\n";
};

class LdapServer {
public:
    // Reserves its ports, and makes its database. It does not run yet.
    LdapServer();
    void prepare(const LdapServerPlan& plan);

    // And waits until it answers. It ends with the thread that starts it, however that ends.
    void start();
    void end(int signal);                       // and waits for its end
    void freeze() const;                        // SIGSTOP, and waits until all of it stands still
    void thaw() const { process_->signal(18); } // SIGCONT
    bool running() const { return process_ != nullptr; }

    int port() const { return port_; }
    std::string uri() const { return "ldap://127.0.0.1:" + std::to_string(port_); }
    std::string tls_uri() const { return "ldaps://127.0.0.1:" + std::to_string(tls_port_); }
    std::string socket_uri() const;
    std::string log() const { return process_ ? process_->err() : ""; }

private:
    TemporaryDirectory directory_;
    int port_;
    int tls_port_;
    bool tls_ = false;
    std::unique_ptr<Process> process_;
};

// Listens at a port of loopback of its own.
class Listener {
public:
    Listener();
    int fd() const { return fd_.get(); }
    int port() const { return port_; }
    std::string uri() const { return "ldap://127.0.0.1:" + std::to_string(port_); }

    // Takes one connection, answers the first bytes there with these, and returns all that came
    // until the other side closed, or the time was up.
    std::string talk_once(std::string_view answer, milliseconds limit) const;

private:
    Fd fd_;
    int port_;
};

// Stands before a server and passes everything on, but for the first request to change a password.
class Proxy {
public:
    enum class Deed {
        drop_request, // closes the connection without passing it on
        drop_answer,  // passes it on, and closes the connection once it is answered
        hold_request, // says nothing more on this connection; the server never sees it
        hold_answer,  // passes it on and says nothing more
        answer_busy,  // answers in the server's place: result code 51
        answer_odd,   // the same: 80
    };
    // `then_gone`: after that there is no server here any more.
    Proxy(const LdapServer& server, Deed deed, bool then_gone = false);
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;
    ~Proxy();

    std::string uri() const { return uri_; }

private:
    void serve();
    void serve_connection(Fd client);
    bool spoil(const Fd& client, const Fd& server, std::string_view request);

    std::optional<Listener> listener_{std::in_place};
    std::string uri_ = listener_->uri();
    int server_port_;
    Deed deed_;
    bool then_gone_;
    bool spoiled_ = false;
    Pipe stop_; // its write end closed: the end
    std::thread thread_;
};

// The result code of a simple bind, -1 where there was none within two seconds. No code of ours is
// in it: it judges the programs under test.
int bind_code(const std::string& uri, const std::string& dn, const std::string& password);
inline bool can_bind(const std::string& uri, const std::string& dn, const std::string& password) {
    return bind_code(uri, dn, password) == 0;
}

// The values of an attribute of an entry, as the manager sees them, sorted.
std::vector<std::string> attribute(const std::string& uri, const std::string& dn,
                                   const std::string& name);

// What lets each of two servers take changes, and brings them to the other. The second begins
// empty.
LdapServerPlan multi_provider(int number, const LdapServer& other, const std::string& entries);

// Waits until both have the same contextCSN, that of every server with a number in it.
bool in_step(const LdapServer& one, const LdapServer& other,
             milliseconds limit = milliseconds{15'000});

// A key and a certificate for a server, by an authority of its own, as slapd's options; made with
// openssl.
struct Certificates {
    TemporaryDirectory directory;

    std::string authority(const std::string& name); // its file
    // `names`: as openssl's subjectAltName; `end`: of its validity, which began in 2020. Options
    // for LdapServerPlan::global.
    std::string server(const std::string& authority, const std::string& names,
                       const std::string& end = "20491231235959Z");

private:
    int count_ = 0;
};

} // namespace poppass::test
