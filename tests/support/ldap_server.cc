#include "support/ldap_server.hh"

#include <algorithm>
#include <csignal>
#include <ldap.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace poppass::test {

namespace {

constexpr const char* slapd = "/usr/sbin/slapd";

using Clock = std::chrono::steady_clock;

template <class Done> bool wait_until(milliseconds limit, const Done& done) {
    const auto deadline = Clock::now() + limit;
    while (!done()) {
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(milliseconds{5});
    }
    return true;
}

void must(Program program) {
    const auto outcome = run(program);
    if (outcome.status != 0)
        throw std::runtime_error{program.argv[0] + ": " + outcome.out + outcome.err};
}

struct Unbind {
    void operator()(LDAP* ld) const { ::ldap_unbind_ext(ld, nullptr, nullptr); }
};
using Handle = std::unique_ptr<LDAP, Unbind>;

Handle connect(const std::string& uri) {
    LDAP* ld = nullptr;
    if (::ldap_initialize(&ld, uri.c_str()) != LDAP_SUCCESS) throw std::runtime_error{"libldap"};
    const int version = LDAP_VERSION3;
    const timeval limit{2, 0};
    ::ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ::ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
    ::ldap_set_option(ld, LDAP_OPT_TIMEOUT, &limit);
    return Handle{ld};
}

int simple_bind(const Handle& ld, const std::string& dn, const std::string& password) {
    std::string copy = password;
    berval credential{copy.size(), copy.data()};
    const int code = ::ldap_sasl_bind_s(ld.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credential,
                                        nullptr, nullptr, nullptr);
    return code < 0 ? -1 : code;
}

} // namespace

bool have_slapd() {
    return ::access(slapd, X_OK) == 0 && ::access("/usr/lib/ldap/back_mdb.so", R_OK) == 0 &&
           ::access("/etc/ldap/schema/inetorgperson.schema", R_OK) == 0;
}

bool have_openssl() { return run({.argv = {"sh", "-c", "command -v openssl"}}).status == 0; }

std::string user_dn(std::string_view uid) { return "uid=" + std::string{uid} + "," + people; }

std::string user_entry(std::string_view uid, std::string_view password, std::string_view more) {
    const std::string name{uid};
    return "dn: " + user_dn(uid) + "\nobjectClass: inetOrgPerson\nuid: " + name + "\ncn: " + name +
           "\nsn: " + name + "\nmail: " + name +
           "@example.org\nuserPassword: " + std::string{password} + "\n" + std::string{more} + "\n";
}

std::string policy_dn(std::string_view name) {
    return "cn=" + std::string{name} + ",ou=policies," + suffix;
}

std::string policy_entry(std::string_view name, std::string_view attributes) {
    return "dn: " + policy_dn(name) +
           "\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\ncn: " + std::string{name} +
           "\npwdAttribute: userPassword\n" + std::string{attributes} + "\n";
}

namespace {

// An answer with this result code to an extended operation. The first integer in the request is its
// number.
std::string extended_answer(std::string_view request, char code) {
    const std::size_t number = request.find(bytes("\x02\x01")) + 2;
    return bytes("\x30\x0c\x02\x01") + request[number] + bytes("\x78\x07\x0a\x01") + code +
           bytes("\x04\x00\x04\x00");
}

constexpr int long_ms = 60'000;

} // namespace

Proxy::Proxy(const LdapServer& server, Deed deed, bool then_gone)
    : server_port_{server.port()}, deed_{deed}, then_gone_{then_gone} {
    auto pipe = make_pipe();
    if (!pipe) throw std::runtime_error{"no pipe"};
    stop_ = std::move(*pipe);
    thread_ = std::thread{[this] { serve(); }};
}

Proxy::~Proxy() {
    stop_.write_end.reset();
    thread_.join();
}

void Proxy::serve() {
    while (listener_ && first_ready({stop_.read_end.get(), listener_->fd()}, long_ms) == 1) {
        serve_connection(Fd{::accept(listener_->fd(), nullptr, nullptr)});
        if (spoiled_ && then_gone_) listener_.reset();
    }
}

