// poppass with TLS, as services/ and scripts/poppass-change set it up.
#include "support/live_service.hh"

#include <chrono>
#include <doctest/doctest.h>
#include <memory>
#include <thread>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// A certificate for localhost and 127.0.0.1, which is its own authority: tls.pem with its key, and
// ca.pem.
void make_certificate(const CredentialFixture& fixture) {
    const auto end =
        run({.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                      "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                      fixture.file("key.pem"), "-out", fixture.file("ca.pem")}});
    REQUIRE(end.status == 0);
    write_file(fixture.file("tls.pem"),
               read_file(fixture.file("key.pem")) + read_file(fixture.file("ca.pem")));
}

// checkpw, after a link that reports the client's address which PAM's link would give to PAM.
std::string telling_link(const CredentialFixture& fixture) {
    const auto path = fixture.file("tell");
    write_file(path,
               "#!/bin/sh\necho \"link: from $TCPREMOTEIP\" >&2\nexec '" + built("checkpw") +
                   "' \"$@\"\n",
               0755);
    return path;
}

// A directory in which poppass-change finds what it needs, and only one of the TLS clients.
std::string path_with(const CredentialFixture& fixture, const std::string& tls_client) {
    const auto folder = fixture.file("with-" + tls_client);
    REQUIRE(run({.argv = {"mkdir", folder}}).status == 0);
    for (const std::string name : {"sh", "dirname", "mktemp", "mkfifo", "rm", tls_client.c_str()})
        REQUIRE(run({.argv = {"/bin/sh", "-c", "ln -s \"$(command -v " + name + ")\" " + folder}})
                    .status == 0);
    REQUIRE(::symlink(built("poppass-client").c_str(), (folder + "/poppass-client").c_str()) == 0);
    return folder;
}

// Everything that the project promises about a server with TLS.
void check_service(LiveService& service, const std::string& port, const std::string& address) {
    // The client has another address than the server, so that a mistake cannot look right.
    const auto raw = run(
        {.argv = {"socat", "-t10", "-",
                  "OPENSSL:127.0.0.1:" + port + ",bind=127.0.0.2,cafile=" + service.file("ca.pem")},
         .input = "user joe\r\npass old\r\nquit\r\n"});
    CHECK(raw.out == "200 test.example hello, who are you?\r\n200 Your password please.\r\n"
                     "200 Your new password please.\r\n200 Bye.\r\n");
    CHECK(service.log_has("link: from " + address));
    CHECK(service.log_has("event=check result=accepted user=joe ip=" + address + " "));
    CHECK(service.log_has(
        "event=end ")); // ended by quit, or by socat, which signals it after a close

    std::string password = "old";
    for (const std::string tls_client : {"openssl", "socat"}) {
        CAPTURE(tls_client);
        const auto path = path_with(service, tls_client);
        const auto change = [&](const Words& words, const std::string& host,
                                const std::string& input) {
            Words argv{beside_tests("../scripts/poppass-change"), "--tls"};
            argv.insert(argv.end(), words.begin(), words.end());
            for (const auto& word : {host, port, std::string{"--"}, std::string{"-u"},
                                     std::string{"joe"}, std::string{"--stdin"}})
                argv.push_back(word);
            return run({.argv = argv, .environment = {{"PATH", path}}, .input = input});
        };
        const Words ca{"--ca", service.file("ca.pem")};
        const std::string next = tls_client == "socat" ? "Hood4decree6Judge" : "Sheep7table2Vivid";
        auto end = change(ca, "localhost", "wrong\n" + next + "\n");
        CHECK(end.status == 1);
        CHECK(holds(end.err, "refused: Old password is incorrect."));
        end = change(ca, "127.0.0.1", password + "\n" + next + "\n");
        INFO(end.err);
        CHECK(end.status == 0);
        CHECK(service.accepts(next));
        password = next;

        // A server that cannot prove its name gets no data.
        CHECK(change(ca, "127.0.0.3", password + "\nstolen\n").status == 111);
        CHECK(change({}, "localhost", password + "\nstolen\n").status == 111);
        CHECK(service.accepts(password));
    }
    CHECK_FALSE(holds(service.log(), "ip=- "));
}

bool lacks_something() {
    return missing(have_program("stunnel"), "stunnel (stunnel4)") ||
           missing(have_program("socat"), "socat") || missing(have_program("openssl"), "openssl") ||
           missing(have_program("tcpserver"), "tcpserver (ucspi-tcp)");
}

// The service on loopback, behind a limit, to which stunnel and socat pass connections on.
void start_behind(LiveService& service, const std::string& most, Environment more = {}) {
    service.start({"tcpserver", "-1", "-HRl0", "-c", most, "127.0.0.1", "0", built("poppass"),
                   "test.example", telling_link(service), "--allow-expired", "/bin/false"},
                  "", std::move(more));
}

std::unique_ptr<Process> start_front(const Words& server, const std::string& port) {
    auto front =
        std::make_unique<Process>(Program{.argv = server, .timeout = milliseconds{300'000}});
    REQUIRE(listens(port));
    return front;
}

Words stunnel_before(const LiveService& service, const std::string& port) {
    return {"stunnel",
            service.service_file("stunnel/connect.conf.in",
                                 {"accept = 1106", "accept = 127.0.0.1:" + port, "127.0.0.1:106\n",
                                  "127.0.0.1:" + service.port() + "\n"})};
}

Words socat_before(const LiveService& service, const std::string& port) {
    return {service.service_file("socat/run.in",
                                 {"LISTEN:1106", "LISTEN:" + port + ",bind=127.0.0.1",
                                  "TCP:127.0.0.1:106", "TCP:127.0.0.1:" + service.port()})};
}

} // namespace

TEST_CASE("stunnel and socat pass connections on to the service") {
    if (lacks_something()) return;
    for (const auto before : {stunnel_before, socat_before}) {
        LiveService service;
        make_certificate(service);
        start_behind(service, "40");
        const auto port = free_port();
        const auto front = start_front(before(service, port), port);
        check_service(service, port, "127.0.0.1");
    }
}

TEST_CASE("clients that hang up get no more guesses than the limit allows") {
    if (lacks_something()) return;
    constexpr int places = 2, delay = 2, clients = 20;
    for (const auto before : {stunnel_before, socat_before}) {
        LiveService service;
        make_certificate(service);
        const auto guesses = service.file("guesses"), link = service.file("counting");
        write_file(guesses, "");
        write_file(link, "#!/bin/sh\necho >>" + guesses + "\nexit 1\n", 0755);
        service.start({"tcpserver", "-1", "-HRl0", "-c", std::to_string(places), "127.0.0.1", "0",
                       built("poppass"), "test.example", link, "/bin/false"},
                      "", {{"POPPASS_DELAY", std::to_string(delay)}});
        const auto port = free_port();
        const auto front = start_front(before(service, port), port);

        const auto start = std::chrono::steady_clock::now();
        // Each client sends its guess, and closes the connection without waiting for the answer.
        const auto ended = run({.argv = {"/bin/sh", "-c",
                                         "for i in $(seq " + std::to_string(clients) +
                                             "); do printf 'user joe\\r\\npass bad\\r\\n' | socat "
                                             "-t1 - OPENSSL:127.0.0.1:" +
                                             port + ",verify=0 >/dev/null 2>&1 & done; wait"},
                                .timeout = milliseconds{60'000}});
        CHECK(ended.status == 0);
        std::this_thread::sleep_for(std::chrono::seconds{2 * delay});
        const auto made = read_file(guesses).size();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
                                 std::chrono::steady_clock::now() - start)
                                 .count();
        INFO(made, " guesses in ", seconds, " s");
        CHECK(made > 0);
        CHECK(made <= static_cast<std::size_t>(places * (seconds / delay + 2)));
    }
}

TEST_CASE("stunnel between tcpserver and poppass") {
    if (lacks_something()) return;
    LiveService service;
    make_certificate(service);
    const auto conf =
        service.service_file("stunnel/inetd.conf.in", {"@sbindir@/checkpw", telling_link(service),
                                                       "mail.example.org", "test.example"});
    service.start({"tcpserver", "-1", "-HRl0", "127.0.0.1", "0", "stunnel", conf}, "");
    check_service(service, service.port(), "127.0.0.2");
}
