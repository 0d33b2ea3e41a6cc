#include "ldap/library.hh"

#include "base/network.hh"
#include "base/settings.hh"

#include <array>
#include <cstdlib>

namespace poppass {

namespace {

// If libldap is built with GnuTLS, it says what is wrong with a certificate only in its debug log,
// which belongs to no handle. So the first such line of a handshake is kept here.
std::array<char, 256> handshake_line;

extern "C" void keep_handshake_line(const char* text) {
    const std::string_view line{text};
    if (handshake_line[0] != '\0' || !line.starts_with("TLS: ") || line.starts_with("TLS: can't"))
        return;
    handshake_line[line.copy(handshake_line.data(), handshake_line.size() - 1)] = '\0';
}

// Sets a variable, and restores what the administrator set: the next link inherits it.
class ScopedVariable {
public:
    ScopedVariable(const char* name, const char* value) : name_(name) {
        if (const auto before = environment(name)) before_ = *before;
        ::setenv(name, value, 1);
    }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable() {
        if (before_)
            ::setenv(name_, before_->c_str(), 1);
        else
            ::unsetenv(name_);
    }

private:
    const char* name_;
    std::optional<std::string> before_;
};

void set_debug_level(int level) { ::ldap_set_option(nullptr, LDAP_OPT_DEBUG_LEVEL, &level); }

} // namespace

void prepare_libldap() {
    // Each name server gets one try of two seconds: libldap looks up the name of this host, and we
    // look up others.
    hurry_resolver();
    // libldap reads these two at its first call only. SASL_PATH keeps it from loading the plug-ins
    // of SASL, which is not used here. The directory exists, because a missing one would be logged.
    const ScopedVariable no_files{"LDAPNOINIT", "1"};
    const ScopedVariable no_plugins{"SASL_PATH", "/"};
    set_debug_level(0);
    ::ber_set_option(nullptr, LBER_OPT_LOG_PRINT_FN, reinterpret_cast<void*>(&keep_handshake_line));
}

std::optional<std::string> install_tls(LDAP* ld) {
    handshake_line[0] = '\0';
    set_debug_level(1); // LDAP_DEBUG_TRACE, which no installed header defines
    const int code = ::ldap_install_tls(ld);
    set_debug_level(0);
    if (code == LDAP_SUCCESS && ::ldap_tls_inplace(ld) == 1) return std::nullopt;
    if (handshake_line[0] != '\0') return handshake_line.data();
    char* text = nullptr;
    ::ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    std::string reason = text != nullptr ? text : ::ldap_err2string(code);
    ::ldap_memfree(text);
    return reason;
}

} // namespace poppass
