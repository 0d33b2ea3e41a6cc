// TLS to the directory: which server the programs accept, and what they report if they refuse one.
#include "support/conversation.hh"
#include "support/ldap_server.hh"
#include "support/program.hh"

#include <doctest/doctest.h>
#include <ldap.h>

#include <thread>

using namespace poppass::test;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

bool cannot_run() { return missing(have_slapd(), "slapd") || missing(have_openssl(), "openssl"); }

struct TlsServer {
    LdapServer server;
    explicit TlsServer(const std::string& certificate) {
        server.prepare({.global = certificate, .entries = user_entry("joe", "old"), .tls = true});
        server.start();
    }
    // The same server, with both ways to start TLS.
    std::vector<Words> ways() const {
        return {{"-H", server.tls_uri()}, {"-H", server.uri(), "--starttls"}};
    }
};

Outcome check(Words words, const std::string& ca, Environment environment = {}) {
    words.insert(words.begin(), built("checkpw-ldap"));
    for (const auto& word : {std::string{"-D"}, "uid=%u," + people, std::string{"--ca"}, ca})
        words.push_back(word);
    return run(
        {.argv = words, .environment = std::move(environment), .record = bytes("joe\0old\0\0\0")});
}

// Settings that libldap would read if it were allowed to.
Environment hostile(const std::string& ca) {
    return {{"LDAPTLS_REQCERT", "never"}, {"LDAPTLS_REQSAN", "never"}, {"LDAPTLS_CACERT", ca}};
}

} // namespace

TEST_CASE("a certificate of a trusted authority, for this host, is taken") {
    if (cannot_run()) return;
    Certificates certificates;
    const auto ca = certificates.authority("ca");
    const TlsServer tls{certificates.server(ca, "IP:127.0.0.1")};
    for (const auto& way : tls.ways()) {
        const auto outcome = check(way, ca);
        CHECK(outcome.status == 0);
        CHECK(outcome.err == "");
    }
    // Once more through poppass.
    Words options = tls.ways()[0];
    for (const auto& word : {std::string{"-D"}, "uid=%u," + people, std::string{"--ca"}, ca})
        options.push_back(word);
    Service service{.check = options, .change = {}};
    service.check.insert(service.check.begin(), built("checkpw-ldap"));
    options.insert(options.begin(), built("setpw-ldap"));
    service.change = quoted(options);
    Conversation client{service};
    CHECK(client.ask("user joe") == "200 Your password please.");
    CHECK(client.ask("pass old") == "200 Your new password please.");
    CHECK(client.ask("newpass fresh one") == "200 Password changed, thank-you.");
    CHECK(can_bind(tls.server.uri(), user_dn("joe"), "fresh one"));
}

TEST_CASE("another authority, an expired certificate and another host are refused, and the log "
          "says which") {
    if (cannot_run()) return;
    Certificates certificates;
    const auto ca = certificates.authority("ca");
    const auto other = certificates.authority("other");
    struct Case {
        std::string certificate;
        std::string trusted;
        std::string_view says;
    };
    for (const auto& [certificate, trusted, says] :
         {Case{certificates.server(other, "IP:127.0.0.1"), ca,
               "the server's certificate: no trusted authority issued it (--ca)"},
          Case{certificates.server(ca, "IP:127.0.0.1", "20210101000000Z"), ca,
               "the server's certificate: it has expired"},
          Case{certificates.server(ca, "DNS:ldap.example"), ca,
               "the server's certificate: it is not for this host name"},
          Case{certificates.server(ca, "IP:127.0.0.2,DNS:127.0.0.1"), ca,
               "the server's certificate: it is not for this host name"}}) {
        const TlsServer tls{certificate};
        for (const auto& way : tls.ways()) {
            const auto outcome = check(way, trusted, hostile(other));
            CAPTURE(way[1]);
            CHECK(outcome.status == 111);
            CHECK(outcome.out == "");
            CHECK(
                has(outcome.err, "checkpw-ldap: " + way[1] + ": TLS: " + std::string{says} + "\n"));
            std::vector<std::string> look{built("checkpw-ldap"), "--check", "-D",
                                          "uid=%u," + people,    "--ca",    trusted};
            look.insert(look.end(), way.begin(), way.end());
            const auto looked = run({.argv = look});
            CHECK(has(
                looked.out,
                std::string{says} +
                    ": see that the server runs there, or correct -H, --ca or its certificate\""));
        }
    }
}

TEST_CASE("with a CA file without certificates no server is trusted, and the log says so") {
    if (cannot_run()) return;
    Certificates certificates;
    const auto ca = certificates.authority("ca");
    const TlsServer tls{certificates.server(ca, "IP:127.0.0.1")};
    const std::string says = LDAP_VENDOR_VERSION < 20600 // this version begins the handshake
                                 ? "the server's certificate: no trusted authority issued it (--ca)"
                                 : "libldap cannot use the certificates of /dev/null";
    for (const auto& way : tls.ways()) {
        const auto outcome = check(way, "/dev/null", hostile(ca));
        CAPTURE(way[1]);
        CHECK(outcome.status == 111);
        CHECK(outcome.out == "");
        CHECK(has(outcome.err, "checkpw-ldap: " + way[1] + ": TLS: " + says + "\n"));
    }
}

TEST_CASE("a StartTLS that fails ends the connection, and no password goes over it") {
    if (cannot_run()) return;
    LdapServer plain; // it has no TLS
    plain.prepare({.entries = user_entry("joe", "old")});
    plain.start();
    const auto refused = check({"-H", plain.uri(), "--starttls"}, "/dev/null");
    CHECK(refused.status == 111);
    CHECK(has(refused.err, ": StartTLS: Protocol error"));

    // This server agrees, and then records what the client sends.
    const Listener liar;
    std::string heard;
    std::thread server{[&] {
        heard = liar.talk_once(bytes("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
                               milliseconds{1500});
    }};
    const auto fooled = check({"-H", liar.uri(), "--starttls", "-t", "1"}, "/dev/null");
    server.join();
    CHECK(fooled.status == 111);
    CHECK(has(fooled.err, ": TLS: "));
    CHECK(has(heard, "1.3.6.1.4.1.1466.20037"));
    CHECK_FALSE(has(heard, "old"));
    CHECK_FALSE(has(heard, "joe"));
}
