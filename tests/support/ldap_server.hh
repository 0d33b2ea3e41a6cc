// Real slapd processes for the suites of the directory. They run on loopback in a directory of
// their own, and end with this process.
#pragma once

#include "support/listener.hh"
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
bool have_openssl(); // Certificates needs it

inline const std::string suffix = "dc=example,dc=org";
inline const std::string people = "ou=people," + suffix;
inline const std::string manager = "cn=manager," + suffix; // may everything; password "manager"

std::string user_dn(std::string_view uid); // uid=UID,ou=people,...

// The LDIF of a user with that password. `more`: further lines of LDIF, each with its line feed.
std::string user_entry(std::string_view uid, std::string_view password, std::string_view more = {});

// The LDIF of a password policy. A user has it by `pwdPolicySubentry: DN`.
std::string policy_dn(std::string_view name);
std::string policy_entry(std::string_view name, std::string_view attributes);

struct LdapServerPlan {
    std::string global = {};   // further lines of slapd.conf, before its database
    std::string database = {}; // further lines in the database
    std::string overlays = {}; // further lines after the overlay ppolicy
    std::string entries = {};  // LDIF, after the suffix and the folders people and policies
    bool empty = false;        // no entry at all: another server will send them
    bool tls = false;          // it also listens for ldaps
    std::string access = "access to attrs=userPassword by self =xw by anonymous auth by * none\n"
                         "access to * by * read\n";
};

class LdapServer {
public:
    // Reserves the ports and makes the database. Does not start the server yet.
    LdapServer();
    void prepare(const LdapServerPlan& plan);

    // Starts the server, and waits until it answers. The server ends when the thread that started
    // it ends, for any reason.
    void start();
    void end(int signal);                       // sends the signal, and waits for the end
    void freeze() const;                        // SIGSTOP; waits until all threads have stopped
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

// A proxy before a server. It passes everything on, except for the first request to change a
// password.
class Proxy {
public:
    enum class Deed {
        drop_request, // closes the connection without passing it on
        drop_answer,  // passes it on, and closes the connection when the server answers
        hold_request, // sends nothing more on this connection; the server never gets the request
        hold_answer,  // passes it on, and sends nothing more
        answer_busy,  // answers instead of the server: result code 51
        answer_odd,   // the same with result code 80
    };
    // `then_gone`: after that nothing listens here any more.
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
    Pipe stop_; // closing its write end stops the thread
    std::thread thread_;
};

// The result code of a simple bind; -1 if none came within two seconds. It uses no code of ours,
// because it judges the programs under test.
int bind_code(const std::string& uri, const std::string& dn, const std::string& password);
inline bool can_bind(const std::string& uri, const std::string& dn, const std::string& password) {
    return bind_code(uri, dn, password) == 0;
}

// The values of an attribute of an entry, as the manager sees them, in sorted order.
std::vector<std::string> attribute(const std::string& uri, const std::string& dn,
                                   const std::string& name);

// The configuration that lets each of two servers accept changes and send them to the other. The
// second server begins empty.
LdapServerPlan multi_provider(int number, const LdapServer& other, const std::string& entries);

// Waits until both servers have the same contextCSN for every server number.
bool in_step(const LdapServer& one, const LdapServer& other,
             milliseconds limit = milliseconds{15'000});

// A key and a certificate for a server, from an authority of its own, as options for slapd. openssl
// makes them.
struct Certificates {
    TemporaryDirectory directory;

    std::string authority(const std::string& name); // the path of its certificate
    // `names`: as openssl's subjectAltName. `end`: the end of the validity, which began in 2020.
    // Returns options for LdapServerPlan::global.
    std::string server(const std::string& authority, const std::string& names,
                       const std::string& end = "20491231235959Z");

private:
    int count_ = 0;
};

} // namespace poppass::test
