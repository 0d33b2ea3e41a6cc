#include "ldap/session.hh"

#include "ldap/library.hh"
#include "ldap/server_text.hh"

namespace poppass {

namespace {

// The timeval that libldap was built with: -D_TIME_BITS=64 makes ours wider, and not libldap's.
#ifdef POPPASS_TIME_WIDENED
struct LdapTime {
    long tv_sec;
    long tv_usec;
};
#else
using LdapTime = timeval;
#endif

LdapTime time_left(Clock::time_point deadline) {
    const timespec left = time_until(deadline);
    return {static_cast<decltype(LdapTime::tv_sec)>(left.tv_sec), left.tv_nsec / 1000};
}

timeval* as_timeval(LdapTime& time) { return reinterpret_cast<timeval*>(&time); }

// libldap copies a password into the message that it builds, and the TLS library may copy it again.
// Both free their copies without clearing them, and cannot be told otherwise. The process ends
// soon.
berval borrow(std::string_view password) {
    return {password.size(), const_cast<char*>(password.data())};
}

// Asks for the password policy control; the answer has it if the server knows it.
struct PolicyRequest {
    LDAPControl control{const_cast<char*>(LDAP_CONTROL_PASSWORDPOLICYREQUEST), {0, nullptr}, 0};
    LDAPControl* list[2] = {&control, nullptr};
};

// libldap does not check that an answer is of the type that its request wants. The answer to a
// search begins with the entries that were found.
bool is_of_type(int kind, int type) {
    const bool found = kind == LDAP_RES_SEARCH_ENTRY || kind == LDAP_RES_SEARCH_REFERENCE;
    return kind == type || (type == LDAP_RES_SEARCH_RESULT && found);
}

std::string code_text(int code, const std::string& text) {
    std::string reason = ::ldap_err2string(code);
    if (!text.empty()) reason += ": " + clean_server_text(text);
    return reason;
}

} // namespace

Error LdapSession::server_trouble(std::string_view deed, std::string_view text) const {
    return trouble(name_ + ": " + std::string{deed} + ": " + std::string{text});
}

Error LdapSession::library_trouble(std::string_view deed, int code) const {
    return server_trouble(deed, ::ldap_err2string(code));
}

Result<LdapSession> LdapSession::open(const LdapUri& server, const LdapSecurity& security,
                                      Clock::time_point deadline) {
    const bool tls = security.protects(server);
    auto wire = LdapWire::connect(server, !tls, deadline);
    if (!wire) {
        wire.error().what = server.text() + ": " + wire.error().what;
        return wire.error();
    }
    LdapSession session{std::make_unique<LdapWire>(std::move(*wire)), server};
    if (!session.ld_) return trouble("libldap refuses the connection to " + server.text());
    if (auto done = session.set_options(security); !done) return done.error();
    if (!tls) return session;
    if (server.scheme == LdapUri::Scheme::ldap)
        if (auto done = session.ask_for_tls(); !done) return done.error();
    if (auto done = session.start_tls(security); !done) return done.error();
    return session;
}

Result<void> LdapSession::set_options(const LdapSecurity& security) {
    const auto set = [&](int option, const void* value) {
        return ::ldap_set_option(ld_.get(), option, value) == LDAP_OPT_SUCCESS;
    };
    const auto set_number = [&](int option, int number) { return set(option, &number); };
    const LdapTime no_limit{-1, 0}; // LdapWire keeps the limits
    char* package = nullptr;
    ::ldap_get_option(nullptr, LDAP_OPT_X_TLS_PACKAGE, &package);
    const bool gnutls = package != nullptr && std::string_view{package} == "GnuTLS";
    ::ldap_memfree(package);
    const bool done =
        set_number(LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
        set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF) && set(LDAP_OPT_RESTART, LDAP_OPT_ON) &&
        set_number(LDAP_OPT_DEREF, LDAP_DEREF_NEVER) && set_number(LDAP_OPT_SIZELIMIT, 2) &&
        set_number(LDAP_OPT_TIMELIMIT, 0) && set(LDAP_OPT_TIMEOUT, &no_limit) &&
        set(LDAP_OPT_NETWORK_TIMEOUT, &no_limit) && set(LDAP_OPT_SERVER_CONTROLS, nullptr) &&
        set(LDAP_OPT_CLIENT_CONTROLS, nullptr) &&
        set_number(LDAP_OPT_X_TLS, LDAP_OPT_X_TLS_NEVER) && // start_tls starts it
        set_number(LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
        set_number(LDAP_OPT_X_TLS_REQUIRE_SAN, LDAP_OPT_X_TLS_TRY) && // a name there counts alone
        set_number(LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2) &&
        // libldap does not pass the least version on to GnuTLS.
        (!gnutls ||
         set(LDAP_OPT_X_TLS_CIPHER_SUITE, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")) &&
        set(LDAP_OPT_X_TLS_CACERTDIR, nullptr) &&
        set(LDAP_OPT_X_TLS_CACERTFILE, security.ca.c_str()) &&
        set(LDAP_OPT_X_TLS_CERTFILE, nullptr) && set(LDAP_OPT_X_TLS_KEYFILE, nullptr);
    if (!done) return trouble("libldap refuses an option");
    return {};
}

Result<void> LdapSession::ask_for_tls() {
    int id = 0;
    const int code = ::ldap_start_tls(ld_.get(), nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) return library_trouble("StartTLS", code);
    const auto message = wait(id, LDAP_RES_EXTENDED);
    if (!message) return server_trouble("StartTLS", message.error().message());
    const auto answer = read_answer(*message);
    if (!answer) return answer.error();
    if (answer->code == LDAP_SUCCESS) return {};
    return server_trouble("StartTLS", code_text(answer->code, answer->text));
}

Result<void> LdapSession::start_tls(const LdapSecurity& security) {
    const int as_client = 0;
    if (::ldap_set_option(ld_.get(), LDAP_OPT_X_TLS_NEWCTX, &as_client) != LDAP_OPT_SUCCESS)
        return server_trouble("TLS", "libldap cannot use the certificates of " + security.ca);
    const auto wrong = install_tls(ld_.get());
    if (!wrong) return {};
    return server_trouble("TLS",
                          wire_->is_late() ? std::strerror(ETIMEDOUT) : certificate_fault(*wrong));
}

Result<LdapSession::Message> LdapSession::wait(int id, int type) {
    LdapTime left = time_left(wire_->deadline());
    LDAPMessage* message = nullptr;
    const int kind = ::ldap_result(ld_.get(), id, LDAP_MSG_ALL, as_timeval(left), &message);
    Message owner{message};
    if (kind > 0 && is_of_type(kind, type)) return owner;
    if (kind > 0) return trouble("an answer of the wrong type");
    if (wire_->is_flooded()) return trouble("the server sends more than a megabyte");
    if (kind == 0 || wire_->is_late()) return Error{ExitStatus::temporary, "no answer", ETIMEDOUT};
    int code = LDAP_SERVER_DOWN;
    ::ldap_get_option(ld_.get(), LDAP_OPT_RESULT_CODE, &code);
    return trouble(code == LDAP_SERVER_DOWN ? "the connection broke" : ::ldap_err2string(code));
}

Result<LdapSession::Answer> LdapSession::read_answer(const Message& message) {
    Answer answer;
    char* text = nullptr;
    char** referrals = nullptr;
    LDAPControl** controls = nullptr;
    const int code = ::ldap_parse_result(ld_.get(), message.get(), &answer.code, nullptr, &text,
                                         &referrals, &controls, 0);
    if (text != nullptr) answer.text = text;
    for (char** url = referrals; url != nullptr && *url != nullptr; ++url)
        answer.referrals.emplace_back(*url);
    LDAPControl* const control =
        ::ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, nullptr);
    ber_int_t expires = -1;
    ber_int_t grace = -1;
    LDAPPasswordPolicyError error = PP_noError;
    if (control != nullptr && ::ldap_parse_passwordpolicy_control(ld_.get(), control, &expires,
                                                                  &grace, &error) == LDAP_SUCCESS) {
        answer.policy_error = error == PP_noError ? -1 : static_cast<int>(error);
        answer.grace = grace >= 0;
    }
    ::ldap_memfree(text);
    ::ldap_memvfree(reinterpret_cast<void**>(referrals));
    ::ldap_controls_free(controls);
    if (code != LDAP_SUCCESS) return library_trouble("read an answer", code);
    return answer;
}

Result<LdapBound> LdapSession::bind(const std::string& dn, std::string_view password,
                                    Clock::time_point deadline) {
    if (dn.empty() || password.empty()) return LdapBound{LdapStanding::not_known, {}};
    wire_->set_deadline(deadline);
    berval credential = borrow(password);
    PolicyRequest policy;
    int id = 0;
    const int code = ::ldap_sasl_bind(ld_.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credential,
                                      policy.list, nullptr, &id);
    if (code != LDAP_SUCCESS) return library_trouble("bind", code);
    const auto message = wait(id, LDAP_RES_BIND);
    if (!message) return server_trouble("bind", message.error().message());
    const auto answer = read_answer(*message);
    if (!answer) return answer.error();

    switch (answer->code) {
    case LDAP_SUCCESS:
        // An expired password that can be used a few times more must be changed, too.
        if (answer->policy_error == PP_changeAfterReset || answer->grace)
            return LdapBound{LdapStanding::must_change, {}};
        return LdapBound{LdapStanding::accepted, {}};
    case LDAP_INVALID_CREDENTIALS:
        if (answer->policy_error == PP_accountLocked)
            return LdapBound{LdapStanding::refused, "the account is locked"};
        if (answer->policy_error == PP_passwordExpired)
            return LdapBound{LdapStanding::refused, "the password has expired"};
        return LdapBound{LdapStanding::not_known, {}};
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:  // the template is good, so it is the login
    case LDAP_INAPPROPRIATE_AUTH: // an entry without a password
        return LdapBound{LdapStanding::not_known, {}};
    case LDAP_CONSTRAINT_VIOLATION: // 389-ds: too many tries
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_UNWILLING_TO_PERFORM: // 389-ds: the account is switched off
        return LdapBound{LdapStanding::refused, code_text(answer->code, answer->text)};
    default: return server_trouble("bind", code_text(answer->code, answer->text));
    }
}

LdapEntry LdapSession::read_entry(LDAPMessage* message) {
    LdapEntry entry;
    char* const dn = ::ldap_get_dn(ld_.get(), message);
    if (dn != nullptr) entry.dn = dn;
    ::ldap_memfree(dn);
    BerElement* position = nullptr;
    for (char* name = ::ldap_first_attribute(ld_.get(), message, &position); name != nullptr;
         name = ::ldap_next_attribute(ld_.get(), message, position)) {
        berval** const values = ::ldap_get_values_len(ld_.get(), message, name);
        for (berval** value = values; value != nullptr && *value != nullptr; ++value)
            entry.values.push_back({name, {(*value)->bv_val, (*value)->bv_len}});
        ::ldap_value_free_len(values);
        ::ldap_memfree(name);
    }
    ::ber_free(position, 0);
    return entry;
}

Result<LdapSession::Found> LdapSession::search(const std::string& base, int scope,
                                               const std::string& filter,
                                               const std::vector<std::string>& attributes,
                                               Clock::time_point deadline) {
    wire_->set_deadline(deadline);
    std::vector<char*> wanted;
    for (const auto& attribute : attributes) wanted.push_back(const_cast<char*>(attribute.c_str()));
    wanted.push_back(nullptr);
    LdapTime limit = time_left(deadline);
    limit.tv_sec += 1;      // the server counts whole seconds, from one on
    constexpr int most = 2; // enough to see that there is more than one
    int id = 0;
    const int code =
        ::ldap_search_ext(ld_.get(), base.c_str(), scope, filter.c_str(), wanted.data(), 0, nullptr,
                          nullptr, as_timeval(limit), most, &id);
    if (code == LDAP_FILTER_ERROR) return misuse("not a filter: " + filter);
    if (code != LDAP_SUCCESS) return library_trouble("search", code);
    const auto message = wait(id, LDAP_RES_SEARCH_RESULT);
    if (!message) return server_trouble("search", message.error().message());
    auto answer = read_answer(*message);
    if (!answer) return answer.error();
    Found found{std::move(*answer), {}};
    for (LDAPMessage* entry = ::ldap_first_entry(ld_.get(), message->get()); entry != nullptr;
         entry = ::ldap_next_entry(ld_.get(), entry))
        found.entries.push_back(read_entry(entry));
    return found;
}

Result<std::optional<LdapEntry>> LdapSession::find(const std::string& base,
                                                   const std::string& filter,
                                                   const std::vector<std::string>& attributes,
                                                   Clock::time_point deadline) {
    auto found = search(base, LDAP_SCOPE_SUBTREE, filter, attributes, deadline);
    if (!found) return found.error();
    if (found->entries.size() > 1)
        return Error{ExitStatus::rejected, name_ + ": the search finds more than one entry", 0};
    if (found->answer.code != LDAP_SUCCESS)
        return server_trouble("search " + base, code_text(found->answer.code, found->answer.text));
    if (found->entries.empty()) return std::optional<LdapEntry>{};
    return std::optional{std::move(found->entries.front())};
}

Result<std::optional<LdapEntry>> LdapSession::read(const std::string& dn,
                                                   Clock::time_point deadline) {
    auto found = search(dn, LDAP_SCOPE_BASE, "(objectClass=*)", {LDAP_NO_ATTRS}, deadline);
    if (!found) return found.error();
    switch (found->answer.code) {
    case LDAP_SUCCESS:
        if (found->entries.empty()) return std::optional<LdapEntry>{};
        return std::optional{std::move(found->entries.front())};
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX: return std::optional<LdapEntry>{};
    default: return server_trouble("search", code_text(found->answer.code, found->answer.text));
    }
}

Result<std::string> LdapSession::who_am_i(Clock::time_point deadline) {
    wire_->set_deadline(deadline);
    int id = 0;
    const int code = ::ldap_whoami(ld_.get(), nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) return library_trouble("ask who is bound", code);
    const auto message = wait(id, LDAP_RES_EXTENDED);
    if (!message) return server_trouble("ask who is bound", message.error().message());
    const auto answer = read_answer(*message);
    if (!answer) return answer.error();
    if (answer->code != LDAP_SUCCESS) return std::string{}; // it does not know the question
    berval* told = nullptr;
    const int parsed = ::ldap_parse_whoami(ld_.get(), message->get(), &told);
    const std::string name = told == nullptr ? "" : std::string{told->bv_val, told->bv_len};
    ::ber_bvfree(told);
    if (parsed != LDAP_SUCCESS) return library_trouble("ask who is bound", parsed);
    return name.starts_with("dn:") ? name.substr(3) : std::string{};
}

LdapChange LdapSession::change_password(std::string_view old_password,
                                        std::string_view new_password, Clock::time_point deadline) {
    using How = LdapChange::How;
    wire_->set_deadline(deadline);
    berval old_value = borrow(old_password);
    berval new_value = borrow(new_password);
    PolicyRequest policy;
    int id = 0;
    const int code =
        ::ldap_passwd(ld_.get(), nullptr, &old_value, &new_value, policy.list, nullptr, &id);
    if (code != LDAP_SUCCESS) return {How::lost, ::ldap_err2string(code), {}};
    const auto message = wait(id, LDAP_RES_EXTENDED);
    if (!message)
        return {message.error().system_error == ETIMEDOUT ? How::late : How::lost,
                message.error().message(),
                {}};
    const auto answer = read_answer(*message);
    if (!answer) return {How::lost, answer.error().what, {}};

    std::string reason = code_text(answer->code, answer->text);
    switch (answer->code) {
    case LDAP_SUCCESS: return {How::changed, {}, {}};
    case LDAP_REFERRAL: return {How::referred, std::move(reason), answer->referrals};
    case LDAP_CONSTRAINT_VIOLATION:
    case LDAP_INVALID_SYNTAX:
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_UNWILLING_TO_PERFORM:
        return {How::refused, refusal_reason(answer->code, answer->policy_error, answer->text), {}};
    case LDAP_PROTOCOL_ERROR: // the server does not know the operation
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE: return {How::not_done, std::move(reason), {}};
    default: return {How::lost, std::move(reason), {}};
    }
}

} // namespace poppass
