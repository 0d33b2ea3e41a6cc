// The schemes of hashes, against the vectors of their sources and against Dovecot.
#include "hash/scheme.hh"
#include "support/program.hh"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <doctest/doctest.h>
#include <limits>
#include <set>

using namespace poppass;
using test::run;

namespace {

std::string match(const std::string& stored, const std::string& password) {
    const auto hash = split_stored(stored, crypt_scheme());
    if (!hash) return hash.error().what;
    const auto result = match_stored(*hash, password);
    if (!result) return result.error().what;
    return *result == Match::yes ? "yes" : *result == Match::no ? "no" : "malformed";
}

std::string make(const std::string& scheme, const std::string& password,
                 const std::string& old_text = {}) {
    const auto hash = make_stored(**find_scheme(scheme), password, old_text);
    return hash ? *hash : hash.error().what;
}

// "p\u00e4ss word" with the salt "saltsalt", by Python's hashlib.
const std::string pass = "p\xc3\xa4ss word";

struct Vector {
    std::string stored;
    std::string password;
};

const Vector vectors[] = {
    // FIPS 180-4's examples of "abc", RFC 1321's and the same in base64
    {"{MD5}900150983cd24fb0d6963f7d28e17f72", "abc"},
    {"{SHA}a9993e364706816aba3e25717850c26c9cd0d89d", "abc"},
    {"{SHA256}ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc"},
    {"{SHA512}"
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c"
     "23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "abc"},
    {"{PLAIN-MD5}ad5ee778d14417c95e396d7087538caa", pass},
    {"{PLAIN-MD5}rV7neNFEF8leOW1wh1OMqg==", pass},
    {"{LDAP-MD5}rV7neNFEF8leOW1wh1OMqg==", pass},
    {"{LDAP-MD5}ad5ee778d14417c95e396d7087538caa", pass},
    {"{MD5}rV7neNFEF8leOW1wh1OMqg==", pass},
    {"{SMD5}BPUpaHPIeJjynvQsONmiz3NhbHRzYWx0", pass},
    {"{SMD5.hex}04f5296873c87898f29ef42c38d9a2cf73616c7473616c74", pass},
    {"{SHA}zH9xIdvvCk1Psi4ui9OBlBDDcdA=", pass},
    {"{SHA1}zH9xIdvvCk1Psi4ui9OBlBDDcdA=", pass},
    {"{sha1.HEX}CC7F7121DBEF0A4D4FB22E2E8BD3819410C371D0", pass},
    {"{SSHA}q3Wg0iAy2xwYKJQMrTiSTsocKNRzYWx0c2FsdA==", pass},
    {"{SHA256}gAU8DHyO1q65yUjO5yUUnn6jXpCJQPDYBpB20nMiH/k=", pass},
    {"{SHA256.b64}gAU8DHyO1q65yUjO5yUUnn6jXpCJQPDYBpB20nMiH/k=", pass},
    {"{SSHA256}kf+qF/EZxLkXzyQiywuAdyzH4RTsS6+ezMq0Vmdt0bFzYWx0c2FsdA==", pass},
    {"{SHA512}"
     "GrhlAFeRLpophYwSAbnvPuedZl33nkCa4IwEu3dYl3vjmuWcs4twIVKPdswchsGqVCmsfBLQ5YfwisgfgaloAQ="
     "=",
     pass},
    {"{SSHA512}qp52j6FSPK4/6DrugRUpQtyJjTOPYs5IsRvmWFCtB4tfue7wTROf0nlZH+fl47NqTJHfFCjEwHJBuyS/Wbup"
     "S3NhbHRzYWx0",
     pass},
    {"{PLAIN}" + pass, pass},
    {"{CLEAR}{x}", "{x}"},
    {"{CLEARTEXT} x ", " x "},
    {"{PLAIN.b64}YWJj", "abc"},
    {"{PLAIN.hex}616263", "abc"},
    // RFC 6070
    {"{PBKDF2}$1$salt$1$0c60c80f961f0e71f3a9b524af6012062fe037a6", "password"},
    {"{PBKDF2}$1$salt$4096$4b007901b765489abead49d926f721d065a429c1", "password"},
    // RFC 7677
    {"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
     "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
     "pencil"},
    // The tests of the winner of the Password Hashing Competition, version 0x10 and 0x13
    {"{ARGON2I}$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
     "password"},
    {"{ARGON2I}$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+"
     "YFY4NeBbtA",
     "password"},
    {"{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
     "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPP"
     "c",
     "password"},
    {"{ARGON2}$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
     "password"},
    {"{ARGON2I}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/"
     "4",
     "password"},
    // crypt(3)
    {"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    {"{CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    {"{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    {"{sha512-crypt}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"{BLF-CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"{MD5-CRYPT}$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password"},
    {"{MD5}$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password"},
};

const std::vector<std::string> written = {"CRYPT",    "SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT",
                                          "SSHA256",  "SSHA512",      "PBKDF2",       "ARGON2I",
                                          "ARGON2ID", "SCRAM-SHA-256"};

const std::vector<std::string> weak = {"MD5-CRYPT", "DES-CRYPT", "PLAIN",    "CLEAR", "CLEARTEXT",
                                       "MD5",       "PLAIN-MD5", "LDAP-MD5", "SMD5",  "SHA",
                                       "SHA1",      "SSHA",      "SHA256",   "SHA512"};

test::Outcome doveadm(const std::vector<std::string>& words) {
    std::vector<std::string> argv{"doveadm", "-O", "pw"};
    argv.insert(argv.end(), words.begin(), words.end());
    return run({.argv = argv});
}

bool have_doveadm() { return doveadm({"-l"}).status == 0; }

} // namespace

TEST_CASE("the vectors of the schemes' sources are verified, and no other password") {
    for (const auto& [stored, password] : vectors) {
        CAPTURE(stored);
        CHECK(match(stored, password) == "yes");
        for (const std::string& wrong : {password + "x", password.substr(1), std::string{},
                                         std::string{"Abc"}, "x" + password})
            CHECK(match(stored, wrong) == "no");
    }
}

TEST_CASE("DES reads eight bytes of a password") {
    CHECK(match("{DES-CRYPT}CCNf8Sbh3HDfQ", "U*U*U*U*") == "yes");
    CHECK(match("{DES-CRYPT}CCNf8Sbh3HDfQ", "U*U*U*U*x") == "yes");
    CHECK(match("{DES-CRYPT}CCNf8Sbh3HDfQ", "U*U*U*U") == "no");
}

TEST_CASE("a changed hash is not the password's") {
    for (const auto& [stored, password] : vectors) {
        const std::size_t begin = stored.find('}') + 1;
        for (const std::size_t at : {begin + 4, stored.size() - 6}) {
            if (stored.starts_with("{PLAIN") || stored.starts_with("{CLEAR")) continue;
            std::string changed = stored;
            changed[at] = changed[at] == 'e' ? 'd' : 'e';
            CHECK_MESSAGE(match(changed, password) != "yes", changed);
        }
        CHECK_MESSAGE(match(stored + "x", password) != "yes", stored);
        CHECK_MESSAGE(match(stored.substr(0, stored.size() - 3), password) != "yes", stored);
    }
}

TEST_CASE("a malformed hash matches no password") {
    for (const std::string stored :
         {"{SHA}",
          "{SHA}abc",
          "{SHA}====",
          "{SHA256}zz",
          "{SSHA512}YWJj",
          "{SSHA}!",
          "{SMD5.hex}0g",
          "{PLAIN-MD5}900150983cd24fb0d6963f7d28e17f7",
          "{PLAIN.hex}abc",
          "{PLAIN}",
          "{PLAIN.b64}*",
          "{SHA.hex}zH9xIdvvCk1Psi4ui9OBlBDDcdA=",
          "{PBKDF2}",
          "{PBKDF2}$1$salt$",
          "{PBKDF2}$1$salt$0$",
          "{PBKDF2}$1$salt$-1$4b007901b765489abead49d926f721d065a429c1",
          "{PBKDF2}$1$salt$1x$4b007901b765489abead49d926f721d065a429c1",
          "{PBKDF2}$2$salt$1$0c60c80f961f0e71f3a9b524af6012062fe037a6",
          "{PBKDF2}1$salt$1$0c60c80f961f0e71f3a9b524af6012062fe037a6",
          "{SCRAM-SHA-256}",
          "{SCRAM-SHA-256}4096,x,y,z",
          "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==",
          "{SCRAM-SHA-256}0,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
          "x",
          "{ARGON2ID}",
          "{ARGON2ID}$argon2id$",
          "{ARGON2ID}$argon2d$v=19$m=256,t=2,p=1$YWJj$YWJj",
          "{ARGON2ID}$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$bQk8",
          "{ARGON2ID}argon2id$v=19$m=1,t=1,p=1",
          "{ARGON2ID}$argon2id$v=19$m=4294967296,t=1,p=1$c29tZXNhbHQ$bQk8",
          "{CRYPT}",
          "{CRYPT}*",
          "",
          "!",
          "x"}) {
        CAPTURE(stored);
        for (const char* const password : {"", "x", "abc", "*"})
            CHECK(match(stored, password) == "malformed");
    }
    CHECK(match("{PLAIN}" + std::string(2000, 'x'), std::string(2000, 'x')) == "malformed");
}

TEST_CASE("a hash that asks for too much is trouble before it is computed") {
    const std::string key = "$4b007901b765489abead49d926f721d065a429c1";
    const std::string scram =
        ",W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,x";
    const std::string argon = "$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    const std::string time = "the stored hash asks for too much time";
    const std::string memory = "the stored hash asks for too much memory";
    CHECK(match("{PBKDF2}$1$salt$4000000000" + key, "x") == time);
    CHECK(match("{PBKDF2}$1$salt$10000001" + key, "x") == time);
    CHECK(match("{PBKDF2}$1$salt$99999999999999999999" + key, "x") == time);
    CHECK(match("{SCRAM-SHA-256}10000001" + scram, "x") == time);
    CHECK(match("{ARGON2ID}$argon2id$v=19$m=4294967295,t=1,p=1" + argon, "x") == memory);
    CHECK(match("{ARGON2ID}$argon2id$v=19$m=1048577,t=1,p=1" + argon, "x") == memory);
    CHECK(match("{ARGON2I}$argon2i$v=19$m=1048576,t=9,p=1" + argon, "x") == time);
    CHECK(match("{ARGON2I}$argon2i$v=19$m=8,t=4294967295,p=1" + argon, "x") == time);
    CHECK(match("{ARGON2I}$argon2i$v=19$m=1024,t=1,p=65" + argon, "x") == time);
    CHECK(match("{ARGON2ID}$argon2id$v=19$m=16,t=8193,p=2" + argon, "x") == time);
    CHECK(match("{ARGON2ID}$argon2id$v=19$m=512,t=257,p=64" + argon, "x") == time);
    CHECK(match("{CRYPT}$6$rounds=999999999$salt$hash", "x") == time);
    CHECK(match("{BLF-CRYPT}$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "x") ==
          time);
}

TEST_CASE("a scheme that is not known is trouble that names it, never a wrong password") {
    for (const std::string name :
         {"CRAM-MD5", "DIGEST-MD5", "HMAC-MD5", "NTLM", "LANMAN", "OTP", "SKEY", "SCRAM-SHA-1",
          "PLAIN-MD4", "PLAIN-TRUNC", "RPA", "CRYPT.b64", "PBKDF2.hex", "SHA512.", "SHA512.base32",
          "", " SHA", "x"})
        CHECK(match("{" + name + "}x", "x") ==
              "the scheme " + std::string{name == " SHA" ? "SHA" : name} + " is not known");
    CHECK(match("{SHA", "x") == "malformed"); // no prefix: of crypt(3)
    const auto named = split_stored("abc", **find_scheme("plain"));
    REQUIRE(named);
    CHECK(named->scheme->name == "PLAIN");
    CHECK_FALSE(named->prefixed);
    CHECK(*match_stored(*named, "abc") == Match::yes);
}

TEST_CASE("what may be a part of a password is not called a scheme") {
    for (const std::string name : {"PLAIN", "clear", "CLEARTEXT"})
        for (const std::string stored : {"{abc}x", "{abc.hex}x", "{abc.b64}x", "{abc.def}x"}) {
            const auto hash = split_stored(stored, **find_scheme(name));
            REQUIRE_FALSE(hash);
            CHECK(hash.error().status == ExitStatus::temporary);
            CHECK(hash.error().what == "the scheme is not known; its name is withheld, because it "
                                       "may be a part of a password");
        }
    CHECK(split_stored("{SSHA512}x", **find_scheme("PLAIN"))->scheme->name == "SSHA512");
}

TEST_CASE("a new hash is verified, has a salt of its own, and belongs to one password") {
    for (const auto& name : written) {
        CAPTURE(name);
        const std::string one = make(name, pass), other = make(name, pass);
        CHECK(one != other);
        CHECK(match("{" + name + "}" + one, pass) == "yes");
        CHECK(match("{" + name + "}" + one, pass + "x") == "no");
        CHECK(std::all_of(one.begin(), one.end(), [](unsigned char c) { return std::isgraph(c); }));
        CHECK(&scheme_to_write(**find_scheme(name)) == *find_scheme(name));
    }
    CHECK(make("CRYPT", "x").starts_with("$y$"));
    CHECK(make("SHA512-CRYPT", "x").starts_with("$6$"));
    CHECK(make("SHA512-CRYPT", "x", "$6$rounds=6000$salt$hash").starts_with("$6$rounds=6000$"));
    CHECK(make("SHA256-CRYPT", "x").starts_with("$5$"));
    CHECK(make("BLF-CRYPT", "x").starts_with("$2y$12$"));
    CHECK(make("BLF-CRYPT", "x", "$2b$10$CCC").starts_with("$2b$12$"));
    CHECK(make("BLF-CRYPT", "x", "$2a$13$CCC").starts_with("$2y$13$"));
    CHECK(make("BLF-CRYPT", std::string(73, 'x')) == "your new password is longer than 72 bytes");
    CHECK(make("ARGON2", "x").starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
    CHECK(make("ARGON2I", "x").starts_with("$argon2i$v=19$m=65536,t=3,p=1$"));
    CHECK(make("PBKDF2", "x").find("$1300000$") != std::string::npos);
    CHECK(make("SCRAM-SHA-256", "x").starts_with("600000,"));
}

TEST_CASE("no new hash is weak") {
    for (const auto& name : weak) {
        CAPTURE(name);
        CHECK(make(name, "x") == "no new hash is made of the scheme " + name);
        CHECK(scheme_to_write(**find_scheme(name)).name == "CRYPT");
    }
}

TEST_CASE("a user without a hash costs as much time as one with a usual hash") {
    for (const std::string name : {"CRYPT", "BLF-CRYPT", "SHA512-CRYPT", "ARGON2ID", "PBKDF2"}) {
        CAPTURE(name);
        const Scheme& scheme = **find_scheme(name);
        const std::string stored = make(name, pass);
        const auto spent = [](const auto& deed) {
            const std::clock_t begin = std::clock();
            REQUIRE(deed());
            return std::clock() - begin;
        };
        auto real = std::numeric_limits<std::clock_t>::max(), none = real;
        for (int i = 0; i < 3; ++i) {
            real = std::min(real, spent([&] {
                                return match_stored({.scheme = &scheme, .text = stored}, pass);
                            }));
            none = std::min(none, spent([&] { return match_nothing(scheme, pass); }));
        }
        const double ratio = static_cast<double>(none) / static_cast<double>(real);
        CHECK(ratio > 0.5);
        CHECK(ratio < 2.0);
    }
    for (const auto& name : weak) CHECK(match_nothing(**find_scheme(name), pass));
    // Whatever the length is.
    CHECK(match_nothing(**find_scheme("BLF-CRYPT"), std::string(500, 'x')));
}

TEST_CASE("Dovecot's hashes are verified, in every encoding that it writes") {
    if (test::missing(have_doveadm(), "doveadm")) return;
    std::set<std::string> names{written.begin(), written.end()};
    names.insert(weak.begin(), weak.end());
    for (const std::string suffixed : {"SHA256.hex", "SSHA512.b64", "SSHA.hex", "SMD5.b64",
                                       "PLAIN.b64", "PLAIN.hex", "SHA.b64", "PLAIN-MD5.b64"})
        names.insert(suffixed);
    for (const auto& name : names) {
        CAPTURE(name);
        const std::string password = name == "DES-CRYPT" ? "pass wor" : pass;
        const auto made = doveadm({"-s", name, "-p", password});
        REQUIRE(made.status == 0);
        const std::string stored = made.out.substr(0, made.out.size() - 1);
        CAPTURE(stored);
        CHECK(match(stored, password) == "yes");
        CHECK(match(stored, "x" + password) == "no");
    }
}

TEST_CASE("Dovecot verifies every hash that we make") {
    if (test::missing(have_doveadm(), "doveadm")) return;
    for (const auto& name : written) {
        const std::string stored = "{" + name + "}" + make(name, pass);
        CAPTURE(stored);
        const auto right = doveadm({"-t", stored, "-p", pass});
        CHECK(right.status == 0);
        CHECK(right.out.find("(verified)") != std::string::npos);
        CHECK(doveadm({"-t", stored, "-p", "x" + pass}).status != 0);
    }
}
