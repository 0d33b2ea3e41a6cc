// setpw-quality: the program, and whether it agrees with pwqcheck.
#include "support/program.hh"

#include <algorithm>
#include <doctest/doctest.h>
#include <random>
#include <unistd.h>

using namespace poppass::test;

namespace {

const std::string good = "Vx7!hq.Zr";

std::string record_of(const std::string& user, const std::string& old_password,
                      const std::string& new_password) {
    const std::string nul(1, '\0');
    return user + nul + old_password + nul + nul + new_password + nul;
}

Program quality(std::vector<std::string> policy, const std::string& new_password,
                const std::string& user = "joe", const std::string& old_password = "old") {
    Program program{.argv = {built("setpw-quality")},
                    .record = record_of(user, old_password, new_password)};
    program.argv.insert(program.argv.end(), policy.begin(), policy.end());
    program.argv.insert(program.argv.end(), {"--", built("next-link"), "42", "more"});
    return program;
}

std::string refusal(const std::string& reason) {
    return "553 Weak password: " + reason + " (#5.7.1)\n";
}

} // namespace

TEST_CASE("a good password: the rest of the chain runs with the same record") {
    const auto program = quality({}, good);
    const auto end = run(program);
    CHECK(end.status == 42);
    CHECK(end.err == "");
    const auto next = parse_next_link(end.out);
    CHECK(next.argv == std::vector<std::string>{built("next-link"), "42", "more"});
    CHECK(next.record == program.record);
    CHECK(next.descriptors == std::vector{0, 1, 2, 3});
    CHECK(next.blocked.empty());
    CHECK(next.ignored.empty());
}

TEST_CASE("a weak password: the user gets the reason, and no next link runs") {
    const auto end = run(quality({}, "short"));
    CHECK(end.status == 1);
    CHECK(end.out == refusal("too short"));
    CHECK(end.err == "");
    CHECK(run(quality({}, good, "joe", good)).out == refusal("is the same as the old one"));
    CHECK(run(quality({}, "Vx7!hq.Zs", "joe", good)).out == refusal("is based on the old one"));
    CHECK(run(quality({"similar=permit"}, "Vx7!hq.Zs", "joe", good)).status == 42);
    CHECK(run(quality({"max=8"}, "Vx7!hq.Z", "joe", "")).status == 42); // no old password
    for (const auto* const policy : {"enforce=users", "enforce=everyone"})
        CHECK(run(quality({policy}, "short")).out == refusal("too short"));
}

TEST_CASE("enforce=none warns and goes on") {
    const auto end = run(quality({"enforce=none"}, "short"));
    CHECK(end.status == 42);
    CHECK(end.err ==
          "setpw-quality: warning: enforce=none: the new password of joe is weak: too short\n");
    CHECK(run(quality({"enforce=none"}, good)).err == "");
}

TEST_CASE("max=8 warns of a longer password") {
    auto end = run(quality({"max=8"}, "Vx7!hq.Zr"));
    CHECK(end.status == 42);
    CHECK(end.err == "setpw-quality: warning: max=8: the new password of joe was judged by its "
                     "first eight bytes\n");
    end = run(quality({"max=8"}, "aaaaaaaaVx7!hq.Zr"));
    CHECK(end.status == 1);
    CHECK(run(quality({"max=8"}, "Vx7!hq.Z")).err == "");
}

TEST_CASE("words without effect are reported") {
    const auto end = run(quality({"retry=3", "use_authtok"}, good));
    CHECK(end.status == 42);
    CHECK(end.err == "setpw-quality: retry has no effect here: it is for a PAM module\n"
                     "setpw-quality: use_authtok has no effect here: it is for a PAM module\n");
}

TEST_CASE("with random= a refusal offers a password that is accepted") {
    for (const auto* const size : {"random=24", "random=47", "random=136"}) {
        auto end = run(quality({size}, "short"));
        CHECK(end.status == 1);
        const std::string before = "553 Weak password: too short; \"";
        const std::string after = "\" would do (#5.7.1)\n";
        REQUIRE(end.out.starts_with(before));
        REQUIRE(end.out.ends_with(after));
        CHECK(end.out.size() <= 200);
        const auto offer =
            end.out.substr(before.size(), end.out.size() - before.size() - after.size());
        CHECK(run(quality({size}, offer)).status == 42);
    }
    CHECK(run(quality({"random=0"}, "short")).out == refusal("too short"));
    CHECK(run(quality({}, "short")).out == refusal("too short"));
}

