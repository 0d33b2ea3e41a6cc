// Dovecot's passwd-file, as checkpw and setpw use it.
#include "support/users_file.hh"

#include <algorithm>
#include <doctest/doctest.h>
#include <limits>

using namespace poppass;
using namespace poppass::test;

namespace {

// All these hashes are of the password "old".
const std::string& sha256 = hash_of_old;
const std::string sha512 =
    "$6$rounds=1000$abcdefgh$4fMqAn0kzIQXRKBX26iZpl0OHRZRV3IlpLRClkA6uEqPmGFBqY6AvGVXQ62V."
    "pesr5dgpwCh2k/MG0QOp08YH/";
const std::string bcrypt = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.dtVjc7gaYmN4mc5147k8AzYQugGc3YW";
const std::string md5 = "$1$saltsalt$vgH4geits1dO97n9gC6X10";
const std::string des = "CCq.V1blaMmpU";

using Users = UsersFile;

int check(const Users& users, const std::string& login, const std::string& password,
          const std::vector<std::string>& more = {}) {
    auto program = users.call("checkpw", more);
    program.record = login + '\0' + password + bytes("\0\0\0");
    return run(program).status;
}

Outcome set(const Users& users, const std::string& login,
            const std::vector<std::string>& more = {}) {
    auto program = users.call("setpw", more);
    program.record = login + bytes("\0old\0\0new\0");
    return run(program);
}

} // namespace

TEST_CASE("every scheme that crypt(3) does is verified, under any prefix of one") {
    for (const auto& hash : {sha256, sha512, bcrypt, md5, des})
        for (const std::string prefix : {"", "{CRYPT}", "{crypt}", "{SHA512-CRYPT}", "{BLF-CRYPT}"})
            for (const std::string rest :
                 {"", ":", ":1000:1000::/home/joe:/bin/sh:a:b", "|quota=1"}) {
                const bool piped = rest.starts_with('|');
                const Users users{std::string{"ann"} + (piped ? "|" : ":") + "x\njoe" +
                                  (piped ? "|" : ":") + prefix + hash + rest + "\n"};
                CAPTURE(users.content());
                CHECK(check(users, "joe", "old") == 0);
                CHECK(check(users, "joe", "bad") == 1);
                CHECK(check(users, "ann", "x") == 1);
            }
}

TEST_CASE("a scheme that is not known is trouble that names it, and never rewritten") {
    for (const std::string name : {"NTLM", "CRAM-MD5", "CRYPT.HEX", ""}) {
        const std::string line = "joe:{" + name + "}" + sha256 + ":1000:1000::::\n";
        const Users users{line};
        CAPTURE(line);
        CHECK(check(users, "joe", "old") == 111);
        CHECK(check(users, "joe", "") == 111);
        const auto outcome = set(users, "joe");
        CHECK(outcome.status == 111);
        CHECK(outcome.err.find("the scheme " + name + " is not known") != std::string::npos);
        CHECK(users.content() == line);
    }
}

TEST_CASE(
    "a hash that is none of its scheme is refused, whatever the password, and not rewritten") {
    for (const std::string scheme :
         {"{SSHA}", "{SHA512}", "{ARGON2ID}", "{PLAIN-MD5}", "{PBKDF2}", "{SCRAM-SHA-256}"})
        for (const std::string& value : {std::string{"old"}, sha256}) {
            const std::string line = "joe:" + scheme + value + ":1000:1000::::\n";
            const Users users{line};
            CAPTURE(line);
            CHECK(check(users, "joe", "old") == 1);
            CHECK(check(users, "joe", value) == 1);
            CHECK(set(users, "joe").status == 1);
            CHECK(users.content() == line);
        }
}

