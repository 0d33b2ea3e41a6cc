#include "ldap/server_text.hh"

#include "base/text.hh"

#include <charconv>
#include <ldap.h>

namespace poppass {

namespace {

std::string_view policy_reason(int error) {
    switch (error) {
    case PP_passwordModNotAllowed: return "you may not change your password";
    case PP_mustSupplyOldPassword: return "the old password must be given";
    case PP_insufficientPasswordQuality: return "your new password is too weak";
    case PP_passwordTooShort: return "your new password is too short";
    case PP_passwordTooYoung: return "you must wait longer to change your password";
    case PP_passwordInHistory: return "your new password has been used before";
    case 9: return "your new password is too long"; // named since OpenLDAP 2.5
    default: return {};
    }
}

std::string_view code_reason(int code) {
    switch (code) {
    case LDAP_CONSTRAINT_VIOLATION: return "your new password breaks a rule of the directory";
    case LDAP_INSUFFICIENT_ACCESS: return "you may not change your password";
    default: return "the directory refuses the change";
    }
}

// libldap built with GnuTLS gives only a number: the bits of gnutls_certificate_status_t.
std::string_view gnutls_fault(unsigned status) {
    struct Bit {
        unsigned bit;
        std::string_view fault;
    };
    for (const auto& [bit, fault] :
         {Bit{1u << 5u, "it was revoked"}, Bit{1u << 6u, "no trusted authority issued it (--ca)"},
          Bit{1u << 10u, "it has expired"}, Bit{1u << 9u, "it is not valid yet"},
          Bit{1u << 7u, "its issuer is no authority"}, Bit{1u << 8u, "its algorithm is too weak"},
          Bit{1u << 18u, "it is not for servers"}})
        if ((status & bit) != 0) return fault;
    return "it is not valid";
}

} // namespace

std::string clean_server_text(std::string_view text) { return one_line(text, 100); }

std::string refusal_reason(int result_code, int policy_error, std::string_view server_text) {
    const std::string text = clean_server_text(server_text);
    std::string reason{policy_reason(policy_error)};
    if (reason.empty()) return text.empty() ? std::string{code_reason(result_code)} : text;
    // The server may say more, such as the least length.
    return text.empty() ? reason : reason + " (" + text + ")";
}

std::string certificate_fault(std::string_view text) {
    const std::string clean = clean_server_text(text);
    const auto has = [&](std::string_view part) { return clean.find(part) != clean.npos; };
    if (constexpr std::string_view mark = "untrusted or revoked (0x"; has(mark)) {
        unsigned status = 0;
        const char* const number = clean.data() + clean.find(mark) + mark.size();
        std::from_chars(number, clean.data() + clean.size(), status, 16);
        return "the server's certificate: " + std::string{gnutls_fault(status)};
    }
    if (has("certificate is expired") || has("certificate has expired"))
        return "the server's certificate: it has expired";
    if (has("not yet active") || has("not yet valid"))
        return "the server's certificate: it is not valid yet";
    if (has("issuer certificate") || has("self-signed") || has("self signed"))
        return "the server's certificate: no trusted authority issued it (--ca)";
    if (has("hostname") || has("subjectAltName"))
        return "the server's certificate: it is not for this host name";
    return clean;
}

} // namespace poppass
