// One connection to one server of a directory, by libldap: connect, verify the server, bind,
// search, change a password. Every step ends at its deadline. An error is trouble with this server,
// and another server may be asked; misuse is the exception.
#pragma once

#include "ldap/wire.hh"

#include <ldap.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poppass {

struct LdapSecurity {
    bool starttls = false; // on ldap:// connections
    std::string ca;        // the file of trusted certificates

    // Whether connections to the server use TLS.
    bool protects(const LdapUri& server) const {
        return server.scheme == LdapUri::Scheme::ldaps ||
               (server.scheme == LdapUri::Scheme::ldap && starttls);
    }
};

// What a bind says of a user.
enum class LdapStanding {
    accepted,
    must_change, // accepted, but the password has to be changed
    not_known,   // no such entry, or the password is wrong
    refused,     // by policy: locked, expired, or the like
};

struct LdapBound {
    LdapStanding standing;
    std::string reason; // refused: the server's, for the log
};

struct LdapEntry {
    struct Value {
        std::string attribute; // as the server writes it
        std::string value;
    };
    std::string dn;
    std::vector<Value> values;
};

// How a change of a password ended.
struct LdapChange {
    enum class How {
        changed,
        refused,  // reason: for the user
        referred, // this server makes no changes; referrals: servers that do
        not_done, // the server says that it cannot now; reason: for the log
        lost,     // the connection broke before the answer came, or the answer is not clear
        late,     // no answer came in time: the change may still be made
    } how;
    std::string reason;
    std::vector<std::string> referrals;
};

class LdapSession {
public:
    // Connects. Without TLS it uses loopback addresses and ldapi only. With TLS the server must
    // show a certificate that a trusted authority gave to this host name; before that, only a
    // StartTLS is sent.
    static Result<LdapSession> open(const LdapUri& server, const LdapSecurity& security,
                                    Clock::time_point deadline);

    // An empty password is not sent: to many servers that would be an anonymous bind.
    Result<LdapBound> bind(const std::string& dn, std::string_view password,
                           Clock::time_point deadline);

    // The one entry that the filter finds at and below the base, with the values of these
    // attributes that may be read; nothing if it finds none. More than one entry is a refusal
    // (rejected). A malformed filter is misuse.
    Result<std::optional<LdapEntry>> find(const std::string& base, const std::string& filter,
                                          const std::vector<std::string>& attributes,
                                          Clock::time_point deadline);

    // The entry with this DN, without values; nothing if there is none that may be read.
    Result<std::optional<LdapEntry>> read(const std::string& dn, Clock::time_point deadline);

    // The DN that the server has for the user that is bound (RFC 4532); empty if it tells none.
    Result<std::string> who_am_i(Clock::time_point deadline);

    // Changes the password of the user that is bound (RFC 3062).
    LdapChange change_password(std::string_view old_password, std::string_view new_password,
                               Clock::time_point deadline);

    // Only the destructor may be called afterwards.
    void close() {
        ld_.reset();
        wire_.reset();
    }

private:
    struct Answer {
        int code = 0;
        std::string text;
        std::vector<std::string> referrals;
        int policy_error = -1; // of the password policy control; -1: none
        bool grace = false;    // the password has expired, and can be used a few times more
    };
    struct Unbind {
        void operator()(LDAP* ld) const { ::ldap_unbind_ext(ld, nullptr, nullptr); }
    };
    struct FreeMessage {
        void operator()(LDAPMessage* message) const { ::ldap_msgfree(message); }
    };
    using Message = std::unique_ptr<LDAPMessage, FreeMessage>;

    struct Found {
        Answer answer;
        std::vector<LdapEntry> entries;
    };

    LdapSession(std::unique_ptr<LdapWire> wire, const LdapUri& server)
        : wire_(std::move(wire)), ld_(wire_->make_handle(server)), name_(server.text()) {}
    Result<Found> search(const std::string& base, int scope, const std::string& filter,
                         const std::vector<std::string>& attributes, Clock::time_point deadline);
    LdapEntry read_entry(LDAPMessage* message);
    Result<void> set_options(const LdapSecurity& security);
    Result<void> ask_for_tls();
    Result<void> start_tls(const LdapSecurity& security);
    // The answer to a request, of this type (LDAP_RES_...). ETIMEDOUT: none came in time.
    Result<Message> wait(int id, int type);
    Result<Answer> read_answer(const Message& message);
    Error server_trouble(std::string_view deed, std::string_view text) const;
    Error library_trouble(std::string_view deed, int code) const;

    std::unique_ptr<LdapWire> wire_;
    std::unique_ptr<LDAP, Unbind> ld_;
    std::string name_; // of the server
};

} // namespace poppass