TEST_CASE("Dovecot's other schemes are verified; those that are not weak stay") {
    const struct {
        std::string stored; // of "old"
        std::vector<std::string> options;
        std::string after;
    } cases[] = {
        {"{PLAIN}old", {}, "{CRYPT}$y$"},
        {"{PLAIN.b64}b2xk", {}, "{CRYPT}$y$"},
        {"{plain-md5}149603e6c03516362a8da23f624db945", {}, "{CRYPT}$y$"},
        {"{SHA1.hex}c00dbbc9dadfbe1e232e93a729dd4752fade0abf", {}, "{CRYPT}$y$"},
        {"{ssha512}ePlus0GVcgSIn5ZdxFAPoXCw0kuUQl2MLsGRB+eWpnpQ1IkznScTqJScN/"
         "TSmiH9pMfOQdGuQy3tUaE2kdnVi3NhbHRzYWx0",
         {},
         "{ssha512}"},
        {"{SSHA512.hex}"
         "78f96eb341957204889f965dc4500fa170b0d24b94425d8c2ec19107e796a67a50d489339d2713a8949c37f4d"
         "29a21fda4c7ce41d1ae432ded51a13691d9d58b73616c7473616c74",
         {},
         "{SSHA512}"},
        {"{ssha512}ePlus0GVcgSIn5ZdxFAPoXCw0kuUQl2MLsGRB+eWpnpQ1IkznScTqJScN/"
         "TSmiH9pMfOQdGuQy3tUaE2kdnVi3NhbHRzYWx0",
         {"-m", "sha256crypt", "-c", "1000"},
         "{CRYPT}$5$rounds=1000$"},
        {"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$l7Io8/gKFqHG9qHbNPZH1Q$spjuX5u/"
         "9y+LinHPTFbDIo51sZYsHoF1a/O+0+iM3/M",
         {},
         "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$"},
        {"{PBKDF2}$1$salt$100$bc21a77192cd7f9fa9949f52b7ccdb6049e6cb1e", {}, "{PBKDF2}$1$"},
        {"{SCRAM-SHA-256}100,c2FsdHNhbHQ=,VfNwkIdOsX4qIZHJsKCbxA4l+rxo1qoUvJ2gqqdCkA4=,"
         "gFLEyjhJrXqT4W5cLuuRU24HBV9m/TwNir0WhOlPrxc=",
         {},
         "{SCRAM-SHA-256}600000,"},
    };
    for (const auto& [stored, options, after] : cases) {
        CAPTURE(stored);
        const Users users{"ann:{SSHA}keep\njoe:" + stored + ":1000:1000::::x=y\n"};
        CHECK(check(users, "joe", "old") == 0);
        CHECK(check(users, "joe", "old ") == 1);
        CHECK(set(users, "joe", options).status == 0);
        CHECK_MESSAGE(users.content().starts_with("ann:{SSHA}keep\njoe:" + after), users.content());
        CHECK(users.content().ends_with(":1000:1000::::x=y\n"));
        CHECK(check(users, "joe", "new") == 0);
        CHECK(check(users, "joe", "old") == 1);
    }
}

TEST_CASE("where all users have another scheme, an unknown one costs what they cost") {
    const auto spent = [](const Users& users, const std::string& login) {
        auto least = std::numeric_limits<double>::max();
        for (int i = 0; i < 8; ++i) {
            const double begin = time_of_children();
            CHECK(check(users, login, "bad") == 1);
            least = std::min(least, time_of_children() - begin);
        }
        return least;
    };
    // PBKDF2 with 800,000 rounds, which takes far longer than yescrypt; and SHA-512, far shorter.
    for (const std::string stored :
         {"{PBKDF2}$1$salt$800000$bc21a77192cd7f9fa9949f52b7ccdb6049e6cb1e",
          "{SSHA512}ePlus0GVcgSIn5ZdxFAPoXCw0kuUQl2MLsGRB+eWpnpQ1IkznScTqJScN/"
          "TSmiH9pMfOQdGuQy3tUaE2kdnVi3NhbHRzYWx0"}) {
        CAPTURE(stored);
        const Users users{"joe:" + stored + "::::::\nann:{CRYPT}*::::::\n"};
        const double joe = spent(users, "joe");
        for (const std::string login : {"nobody", "ann"}) {
            CAPTURE(login);
            CHECK(spent(users, login) > joe * 0.6);
            CHECK(spent(users, login) < joe * 1.7);
        }
    }
}

TEST_CASE("locked and empty entries are refused") {
    for (const auto& field :
         std::vector<std::string>{"{SHA256-CRYPT}!" + sha256, "!" + sha256, "!{CRYPT}" + sha256, "",
                                  "{CRYPT}", "*", "{CRYPT}*"}) {
        const Users users{"joe:" + field + ":1000:1000::::\n"};
        CAPTURE(field);
        for (const std::string password : {"old", "", "bad"})
            CHECK(check(users, "joe", password) == 1);
        CHECK(set(users, "joe").status == 1);
    }
    const Users users{"joe:{SHA256-CRYPT}!" + sha256 + "\n"};
    CHECK(set(users, "joe").out == "553 Sorry, your account is locked (#5.7.1)\n");
}