TEST_CASE("personal data of the account, unless non-unix; the login always") {
    // A real account whose home has a word that no other field has.
    const auto account = [](const std::string& user, const std::string& password,
                            std::vector<std::string> policy) {
        return run(quality(std::move(policy), password, user)).out;
    };
    const auto personal = refusal("based on personal login information");
    CHECK(account("www-data", "www-data!7Q", {}) == personal);
    CHECK(account("zebulon", "zebulon!7Qx", {}) == personal);
    CHECK(account("zebulon", "zebulon!7Qx", {"non-unix"}) == personal);
    CHECK(account("zebulon@example.org", "zebulon!7Qx", {}) == personal);
    CHECK(account("nobody", "nonexistent!7Qx", {}) == personal); // the word is in its home
    CHECK(account("nobody", "nonexistent!7Qx", {"non-unix"}).find("next-link") == 0);
    CHECK(account("", good, {}).find("next-link") == 0);
    CHECK(account("no such \377 user", good, {}).find("next-link") == 0);
}

TEST_CASE("accounts without gecos, home or shell") {
    // Tries it with our own program, because a sanitizer in it refuses libraries that are loaded
    // before it.
    const auto end = run({.argv = {built("setpw-quality"), "--version"},
                          .environment = {{"LD_PRELOAD", "libnss_wrapper.so"}}});
    if (missing(end.err.empty(), "nss_wrapper")) return;
    const TemporaryDirectory directory;
    write_file(directory.file("passwd"), "bare:x:1500:1500:::\nfull:x:1501:1501:Ann Fitzroy:/:\n");
    write_file(directory.file("group"), "");
    const auto with_accounts = [&](Program program) {
        program.environment = {{"LD_PRELOAD", "libnss_wrapper.so"},
                               {"NSS_WRAPPER_PASSWD", directory.file("passwd")},
                               {"NSS_WRAPPER_GROUP", directory.file("group")}};
        return run(program);
    };
    CHECK(with_accounts(quality({}, good, "bare")).status == 42);
    CHECK(with_accounts(quality({}, "fitzroy!7Qx", "full")).status == 1);
    CHECK(with_accounts(quality({}, "fitzroy!7Qx", "bare")).status == 42);
}

TEST_CASE("misuse") {
    const auto misused = [](std::vector<std::string> words, std::string_view says,
                            std::string record = record_of("joe", "old", good)) {
        words.insert(words.begin(), built("setpw-quality"));
        const auto end = run({.argv = words, .record = record});
        CAPTURE(end.err);
        CHECK(end.status == 2);
        CHECK(end.out == "");
        CHECK(end.err.find(says) != std::string::npos);
        CHECK(std::count(end.err.begin(), end.err.end(), '\n') == 1);
    };
    const auto next = built("next-link");
    misused({}, "no -- before the next program");
    misused({"min=8,8,8,8,8", next}, "no -- before the next program");
    misused({"--"}, "no program to run");
    misused({"mim=8", "--", next}, "\"mim=8\"");
    misused({"min=8", "--", next}, "\"min=8\"");
    misused({"-x", "--", next}, "\"-x\"");
    misused({"random=47,only", "--", next}, "random=47,only");
    misused({"config=/nonexistent", "--", next}, "\"config=/nonexistent\"");
    misused({"--", next, "/bin/true"}, "does not end in /bin/true");
    misused({"--", "no-such-program-here"}, "no-such-program-here");
    misused({"--", next}, "record", bytes("joe\0old\0\0"));
    misused({"--", next}, "record", bytes("joe\0old\0x\0new\0"));
    misused({"--", next}, "record", std::string(513, 'x'));
    CHECK(run({.argv = {built("setpw-quality"), "--", next}}).status == 2);
}

TEST_CASE("files of the policy that are missing: 111, before the record is read") {
    for (const std::string word : {"wordlist", "denylist", "filter"}) {
        const auto end = run(quality({word + "=/nonexistent"}, good));
        CHECK(end.status == 111);
        CHECK(end.out ==
              "454 Sorry, there is trouble on the server; nothing was changed (#4.3.0)\n");
        CHECK(end.err == "setpw-quality: open /nonexistent: No such file or directory\n");
    }
}

TEST_CASE("help and version") {
    for (const auto* const option : {"-h", "--help", "-V", "--version"}) {
        const auto end = run({.argv = {built("setpw-quality"), option}});
        CHECK(end.status == 0);
        CHECK(end.out.find("setpw-quality") != std::string::npos);
    }
}

