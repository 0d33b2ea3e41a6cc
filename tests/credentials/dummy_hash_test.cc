#include "credentials/dummy_hash.hh"

#include <cmath>
#include <doctest/doctest.h>
#include <map>

using namespace poppass;

namespace {

constexpr SipKey key{0x0123456789abcdef, 0xfedcba9876543210};

const std::string rest = "salt$svn8UoSVapNtMuq1ukKS4t";
const std::string sha = "$6$" + rest;
const std::string rounds = "$6$rounds=9000$" + rest;
const std::string yescrypt = "$y$j9T$" + rest;
const std::string weaker = "$y$j75$" + rest;
const std::string bcrypt = "$2y$10$" + rest;
const std::string descrypt = "abJnggxhB/yWI";

void see(DummyHashes& dummies, const std::string& hash, int times) {
    for (; times > 0; --times) dummies.see(hash);
}

// 1000 hashes: 900, 90, 9 and 1.
DummyHashes thousand() {
    DummyHashes dummies;
    see(dummies, yescrypt, 900);
    see(dummies, sha, 90);
    see(dummies, bcrypt, 9);
    see(dummies, descrypt, 1);
    return dummies;
}

constexpr int logins = 10'000;
std::string login(int number) { return "user" + std::to_string(number) + "@example.org"; }

// How many of the logins get each hash.
std::map<std::string, int> shares(const DummyHashes& dummies) {
    std::map<std::string, int> counts;
    for (int i = 0; i < logins; ++i) ++counts[dummies.choose(key, login(i))];
    return counts;
}

int differences(const DummyHashes& a, const DummyHashes& b, const SipKey& key_of_b = key) {
    int count = 0;
    for (int i = 0; i < logins; ++i)
        count += a.choose(key, login(i)) != b.choose(key_of_b, login(i)) ? 1 : 0;
    return count;
}

} // namespace

TEST_CASE("only hashes of crypt(3) count, and methods and costs are told apart") {
    DummyHashes dummies;
    CHECK(dummies.choose(key, "joe").empty());
    CHECK(dummies.choose({}, "joe").empty());
    for (const char* const none : {"", "*", "x", "!", "*LK*", "NP", "no hash of crypt(3)",
                                   "$9$unknown$hash$of$a$kind", "*a*long*lock*"})
        dummies.see(none);
    CHECK(dummies.choose({}, "joe").empty());
    see(dummies, sha, 2);
    dummies.see("$6$other$salt0123456789");
    CHECK_FALSE(dummies.mixed());
    CHECK(dummies.choose(key, "joe") == sha);
    for (const auto& hash : {rounds, yescrypt, weaker, bcrypt, descrypt}) {
        dummies.see(hash);
        CHECK(dummies.mixed());
    }
    for (const char* const none : {"no hash of crypt(3)", "*a*long*lock*"})
        see(dummies, none, 1000);
    const auto counts = shares(dummies);
    CHECK(counts.size() == 6);
    for (const auto& [hash, count] : counts) {
        CAPTURE(hash);
        CHECK(std::abs(count - logins * (hash == sha ? 3 : 1) / 8) < 200);
    }
}

TEST_CASE("other schemes count too, and their costs are told apart") {
    const std::string stored[] = {
        "{SSHA512}c2FsdHNhbHQ=",
        "{PLAIN}x",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaA",
        "{ARGON2ID}$argon2id$v=19$m=32768,t=3,p=1$c2FsdHNhbHQ$aGFzaA",
        "{PBKDF2}$1$salt$5000$00",
        "{PBKDF2}$1$salt$6000$00",
        "{SCRAM-SHA-256}4096,c2FsdA==,aGFzaA==,aGFzaA==",
        sha,
    };
    DummyHashes dummies;
    for (const auto& hash : stored) dummies.see(hash);
    for (const char* const same :
         {"{ssha512}AAAA", "{PLAIN}y", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$b3RoZXI$b3RoZXI",
          "{PBKDF2}$1$pepper$5000$01", "{SCRAM-SHA-256}4096,b3RoZXI=,aGFzaA==,aGFzaA=="})
        dummies.see(same);
    for (const char* const none : {"{NTLM}0123456789", "{PLAIN}", "{SSHA512"}) dummies.see(none);
    const auto counts = shares(dummies);
    CHECK(counts.size() == std::size(stored));
    for (const auto& hash : stored) CHECK(counts.contains(hash));
}

TEST_CASE(
    "each class gets the share of logins that it has of the hashes, and the rarest gets one") {
    const auto counts = shares(thousand());
    REQUIRE(counts.size() == 4);
    for (const auto& [hash, share] :
         {std::pair{yescrypt, 0.9}, {sha, 0.09}, {bcrypt, 0.009}, {descrypt, 0.001}}) {
        CAPTURE(hash);
        const double deviation = std::sqrt(logins * share * (1 - share));
        CHECK(std::abs(counts.at(hash) - logins * share) < 4 * deviation);
    }
}

TEST_CASE("a login always gets the same class, whatever the order of the lines") {
    const auto dummies = thousand();
    CHECK(differences(dummies, dummies) == 0);
    DummyHashes reversed;
    see(reversed, descrypt, 1);
    see(reversed, bcrypt, 9);
    see(reversed, sha, 90);
    see(reversed, yescrypt, 900);
    CHECK(differences(dummies, reversed) == 0);
    // Another key gives other choices: the chance that two agree is 0.9 * 0.9 + 0.09 * 0.09 ...
    const int others = differences(dummies, dummies, {key[0], key[1] + 1});
    CHECK(others > logins / 10);
    CHECK(others < logins / 4);
}

TEST_CASE("one more user of any class moves few logins to another class") {
    for (const auto& hash : {yescrypt, sha, bcrypt, descrypt, weaker, rounds}) {
        CAPTURE(hash);
        auto more = thousand();
        more.see(hash);
        // Three or four bounds between classes each move by at most one in a thousand; and chance.
        CHECK(differences(thousand(), more) < logins * 6 / 1000);
    }
}

TEST_CASE("of more than 16 classes the first 16 count") {
    DummyHashes dummies;
    for (int i = 0; i < 40; ++i) dummies.see("$6$rounds=" + std::to_string(1000 + i) + "$" + rest);
    const auto counts = shares(dummies);
    CHECK(counts.size() == 16);
    for (const auto& [hash, count] : counts) CHECK(hash < "$6$rounds=1016$");
}

TEST_CASE("without a key the largest class is chosen") {
    CHECK(thousand().choose({}, "joe") == yescrypt);
    DummyHashes dummies;
    dummies.see(yescrypt);
    see(dummies, rounds, 2);
    see(dummies, sha, 3);
    for (int i = 0; i < 10; ++i) CHECK(dummies.choose({}, login(i)) == sha);
}
