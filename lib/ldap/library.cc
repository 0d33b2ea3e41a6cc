#include "ldap/library.hh"

#include "base/settings.hh"

#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <resolv.h>

namespace poppass {

namespace {

// What is wrong with a certificate, libldap built with GnuTLS says to its debug log alone, and that
// knows of no handle: so the first such line of a handshake is kept here.
std::array<char, 256> handshake_line;

extern "C" void keep_handshake_line(const char* text) {
    const std::string_view line{text};
    if (handshake_line[0] != '\0' || !line.starts_with("TLS: ") || line.starts_with("TLS: can't"))
        return;
    handshake_line[line.copy(handshake_line.data(), handshake_line.size() - 1)] = '\0';
}

// Set for a while: what the administrator set for the next link comes back.
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
    // Two seconds for each name server, once: libldap looks its own host up, and we look up others.
    if (::res_init() == 0) {
        _res.retrans = 2;
        _res.retry = 1;
    }
    // libldap looks for these at its first call, and never again. The second keeps it from loading
    // the plug-ins of a SASL that nobody here speaks. A directory that is not there would be
    // logged.
    const ScopedVariable no_files{"LDAPNOINIT", "1"};
    const ScopedVariable no_plugins{"SASL_PATH", "/"};
    set_debug_level(0);
    ::ber_set_option(nullptr, LBER_OPT_LOG_PRINT_FN, reinterpret_cast<void*>(&keep_handshake_line));
}

std::optional<std::string> install_tls(LDAP* ld) {
    handshake_line[0] = '\0';
    set_debug_level(1); // LDAP_DEBUG_TRACE, which no header for us names
    const int code = ::ldap_install_tls(ld);
    set_debug_level(0);
    if (code == LDAP_SUCCESS && ::ldap_tls_inplace(ld) == 1) return std::nullopt;
    if (handshake_line[0] != '\0') return handshake_line.data();
    char* text = nullptr;
    ::ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    std::string words = text != nullptr ? text : ::ldap_err2string(code);
    ::ldap_memfree(text);
    return words;
}

} // namespace poppass