TEST_CASE("a locale in the environment changes nothing") {
    auto program = quality({}, "short");
    for (const auto* const name : {"LC_ALL", "LANG", "LANGUAGE"})
        program.environment[name] = "de_DE.UTF-8";
    CHECK(run(program).out == refusal("too short"));
    program = quality({}, "\303\204\303\226\303\234\303\237 \303\251t\303\251 \303\240");
    const auto there = run(program).status;
    program.environment["LC_ALL"] = "C.UTF-8";
    CHECK(run(program).status == there);
}

namespace {

// Passwords of every kind: random bytes, words with additions, and the old one with changes.
std::string generated(std::mt19937& random) {
    const auto pick = [&](std::size_t end) { return random() % end; };
    const char* const words[] = {"summer", "battery", "Wonder", "qwerty",
                                 "horse",  "Staple",  "2024"};
    const std::string sets[] = {"0123456789", "abcdefghijklmnopqrstuvwxyz",
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "!#$%&()*+,-./ :;<=>?@[]^_{|}~",
                                "\303\244\303\266\342\202\254"};
    std::string password;
    const auto parts = 1 + pick(5);
    for (std::size_t part = 0; part < parts; ++part) {
        if (pick(3) == 0) {
            password += words[pick(std::size(words))];
            if (pick(2) == 0) password += ' ';
            continue;
        }
        const auto& set = sets[pick(std::size(sets))];
        for (auto length = 1 + pick(8); length > 0; --length) password += set[pick(set.size())];
    }
    if (pick(10) == 0) password = "OldBridge.7!" + password.substr(0, pick(4));
    // pwqcheck reads its input by lines.
    return password;
}

} // namespace

TEST_CASE("pwqcheck agrees on thousands of passwords") {
    if (missing(run({.argv = {"sh", "-c", "command -v pwqcheck"}}).status == 0, "pwqcheck")) return;
    std::mt19937 random{20260901};
    std::vector<std::string> passwords;
    std::string lines;
    const std::string old_password = "OldBridge.7!";
    for (int i = 0; i < 2000; ++i) {
        passwords.push_back(generated(random));
        lines += passwords.back() + "\n" + old_password + "\nnobody\n";
    }
    const std::vector<std::string> policy{"min=disabled,20,11,8,7", "max=40"};
    Program check{
        .argv = {"pwqcheck", "--multi"}, .input = lines, .timeout = milliseconds{120'000}};
    check.argv.insert(check.argv.end(), policy.begin(), policy.end());
    const auto theirs = run(check);
    std::size_t at = 0, good_ones = 0, differences = 0;
    for (const auto& password : passwords) {
        const auto end = theirs.out.find('\n', at);
        REQUIRE(end != std::string::npos);
        const auto line = theirs.out.substr(at, end - at);
        at = end + 1;
        const auto ours = run(quality(policy, password, "nobody", old_password));
        // "OK: PASSWORD", or "Bad passphrase (REASON): PASSWORD".
        const bool ok = line.starts_with("OK: ");
        const auto begin = line.find('(') + 1;
        const auto reason = ok ? "" : line.substr(begin, line.find("): ") - begin);
        good_ones += ok;
        CAPTURE(password);
        CAPTURE(line);
        const bool same = ok ? ours.status == 42 : ours.status == 1 && ours.out == refusal(reason);
        differences += !same;
        if (!same) CHECK(ours.out == refusal(reason));
    }
    CHECK(differences == 0);
    CHECK(good_ones > 200);
    CHECK(good_ones < 1800);
}

TEST_CASE("--check says what is wrong with the policy, and where to read how to write it") {
    struct Case {
        std::vector<std::string> policy;
        int status;
        std::string says;
    };
    const std::string page = ": correct the policy, as setpw-quality(8) describes it\"}\n]\n";
    for (const auto& [policy, status, says] : {
             Case{{"min=8,8,8,8,8"}, 0, "\"text\": \"can judge new passwords\"}\n]\n"},
             Case{{"min=foo"}, 2, "\\\"min=foo\\\": Invalid parameter value" + page},
             Case{{"--frobnicate"}, 2, "\\\"--frobnicate\\\": Invalid parameter" + page},
             Case{{"filter=/no/such"}, 2, "open /no/such: No such file or directory" + page},
             Case{{"retry=3"},
                  1,
                  "{\"level\": \"warning\", \"subject\": \"setpw-quality\", \"text\": \"retry has "
                  "no effect here: it is for a PAM module: remove it\"}"},
         }) {
        CAPTURE(policy.front());
        Program program{.argv = {built("setpw-quality"), "--check"}};
        program.argv.insert(program.argv.end(), policy.begin(), policy.end());
        const auto end = run(program);
        CAPTURE(end.out);
        CHECK(end.status == status);
        CHECK(end.out.find(says) != std::string::npos);
        CHECK(end.err == "");
    }
}
