#include "credentials/login_defs.hh"

#include <doctest/doctest.h>

using namespace poppass;

TEST_CASE("the method and its cost") {
    const struct {
        std::string text;
        std::string method;
        std::int64_t cost;
    } cases[] = {
        {"ENCRYPT_METHOD YESCRYPT\n", "yescrypt", 0},
        {"ENCRYPT_METHOD YESCRYPT\nYESCRYPT_COST_FACTOR 7\n", "yescrypt", 7},
        {"ENCRYPT_METHOD YESCRYPT\nYESCRYPT_COST_FACTOR 99\n", "yescrypt", 11},
        {"ENCRYPT_METHOD SHA512", "sha512crypt", 0},
        {"\tENCRYPT_METHOD\t\tSHA512 \r\n", "sha512crypt", 0},
        {"ENCRYPT_METHOD \"SHA512\"\n", "sha512crypt", 0},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MIN_ROUNDS 6000\n", "sha256crypt", 6000},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MAX_ROUNDS 7000\n", "sha256crypt", 7000},
        {"SHA_CRYPT_MIN_ROUNDS 6000\nSHA_CRYPT_MAX_ROUNDS 7000\nENCRYPT_METHOD SHA256\n",
         "sha256crypt", 7000},
        {"SHA_CRYPT_MIN_ROUNDS 8000\nSHA_CRYPT_MAX_ROUNDS 7000\nENCRYPT_METHOD SHA256\n",
         "sha256crypt", 8000},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MIN_ROUNDS 1\n", "sha256crypt", 1000},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MIN_ROUNDS many\n", "sha256crypt", 0},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MIN_ROUNDS\n", "sha256crypt", 0},
        {"ENCRYPT_METHOD SHA256\nYESCRYPT_COST_FACTOR 7\n", "sha256crypt", 0},
        {"ENCRYPT_METHOD BCRYPT\n", "bcrypt", 13},
        {"ENCRYPT_METHOD BCRYPT\nBCRYPT_MIN_ROUNDS 10\n", "bcrypt", 10},
        {"ENCRYPT_METHOD SHA256\nSHA_CRYPT_MAX_ROUNDS 1000000000\n", "sha256crypt", 10'000'000},
        {"MD5_CRYPT_ENAB yes\nENCRYPT_METHOD SHA512\n", "sha512crypt", 0},
        {"ENCRYPT_METHOD DES\nENCRYPT_METHOD SHA512\n", "sha512crypt", 0},
    };
    for (const auto& [text, method, cost] : cases) {
        CAPTURE(text);
        const auto choice = LoginDefs{text}.hash_choice();
        REQUIRE(choice);
        REQUIRE(choice->method != nullptr);
        CHECK(choice->warning.empty());
        CHECK(choice->method->name == method);
        CHECK(choice->cost == cost);
    }
}

TEST_CASE("an unknown method is an error, not a guess") {
    for (const std::string value : {"sha512", "ARGON2", "SHA512 SHA256"})
        CHECK_FALSE(LoginDefs{"ENCRYPT_METHOD " + value + "\n"}.hash_choice());
}

TEST_CASE("no method is given") {
    for (const std::string text :
         {"", "PASS_MAX_DAYS 99999\n# ENCRYPT_METHOD DES\n", "ENCRYPT_METHODS DES\n"}) {
        CAPTURE(text);
        const auto choice = LoginDefs{text}.hash_choice();
        REQUIRE(choice);
        CHECK(choice->method == nullptr);
        CHECK(choice->cost == 0);
        CHECK(choice->warning.empty());
    }
}

TEST_CASE("DES and MD5 are refused, and the preferred method takes their place") {
    for (const std::string text :
         {"ENCRYPT_METHOD DES\n", "ENCRYPT_METHOD MD5\n", "MD5_CRYPT_ENAB yes\n",
          "MD5_CRYPT_ENAB no\nSHA_CRYPT_MAX_ROUNDS 7000\n"}) {
        CAPTURE(text);
        const auto choice = LoginDefs{text}.hash_choice();
        REQUIRE(choice);
        CHECK(choice->method == &preferred_method());
        CHECK(choice->cost == 0);
        const auto setting = text.substr(0, text.find(' '));
        CHECK(choice->warning.starts_with("login.defs: " + setting));
    }
}

TEST_CASE("numbers and switches") {
    const LoginDefs defs{"PASS_CHANGE_TRIES 7\nPASS_MIN_LEN many\nPASS_MAX_LEN\n"
                         "PASS_ALWAYS_WARN Yes\nOBSCURE_CHECKS_ENAB no\nOTHER nonsense\n"};
    CHECK(defs.number("PASS_CHANGE_TRIES", 5) == 7);
    CHECK(defs.number("PASS_MIN_LEN", 5) == 5);
    CHECK(defs.number("PASS_MAX_LEN", 5) == 5);
    CHECK(defs.number("TRIES", 5) == 5);
    CHECK(defs.enabled("PASS_ALWAYS_WARN", false));
    CHECK_FALSE(defs.enabled("OBSCURE_CHECKS_ENAB", true));
    CHECK_FALSE(defs.enabled("OTHER", true));
    CHECK(defs.enabled("NOT_THERE", true));
    CHECK_FALSE(defs.enabled("NOT_THERE", false));
}
