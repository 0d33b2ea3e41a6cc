#include "hash/crypt_cost.hh"
#include "hash/crypt_hash.hh"

#include <crypt.h>
#include <ctime>
#include <doctest/doctest.h>
#include <limits>

using namespace poppass;

namespace {

struct Known {
    std::string password;
    std::string hash;
};

// Hashes of other programs: the test vectors of the SHA-crypt specification and of bcrypt, openssl,
// descrypt.
const Known known[] = {
    {"Hello world!",
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLi"
     "BFdcbYEdFCoEOfaS35inz1"},
    {"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
    {"Hello world!",
     "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
    {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
    {"password", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"},
    {"U*U*U*U*", "CCNf8Sbh3HDfQ"},
    // Made by libcrypt on amd64.
    {"Hello world!", "$y$j75$saltsalt$TRSW./kpdC7DlmOOUm047MJ/Td/rj6zGcFJ.nSn.LW4"},
    {"Hello world!", "$gy$j75$saltsalt$tT/kIAz6X//MP5GR3JCR6cCI9CAFPV6ebVuam2IyItD"},
    {"Hello world!", "$7$BU..../....saltsalt$1feTtx./YQ0y4NXKBK81UXL1DWXh8zva9aVU12Hmi06"},
};

std::string nul_terminated(std::string_view text) { return std::string{text}; }

const std::string cheap = "$5$rounds=1000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA";

bool verify(std::string_view password, const std::string& hash, const std::string& usual = cheap) {
    const std::string text = nul_terminated(password);
    const auto result = verify_hash(text, hash, usual);
    REQUIRE(result);
    return *result;
}

std::string make(std::string_view password, std::string_view method, std::int64_t cost) {
    const auto* const found = find_method(method);
    REQUIRE(found != nullptr);
    const auto hash = make_hash(nul_terminated(password), *found, cost);
    REQUIRE(hash);
    return *hash;
}

} // namespace

TEST_CASE("hashes of other programs are verified") {
    for (const auto& [password, hash] : known) {
        CAPTURE(hash);
        CHECK(verify(password, hash));
        CHECK_FALSE(verify("wrong", hash));
        CHECK_FALSE(verify("", hash));
    }
    CHECK(verify("old", cheap));
    CHECK_FALSE(verify("old ", cheap));
    CHECK_FALSE(verify("Old", cheap));
}

TEST_CASE("a malformed hash matches no password, not even a failure token of crypt(3)") {
    for (const std::string hash : {"",
                                   "*",
                                   "*0",
                                   "*1",
                                   "!",
                                   "!!",
                                   "x",
                                   "NP",
                                   "LK",
                                   "*LK*",
                                   "$",
                                   "$$",
                                   "$6$",
                                   "$6$salt",
                                   "$5$rounds=1000$abcdefgh",
                                   "$5$rounds=1000$abcdefgh$",
                                   "$y$",
                                   "$y$j9T$",
                                   "$y$j9T$abc$",
                                   "$2b$05$",
                                   "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                                   "$9$a$b",
                                   "_",
                                   "_J9..",
                                   "$7$",
                                   "$3$",
                                   "$5$rounds=abc$x$y",
                                   "{SHA}x"}) {
        CAPTURE(hash);
        for (const char* const password : {"", "old", "*0", "*1", "x"})
            CHECK_FALSE(verify(password, hash));
    }
    CHECK_FALSE(verify("old", "!" + cheap));
    CHECK_FALSE(verify("old", cheap + "x"));
    CHECK_FALSE(verify("old", cheap.substr(0, cheap.size() - 1)));
    CHECK_FALSE(verify("old", cheap + "\r"));
    CHECK_FALSE(verify("old", cheap + std::string(1, '\0')));
    CHECK_FALSE(verify("old", cheap + std::string(5000, 'x')));
}

TEST_CASE("every method verifies the hashes that it makes, and they differ") {
    const struct {
        std::string name;
        std::int64_t cost;
        std::string prefix;
    } methods[] = {
        {"yescrypt", 1, "$y$"},
        {"gost-yescrypt", 1, "$gy$"},
        {"scrypt", 6, "$7$"},
        {"bcrypt", 4, "$2b$04$"},
        {"bcrypt-y", 4, "$2y$04$"},
        {"bcrypt-a", 4, "$2a$04$"},
        {"sha512crypt", 1000, "$6$rounds=1000$"},
        {"sha256crypt", 1001, "$5$rounds=1001$"},
        {"sha1crypt", 100, "$sha1$"},
        {"sunmd5", 4096, "$md5"},
        {"md5crypt", 0, "$1$"},
        {"bsdicrypt", 1, "_"},
        {"descrypt", 0, ""},
    };
    for (const auto& method : methods) {
        CAPTURE(method.name);
        const std::string first = make("pass", method.name, method.cost);
        const std::string second = make("pass", method.name, method.cost);
        CHECK(first.starts_with(method.prefix));
        CHECK(first != second); // the salt
        CHECK(first.find_first_of(":|\n!*") == std::string::npos);
        CHECK(verify("pass", first));
        CHECK_FALSE(verify("pas", first));
        CHECK_FALSE(verify("passs", first));
    }
}

TEST_CASE("there is no other method") {
    for (const char* const name :
         {"", "nt", "bigcrypt", "sha512", "SHA512CRYPT", "yescrypt ", "$6$", "plain", "argon2id"})
        CHECK(find_method(name) == nullptr);
}

TEST_CASE("the preferred method is libcrypt's: yescrypt") {
    CHECK(preferred_method().name == "yescrypt");
    const auto hash = make_hash("pass", preferred_method(), 0);
    REQUIRE(hash);
    CHECK(hash->starts_with("$y$j9T$"));
    CHECK(verify("pass", *hash));
}

TEST_CASE("the usual cost of a method is not below what its source or OWASP asks for") {
    CHECK(make("pass", "bcrypt", 0).starts_with("$2b$12$"));
    CHECK(make("pass", "bcrypt-y", 0).starts_with("$2y$12$"));
    CHECK(make("pass", "scrypt", 0).starts_with("$7$DU..../....")); // 2^15 blocks of 4 kB
}

TEST_CASE("a hash that asks for too much is trouble before it is computed") {
    const std::string tail = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (const auto& hash :
         {"$2y$31$" + tail,
          "$2b$19$" + tail,
          std::string{"$6$rounds=999999999$salt$hash"},
          std::string{"$5$rounds=10000001$salt$hash"},
          std::string{"$sha1$4294967295$salt$hash"},
          std::string{"$sha1$+10000001$salt$hash"},
          std::string{"$sha1$-1$salt$hash"},
          std::string{"$md5,rounds=4294963199$salt$$hash"},
          std::string{"$6$rounds=99999999999999999999$salt$hash"}, // more than 64 bits
          std::string{"$y$jLT$salt$hash"},                         // 2^24 blocks of 4 kB: 64 GB
          std::string{"$y$jGT$salt$hash"},                         // 2 GB
          std::string{"$gy$jLT$salt$hash"},
          std::string{"$y$jzzzzzzzzzzzz$salt$hash"},
          std::string{"$y$j9T.zzzzzz$salt$hash"},          // lanes
          std::string{"$y$jFT/F$salt$hash"},               // passes
          std::string{"$md5$rounds=4000000000$salt$hash"}, // libcrypt takes this form, too
          std::string{"$7$LU..../....salt$hash"},
          std::string{"$7$zzzzzzzzzzzsalt$hash"},
          std::string{"$7$0...0.S....salt$hash"}, // 64 MB for each of 30 lanes: 2 GB
          std::string{"$7$FU....1....salt$hash"}, // 512 MB for each of 3 lanes
          std::string{"$7$FU....zzzzzsalt$hash"}}) {
        CAPTURE(hash);
        const auto result = verify_hash("pass", hash, cheap);
        REQUIRE_FALSE(result);
        CHECK(result.error().status == ExitStatus::temporary);
        CHECK(result.error().what.starts_with("the stored hash asks for too much "));
        CHECK_FALSE(verify("pass", "", hash)); // such a hash is no example of the usual one, either
    }
}

TEST_CASE("every cost that new hashes may have is one that stored hashes may ask for") {
    for (const char* const name : {"yescrypt", "gost-yescrypt", "scrypt"}) {
        const auto* const method = find_method(name);
        REQUIRE(method != nullptr);
        for (std::int64_t cost = method->least_cost; cost <= method->most_cost; ++cost) {
            char setting[CRYPT_GENSALT_OUTPUT_SIZE];
            REQUIRE(::crypt_gensalt_rn(method->prefix.c_str(), std::uint64_t(cost), nullptr, 0,
                                       setting, sizeof setting) != nullptr);
            CHECK_MESSAGE(check_stored_cost(setting), setting);
        }
    }
    for (const char* const setting : {"$2b$18$", "$6$rounds=10000000$x$", "$sha1$10000000$x$",
                                      "$y$", "$y$j", "$y$j9", "$7$", "$7$C", "_zzzz", "", "$2b$"})
        CHECK_MESSAGE(check_stored_cost(setting), setting);
}

TEST_CASE("costs outside the method's are misuse") {
    const struct {
        std::string method;
        std::int64_t cost;
        bool good;
    } cases[] = {
        {"yescrypt", 0, true},
        {"yescrypt", 12, false},
        {"yescrypt", -1, false},
        {"bcrypt", 3, false},
        {"bcrypt", 4, true},
        {"bcrypt", 18, true},
        {"bcrypt", 19, false},
        {"sha512crypt", 999, false},
        {"sha512crypt", 10'000'000, true},
        {"sha512crypt", 10'000'001, false},
        {"md5crypt", 1, false},
        {"descrypt", 25, false},
        {"scrypt", 5, false},
        {"sha256crypt", 1000, true},
    };
    for (const auto& [name, cost, good] : cases) {
        CAPTURE(name);
        CAPTURE(cost);
        const auto* const method = find_method(name);
        REQUIRE(method != nullptr);
        const auto checked = check_cost(*method, cost);
        CHECK(static_cast<bool>(checked) == good);
        if (good) continue;
        CHECK(checked.error().status == ExitStatus::misused);
        CHECK(make_hash("pass", *method, cost).error().status == ExitStatus::misused);
    }
}

TEST_CASE("a password that a method would cut is refused for the user to read") {
    const auto attempt = [](const char* method, std::int64_t cost, const std::string& password) {
        return make_hash(password, *find_method(method), cost);
    };
    for (const char* const bcrypt : {"bcrypt", "bcrypt-y", "bcrypt-a"}) {
        CHECK(attempt(bcrypt, 4, std::string(72, 'a')));
        const auto refused = attempt(bcrypt, 4, std::string(73, 'a'));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().status == ExitStatus::rejected);
        CHECK(refused.error().message() == "your new password is longer than 72 bytes");
    }
    CHECK(attempt("descrypt", 0, "12345678"));
    CHECK(attempt("descrypt", 0, "123456789").error().status == ExitStatus::rejected);
    CHECK(attempt("descrypt", 0, "pass\xc3\xa9").error().status == ExitStatus::rejected);
    CHECK(attempt("bsdicrypt", 1, "pass\xc3\xa9").error().status == ExitStatus::rejected);
    // The longest that a record can hold.
    for (const char* const whole : {"yescrypt", "gost-yescrypt", "sha1crypt", "md5crypt"}) {
        const std::string longest(507, '\xfe');
        const auto hash = attempt(whole, find_method(whole)->least_cost, longest);
        REQUIRE(hash);
        CHECK(verify(longest, *hash));
        CHECK_FALSE(verify(longest.substr(1), *hash));
    }
}

TEST_CASE("a new hash is not cheaper than the old one") {
    const struct {
        std::string method;
        std::string old_hash;
        std::int64_t cost;
    } cases[] = {
        {"bcrypt", "$2y$13$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 13},
        {"bcrypt", "$2y$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 0},
        {"bcrypt", "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", 0},
        {"bcrypt", "$2b$77$CCC", 0},
        {"bcrypt", "$2b$", 0},
        {"bcrypt", "$2", 0},
        {"bcrypt", "", 0},
        {"bcrypt", "$6$rounds=6000$salt$hash", 0},
        {"sha512crypt", "$6$rounds=656000$salt$hash", 656000},
        {"sha512crypt", "$6$rounds=5000$salt$hash", 0},
        {"sha512crypt", "$6$salt$hash", 0},
        {"sha512crypt", "$5$rounds=656000$salt$hash", 0},
        {"sha256crypt", "$5$rounds=656000$salt$hash", 656000},
        {"sha256crypt", "$5$rounds=", 0},
        {"sha256crypt", "$5$rounds=99999999999999999999$salt$hash", 0},
        {"yescrypt", "$y$jFT$salt$hash", 0},
    };
    for (const auto& [method, old_hash, cost] : cases) {
        CAPTURE(old_hash);
        CHECK(cost_not_below(*find_method(method), old_hash) == cost);
    }
}

TEST_CASE("a user without a hash costs as much time as one with the usual hash") {
    // Enough work, so that the noise of the clock does not matter.
    const std::string usual = make("x", "sha256crypt", 30'000);
    const auto spent = [&](const std::string& hash) {
        const std::clock_t begin = std::clock();
        (void)verify("pass", hash, usual);
        return std::clock() - begin;
    };
    for (const char* const hash : {"", "*", "NP", "x", "$6$", "$2b$05$"}) {
        CAPTURE(hash);
        // In turns, because the speed of a processor varies.
        auto real = std::numeric_limits<std::clock_t>::max();
        auto none = real;
        for (int i = 0; i < 8; ++i) {
            real = std::min(real, spent(usual));
            none = std::min(none, spent(hash));
        }
        const double ratio = static_cast<double>(none) / static_cast<double>(real);
        CHECK(ratio > 0.6);
        CHECK(ratio < 1.6);
    }
}
