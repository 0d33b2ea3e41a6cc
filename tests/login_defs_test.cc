#include "login_defs.hh"

#include <doctest/doctest.h>

using namespace poppass;

TEST_CASE("the method and its cost") {
    const struct {
        std::string text;
        std::string method;
        std::int64_t cost;
    } cases[] = {
        {"", "yescrypt", 0},
        {"PASS_MAX_DAYS 99999\n# ENCRYPT_METHOD DES\n", "yescrypt", 0},
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
        {"ENCRYPT_METHOD MD5\n", "md5crypt", 0},
        {"ENCRYPT_METHOD DES\n", "descrypt", 0},
        {"ENCRYPT_METHOD DES\nENCRYPT_METHOD SHA512\n", "sha512crypt", 0},
        {"ENCRYPT_METHODS DES\n", "yescrypt", 0},
    };
    for (const auto& [text, method, cost] : cases) {
        CAPTURE(text);
        const auto choice = parse_login_defs(text);
        REQUIRE(choice);
        CHECK(choice->method->name == method);
        CHECK(choice->cost == cost);
    }
}

TEST_CASE("a method that is not known is not guessed at") {
    for (const std::string value : {"sha512", "ARGON2", "SHA512 SHA256"})
        CHECK_FALSE(parse_login_defs("ENCRYPT_METHOD " + value + "\n"));
}