TEST_CASE("the extra fields that deny refuse, as they do in Dovecot") {
    const struct {
        std::string fields;
        std::vector<std::string> admitted; // of these addresses, where "" is an unknown one
    } cases[] = {
        {"", {"192.0.2.7", "2001:db8::1", "203.0.113.1", ""}},
        {"nologin", {}},
        {"nologin=no", {}},
        {"nologin=", {}},
        {"a=b:c nologin", {}},
        {"  nologin  reason=gone", {}},
        {"nologin\r", {}},
        {"a=b\tnologin", {}},
        {"fail", {}},
        {"fail=no", {}},
        {"noauthenticate", {}},
        // These say something else.
        {"NOLOGIN", {"192.0.2.7", "2001:db8::1", "203.0.113.1", ""}},
        {"userdb_nologin userdb_allow_nets=10.0.0.0/8 nologins=1 x=nologin nodelay user=jim",
         {"192.0.2.7", "2001:db8::1", "203.0.113.1", ""}},
        {"allow_nets=192.0.2.0/24,2001:db8::/32", {"192.0.2.7", "2001:db8::1"}},
        {"allow_nets=192.0.2.7", {"192.0.2.7"}},
        {"allow_nets=0.0.0.0/0", {"192.0.2.7", "203.0.113.1"}},
        {"allow_nets=::/0", {"2001:db8::1"}},
        {"allow_nets=192.0.2.0/24 allow_nets=198.51.100.0/24", {}},
        {"allow_nets=192.0.2.0/24 nologin", {}},
        {"allow_nets=foo,192.0.2.0/24,,192.0.2.0/33", {"192.0.2.7"}},
        {"allow_nets=", {}},
        {"allow_nets", {}},
        {"allow_real_nets=192.0.2.0/24", {"192.0.2.7"}},
    };
    for (const auto& [fields, admitted] : cases)
        for (const std::string client : {"192.0.2.7", "2001:db8::1", "203.0.113.1", ""})
            for (const std::string before : {":1000:1000::/home/joe:/bin/sh:", "|"}) {
                const std::string line = "joe" + before.substr(0, 1) + "{CRYPT}" + sha256 + before;
                const Users users{line + fields + "\n"};
                CAPTURE(fields);
                CAPTURE(client);
                const bool good =
                    std::find(admitted.begin(), admitted.end(), client) != admitted.end();
                const auto from_client = [&](const std::string& program, std::string record) {
                    std::vector<std::string> words{built("next-link"), "7", "false"};
                    if (program == "setpw")
                        words.insert(words.begin(), {"-m", "sha256crypt", "-c", "1000"});
                    auto call = users.call(program, words);
                    call.environment["TCPREMOTEIP"] =
                        client.empty() ? std::nullopt : std::optional{client};
                    call.record = std::move(record);
                    return run(call);
                };
                const auto checked = from_client("checkpw", bytes("joe\0old\0\0\0"));
                CHECK(checked.status == (good ? 0 : 1));
                CHECK(checked.out.empty()); // a refusal by policy: no other link is asked
                const auto set = from_client("setpw", bytes("joe\0old\0\0new\0"));
                CHECK(set.status == (good ? 0 : 1));
                if (good) {
                    CHECK(users.content().ends_with(before + fields + "\n"));
                } else {
                    CHECK(set.out ==
                          "553 Sorry, your account may not be used from here (#5.7.1)\n");
                    CHECK(users.content() == users.before);
                }
            }
}