void Proxy::serve_connection(Fd client) {
    const Fd server = connect_port(server_port_);
    if (!server) return;
    const int ends[] = {client.get(), server.get()};
    for (;;) {
        const auto from = first_ready({stop_.read_end.get(), ends[0], ends[1]}, long_ms);
        if (!from || *from == 0) return;
        char block[4096]; // a message is shorter, and is read in one piece
        const auto n = ::read(ends[*from - 1], block, sizeof block);
        if (n <= 0) return;
        const std::string_view message{block, static_cast<std::size_t>(n)};
        const bool change = message.find("1.3.6.1.4.1.4203.1.11.1") != message.npos;
        if (*from == 1 && change && !spoiled_) {
            spoiled_ = true;
            if (spoil(client, server, message)) return;
            continue;
        }
        (void)write_whole(ends[2 - *from], message);
    }
}

// True if the connection is over.
bool Proxy::spoil(const Fd& client, const Fd& server, std::string_view request) {
    const auto pass_on = [&] {
        (void)write_whole(server.get(), request);
        (void)first_ready({stop_.read_end.get(), server.get()}, long_ms);
    };
    // Until the other side closes.
    const auto hold = [&] { (void)first_ready({stop_.read_end.get(), client.get()}, long_ms); };
    switch (deed_) {
    case Deed::drop_request: return true;
    case Deed::drop_answer: pass_on(); return true;
    case Deed::hold_request: hold(); return true;
    case Deed::hold_answer:
        pass_on();
        hold();
        return true;
    case Deed::answer_busy:
        (void)write_whole(client.get(), extended_answer(request, 51));
        return false;
    case Deed::answer_odd:
        (void)write_whole(client.get(), extended_answer(request, 80));
        return false;
    }
    return true;
}

LdapServer::LdapServer() : port_(std::stoi(free_port())), tls_port_(std::stoi(free_port())) {}

std::string LdapServer::socket_uri() const {
    std::string path = directory_.file("socket");
    for (std::size_t at; (at = path.find('/')) != path.npos;) path.replace(at, 1, "%2F");
    return "ldapi://" + path;
}

void LdapServer::prepare(const LdapServerPlan& plan) {
    tls_ = plan.tls;
    ::mkdir(directory_.file("data").c_str(), 0700);
    std::string text;
    for (const char* const schema : {"core", "cosine", "inetorgperson"})
        text += "include /etc/ldap/schema/" + std::string{schema} + ".schema\n";
    text +=
        "modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\nmoduleload syncprov\n"
        "threads 4\nlogLevel none\n" +
        plan.global + "database mdb\nmaxsize 16777216\nsuffix " + suffix + "\nrootdn " + manager +
        "\nrootpw manager\ndirectory " + directory_.file("data") +
        "\nindex objectClass,uid,mail,entryCSN,entryUUID eq\n" + plan.access + plan.database +
        "overlay ppolicy\nppolicy_use_lockout\nppolicy_hash_cleartext\n" + plan.overlays;
    write_file(directory_.file("slapd.conf"), text);
    if (plan.empty) return;
    std::string entries = "dn: " + suffix +
                          "\nobjectClass: dcObject\nobjectClass: organization\n"
                          "dc: example\no: example\n\n";
    for (const char* const folder : {"people", "policies"})
        entries += "dn: ou=" + std::string{folder} + "," + suffix +
                   "\nobjectClass: organizationalUnit\nou: " + folder + "\n\n";
    write_file(directory_.file("entries"), entries + plan.entries);
    // -w: with a contextCSN, which replication needs.
    must({.argv = {slapd, "-T", "add", "-q", "-w", "-f", directory_.file("slapd.conf"), "-l",
                   directory_.file("entries")}});
}

void LdapServer::start() {
    std::string listen = uri() + " " + socket_uri();
    if (tls_) listen += " " + tls_uri();
    process_ = std::make_unique<Process>(
        Program{.argv = {slapd, "-f", directory_.file("slapd.conf"), "-h", listen, "-d", "0"},
                .timeout = milliseconds{300'000},
                .before_exec = [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }});
    const bool answers = wait_until(milliseconds{10'000}, [&] {
        if (has_ended(process_->pid(), milliseconds{0}))
            throw std::runtime_error{"slapd ended: " + process_->wait().err};
        return bind_code(uri(), manager, "manager") == LDAP_SUCCESS;
    });
    if (!answers) throw std::runtime_error{"slapd does not answer"};
}

void LdapServer::freeze() const {
    process_->signal(SIGSTOP);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WSTOPPED | WNOWAIT);
}