TEST_CASE("a new hash is of the method that the prefix names, and all other fields stay") {
    const struct {
        std::string prefix;
        std::string hash;
        std::vector<std::string> options;
        std::string after;
    } cases[] = {
        {"{SHA512-CRYPT}", sha512, {}, "{SHA512-CRYPT}$6$"},
        {"{sha512-crypt}", sha256, {}, "{sha512-crypt}$6$"},
        {"{SHA512-CRYPT}", sha512, {"-c", "1234"}, "{SHA512-CRYPT}$6$rounds=1234$"},
        {"{SHA256-CRYPT}", sha256, {}, "{SHA256-CRYPT}$5$"},
        {"{BLF-CRYPT}", bcrypt, {}, "{BLF-CRYPT}$2b$12$"},
        {"{BLF-CRYPT}", sha512, {}, "{BLF-CRYPT}$2y$12$"},
        {"{BLF-CRYPT}", bcrypt, {"-c", "4"}, "{BLF-CRYPT}$2b$04$"},
        {"{CRYPT}", sha512, {}, "{CRYPT}$y$j9T$"},
        {"{crypt}", md5, {}, "{CRYPT}$y$j9T$"},
        {"", sha512, {}, "$y$j9T$"},
        {"{MD5-CRYPT}", md5, {}, "{CRYPT}$y$j9T$"},
        {"{DES-CRYPT}", des, {}, "{CRYPT}$y$j9T$"},
        {"{SHA512-CRYPT}", sha512, {"-m", "bcrypt", "-c", "4"}, "{CRYPT}$2b$04$"},
        {"{SHA512-CRYPT}", sha512, {"-m", "sha512crypt"}, "{CRYPT}$6$"},
        {"", sha512, {"-m", "sha256crypt"}, "$5$"},
    };
    for (const auto& [prefix, hash, options, after] : cases)
        for (const std::string rest : {":1000:1000:g e:/h:/s:x=1:y|2", "|quota=*:x:y", ""}) {
            const std::string separator = rest.starts_with('|') ? "|" : ":";
            const std::string before = "ann" + separator + "{SSHA}keep\n";
            const Users users{before + "joe" + separator + prefix + hash + rest + "\nzoe" +
                              separator};
            CAPTURE(prefix);
            CAPTURE(rest);
            const auto outcome = set(users, "joe", options);
            CHECK(outcome.status == 0);
            const auto content = users.content();
            CHECK_MESSAGE(content.starts_with(before + "joe" + separator + after), content);
            CHECK(content.ends_with(rest + "\nzoe" + separator));
            CHECK(check(users, "joe", "new") == 0);
            CHECK(check(users, "joe", "old") == 1);
        }
}

TEST_CASE("a hash that costs more than usual is not replaced by a cheaper one") {
    const Users users{"joe:{SHA512-CRYPT}$6$rounds=6000$abcdefgh$DiuTvuH4HjU1UwSx4yEY.WG/C/oDmcm/"
                      "rc2iGo2REQWOMlpcQAPqnqhk3E44.M248zeQqjn9meZxWezBafcGu0\n"};
    CHECK(set(users, "joe").status == 0);
    CHECK(users.content().starts_with("joe:{SHA512-CRYPT}$6$rounds=6000$"));
}

TEST_CASE("a cost that the prefix's method does not have is misuse, and nothing is changed") {
    const Users users{"joe:{BLF-CRYPT}" + bcrypt + "\n"};
    CHECK(set(users, "joe", {"-c", "5000"}).status == 2);
    CHECK(users.content() == "joe:{BLF-CRYPT}" + bcrypt + "\n");
}

TEST_CASE("bcrypt's limit holds where the prefix names it") {
    const Users users{"joe:{BLF-CRYPT}" + bcrypt + "\n"};
    const auto outcome = run({.argv = {built("setpw"), "-f", users.path},
                              .record = bytes("joe\0old\0\0") + std::string(73, 'x') + '\0'});
    CHECK(outcome.out == "553 Sorry, your new password is longer than 72 bytes (#5.7.1)\n");
}

TEST_CASE("-F tells the format") {
    // Nine fields with numbers look like shadow(5), although it is a passwd-file.
    const Users users{"joe:" + sha256 + ":1000:1000:::::\n"};
    CHECK(check(users, "joe", "old", {"--allow-expired"}) == 0);
    CHECK(check(users, "joe", "old", {"-F", "passwd-file"}) == 0);
    CHECK(set(users, "joe", {"-F", "passwd-file", "-m", "md5crypt"}).status == 0);
    CHECK(users.content().ends_with(":1000:1000:::::\n"));
    const Users dovecot{"joe:{CRYPT}" + sha256 + "\n"};
    CHECK(check(dovecot, "joe", "old", {"-F", "shadow"}) == 1);
    CHECK(set(dovecot, "joe", {"-F", "shadow"}).status == 1);
}