void LdapServer::end(int signal) {
    process_->signal(signal);
    process_->signal(SIGCONT);
    process_->wait();
    process_.reset();
}

int bind_code(const std::string& uri, const std::string& dn, const std::string& password) {
    return simple_bind(connect(uri), dn, password);
}

std::vector<std::string> attribute(const std::string& uri, const std::string& dn,
                                   const std::string& name) {
    std::vector<std::string> values;
    const Handle ld = connect(uri);
    if (simple_bind(ld, manager, "manager") != LDAP_SUCCESS) return values;
    std::string wanted = name;
    char* attributes[] = {wanted.data(), nullptr};
    LDAPMessage* answer = nullptr;
    ::ldap_search_ext_s(ld.get(), dn.c_str(), LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0,
                        nullptr, nullptr, nullptr, 1, &answer);
    // A server that is frozen or ends gives no answer, and libldap aborts on none.
    LDAPMessage* const entry = answer == nullptr ? nullptr : ::ldap_first_entry(ld.get(), answer);
    berval** const list =
        entry == nullptr ? nullptr : ::ldap_get_values_len(ld.get(), entry, name.c_str());
    for (berval** value = list; value != nullptr && *value != nullptr; ++value)
        values.emplace_back((*value)->bv_val, (*value)->bv_len);
    ::ldap_value_free_len(list);
    ::ldap_msgfree(answer);
    std::sort(values.begin(), values.end());
    return values;
}

LdapServerPlan multi_provider(int number, const LdapServer& other, const std::string& entries) {
    const std::string id = std::to_string(number);
    // A checkpoint after each change. A server that is killed before its checkpoint never tells the
    // other servers about the changes since the last one.
    return {.global = "serverID " + id + "\n",
            .database = "syncrepl rid=00" + id + " provider=" + other.uri() +
                        " type=refreshAndPersist retry=\"1 +\" searchbase=" + suffix +
                        " bindmethod=simple binddn=" + manager +
                        " credentials=manager network-timeout=1\nmultiprovider on\n",
            .overlays = "overlay syncprov\nsyncprov-checkpoint 1 1\n",
            .entries = entries,
            .empty = number > 1};
}

bool in_step(const LdapServer& one, const LdapServer& other, milliseconds limit) {
    return wait_until(limit, [&] {
        const auto here = attribute(one.uri(), suffix, "contextCSN");
        return !here.empty() && here == attribute(other.uri(), suffix, "contextCSN");
    });
}

std::string Certificates::authority(const std::string& name) {
    const std::string file = directory.file(name);
    must({.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                   "-keyout", file + ".key", "-out", file}});
    return file;
}

std::string Certificates::server(const std::string& authority, const std::string& names,
                                 const std::string& end) {
    const std::string file = directory.file("server" + std::to_string(++count_));
    must({.argv = {"openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                   "-nodes", "-subj", "/CN=server", "-keyout", file + ".key", "-out",
                   file + ".csr"}});
    write_file(file + ".names", "subjectAltName=" + names + "\n");
    // `openssl ca`, because `openssl x509` in Debian 12 takes no dates in the past.
    write_file(file + ".list", "");
    write_file(file + ".conf", "[ca]\ndefault_ca = here\n[here]\npolicy = any\ndatabase = " + file +
                                   ".list\nnew_certs_dir = " + directory.path() +
                                   "\ndefault_md = sha256\nrand_serial = yes\n[any]\n"
                                   "commonName = supplied\n");
    must(
        {.argv = {
             "openssl",  "ca",      "-batch",   "-notext",          "-config",    file + ".conf",
             "-cert",    authority, "-keyfile", authority + ".key", "-startdate", "20200101000000Z",
             "-enddate", end,       "-extfile", file + ".names",    "-in",        file + ".csr",
             "-out",     file}});
    return "TLSCACertificateFile " + authority + "\nTLSCertificateFile " + file +
           "\nTLSCertificateKeyFile " + file + ".key\n";
}

} // namespace poppass::test
