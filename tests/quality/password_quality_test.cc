// PasswordQuality: which policies it takes, which passwords it refuses and makes.
#include "quality/password_quality.hh"
#include "support/program.hh"

#include <doctest/doctest.h>

using namespace poppass;
using test::TemporaryDirectory;
using test::write_file;

namespace {

Result<PasswordQuality> parse(std::vector<std::string> words) {
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    return PasswordQuality::parse(pointers);
}

const Person nobody{"joe", "", ""};

std::string weakness(const std::vector<std::string>& policy, const char* password,
                     const char* old_password = nullptr, const Person& person = nobody) {
    const auto quality = parse(policy);
    REQUIRE(quality);
    const auto reason = quality->weakness(password, old_password, person);
    REQUIRE(reason);
    return std::string{*reason};
}

std::string wrong(const std::vector<std::string>& policy, ExitStatus status = ExitStatus::misused) {
    const auto quality = parse(policy);
    if (quality) return "(accepted)";
    CHECK(quality.error().status == status);
    return quality.error().message();
}

} // namespace

TEST_CASE("words of pam_passwdqc") {
    const TemporaryDirectory directory;
    const auto list = directory.file("list"), conf = directory.file("conf");
    write_file(list, "something\n");
    write_file(conf, "# a comment\nmin=8,8,8,8,8\n\nretry=2\n");
    for (const auto& word : {std::string{"min=disabled,24,11,8,7"},
                             std::string{"max=40"},
                             std::string{"passphrase=4"},
                             std::string{"match=4"},
                             std::string{"similar=permit"},
                             std::string{"similar=deny"},
                             "wordlist=" + list,
                             "denylist=" + list,
                             std::string{"random=0"},
                             std::string{"random=136"},
                             std::string{"enforce=none"},
                             std::string{"enforce=users"},
                             std::string{"enforce=everyone"},
                             std::string{"non-unix"},
                             std::string{"retry=1"},
                             std::string{"ask_oldauthtok"},
                             std::string{"ask_oldauthtok=update"},
                             std::string{"check_oldauthtok"},
                             std::string{"use_first_pass"},
                             std::string{"use_authtok"},
                             std::string{"noaudit"},
                             "config=" + conf}) {
        CAPTURE(word);
        CHECK(parse({word}));
    }
    CHECK(parse({}));
}

TEST_CASE("anything else is misuse, and the message names it") {
    for (const auto* const word :
         {"mim=3", "min=3", "min=1,2,3,4,5", "max=7", "max=x", "passphrase=-", "similar=no",
          "enforce=root", "retry", "random=23", "random=137", "unknown", "--", "-x", "",
          "config=/nonexistent", "use_authtok=1"}) {
        CAPTURE(word);
        CHECK(wrong({"max=40", word}).find("\"" + std::string{word} + "\"") != std::string::npos);
    }
    CHECK(wrong({"random=47,only"}).find("random=47,only") == 0);
    CHECK(wrong({"random=0,only", "min=8,8,8,8,8"}).find("random=0,only") == 0);
}

TEST_CASE("a policy that no password can satisfy is misuse") {
    const std::string none = "the policy leaves no password that a user could choose";
    CHECK(wrong({"min=disabled,disabled,disabled,disabled,disabled"}) == none);
    const TemporaryDirectory directory;
    const auto conf = directory.file("conf");
    write_file(conf, "random=47,only\n");
    CHECK(wrong({"config=" + conf}) == none);
}

TEST_CASE("files of the policy that cannot be read are trouble") {
    for (const std::string word : {"wordlist", "denylist", "filter"})
        CHECK(wrong({word + "=/nonexistent"}, ExitStatus::temporary) ==
              "open /nonexistent: No such file or directory");
    const TemporaryDirectory directory;
    const auto bad = directory.file("filter");
    write_file(bad, "no filter");
    const auto quality = parse({"filter=" + bad});
    REQUIRE(quality);
    const auto reason = quality->weakness("Good7!enough-Word", nullptr, nobody);
    REQUIRE_FALSE(reason);
    CHECK(reason.error().status == ExitStatus::temporary);
    CHECK(reason.error().message() == "judge the new password: check failed");
}

TEST_CASE("documented rules") {
    CHECK(weakness({}, "Vx7!hq.Z") == "");
    CHECK(weakness({}, "short") == "too short");
    CHECK(weakness({}, "") == "too short");
    CHECK(weakness({"max=10"}, "Vx7!hq.Zmore") == "too long");
    CHECK(weakness({}, std::string(100, 'x').c_str()) == "too long");
    // The kinds: one class, two, three, four.
    CHECK(weakness({}, "kzwpqmvxjhgt") ==
          "not enough different characters or classes for this length");
    CHECK(weakness({"min=12,12,12,12,12", "match=0"}, "kzwpqmvxjhgt") == "");
    CHECK(weakness({}, "kzwpq7mvxjh") != "");
    CHECK(weakness({"match=0"}, "kzwpq7mvxjhgtbn5dfsyrlcw") == "");
    CHECK(weakness({}, "kz7Wq!") == "too short");
    CHECK(weakness({}, "kz7Wq!m") == "");
    CHECK(weakness({"min=disabled,24,11,8,8"}, "kz7Wq!m") == "too short");
    // A capital in front and a digit behind do not count.
    CHECK(weakness({}, "Kzwpqmv7") != "");
    // Passphrases.
    CHECK(weakness({}, "correct stable battery") == "");
    CHECK(weakness({"passphrase=4"}, "correct stable battery") != "");
    CHECK(weakness({"passphrase=0"}, "correct stable battery") != "");
    CHECK(weakness({"min=disabled,30,24,8,7"}, "correct stable battery") != "");
    // Sequences and words.
    CHECK(weakness({}, "qwerty!7Q") ==
          "based on a common sequence of characters and not a passphrase");
    CHECK(weakness({}, "wonder!7Q") == "based on a dictionary word and not a passphrase");
    for (const auto* const password : {"qwerty!7Q", "wonder!7Q"}) {
        CHECK(weakness({"match=0"}, password) == "");
        CHECK(weakness({"match=7"}, password) == "");
    }
}

TEST_CASE("the old password") {
    CHECK(weakness({}, "Vx7!hq.Zr", "Vx7!hq.Zr") == "is the same as the old one");
    CHECK(weakness({}, "Vx7!hq.Zs", "Vx7!hq.Zr") == "is based on the old one");
    CHECK(weakness({"similar=permit"}, "Vx7!hq.Zs", "Vx7!hq.Zr") == "");
    CHECK(weakness({"similar=permit"}, "Vx7!hq.Zr", "Vx7!hq.Zr") == "is the same as the old one");
    CHECK(weakness({}, "rZ.qh!7xV", "Vx7!hq.Zr") == "is based on the old one"); // backwards
    CHECK(weakness({}, "Vx7!hq.Zr", nullptr) == "");
    CHECK(weakness({}, "Vx7!hq.Zr", "mB4_tk+Lw") == "");
}

TEST_CASE("with personal data, and without") {
    const std::string personal = "based on personal login information";
    CHECK(weakness({}, "zebulon!7Qx", nullptr, {"zebulon", "", ""}) == personal);
    CHECK(weakness({}, "nolubez!7Qx", nullptr, {"zebulon", "", ""}) == personal);
    CHECK(weakness({}, "fitzroy!7Qx", nullptr, {"z", "Anna Fitzroy", ""}) == personal);
    CHECK(weakness({}, "qwelkin!7Qx", nullptr, {"z", "", "/srv/qwelkin"}) == personal);
    for (const auto& person : {Person{}, Person{"", "", ""}, Person{"zebulon", "", ""}})
        CHECK(weakness({}, "Vx7!hq.Z", "old", person) == "");
}

TEST_CASE("lists and filters") {
    const TemporaryDirectory directory;
    const auto list = directory.file("list");
    write_file(list, "Vx7!hq.Z\nbramblewick\n");
    CHECK(weakness({"denylist=" + list}, "Vx7!hq.Z") == "is in deny list");
    CHECK(weakness({"denylist=" + list}, "Vx7!hq.Zr") == "");
    CHECK(weakness({"wordlist=" + list}, "bramblewick!7Q") == "based on a word list entry");
    CHECK(weakness({}, "bramblewick!7Q") == "");
    if (test::missing(test::run({.argv = {"sh", "-c", "command -v pwqfilter"}}).status == 0,
                      "pwqfilter"))
        return;
    const auto filter = directory.file("filter");
    const auto made = test::run({.argv = {"pwqfilter", "--create=100", "--output=" + filter},
                                 .input = "Vx7!hq.Z\nother\n"});
    REQUIRE(made.status == 0);
    CHECK(weakness({"filter=" + filter}, "Vx7!hq.Z") == "appears to be in a database");
    CHECK(weakness({"filter=" + filter}, "Vx7!hq.Zr") == "");
}

TEST_CASE("max=8 judges the first eight bytes, and says so") {
    const auto quality = parse({"max=8"});
    REQUIRE(quality);
    CHECK(quality->judges_part_of("123456789"));
    CHECK_FALSE(quality->judges_part_of("12345678"));
    CHECK(*quality->weakness("Vx7!hq.Z and all the rest", nullptr, nobody) == "");
    CHECK(*quality->weakness("aaaaaaaaVx7!hq.Z", nullptr, nobody) != "");
    CHECK(*quality->weakness("Vx7!hq.Z2", "Vx7!hq.Z1", nobody) == "is the same as the old one");
    const auto longer = parse({"max=9"});
    REQUIRE(longer);
    CHECK_FALSE(longer->judges_part_of("1234567890"));
}

TEST_CASE("enforce=") {
    CHECK(parse({})->enforced());
    CHECK(parse({"enforce=everyone"})->enforced());
    CHECK(parse({"enforce=users"})->enforced());
    CHECK_FALSE(parse({"enforce=none"})->enforced());
    CHECK(parse({})->uses_account());
    CHECK_FALSE(parse({"non-unix"})->uses_account());
}

TEST_CASE("words with an effect only in a PAM module are reported, wherever they stand") {
    using Words = std::vector<std::string_view>;
    CHECK(parse({"min=8,8,8,8,8"})->idle_words() == Words{});
    CHECK(parse({"retry=3"})->idle_words() == Words{"retry"});
    CHECK(parse({"noaudit", "use_authtok", "ask_oldauthtok", "check_oldauthtok"})->idle_words() ==
          Words{"ask_oldauthtok", "check_oldauthtok", "use_authtok", "noaudit"});
    CHECK(parse({"ask_oldauthtok=update"})->idle_words() == Words{"ask_oldauthtok=update"});
    CHECK(parse({"use_first_pass"})->idle_words() == Words{"use_first_pass", "use_authtok"});
    const TemporaryDirectory directory;
    write_file(directory.file("conf"), "retry=1\nnoaudit\n");
    CHECK(parse({"config=" + directory.file("conf")})->idle_words() == Words{"retry", "noaudit"});
}

TEST_CASE("what is generated would be accepted, and is never the same") {
    Secret offer{256};
    CHECK_FALSE(parse({})->generate(offer, nullptr, nobody)); // not asked for
    CHECK_FALSE(parse({"random=0"})->generate(offer, nullptr, nobody));
    for (const auto& policy : {std::vector<std::string>{"random=24"},
                               {"random=47"},
                               {"random=64"},
                               {"random=136"},
                               {"random=64", "min=disabled,disabled,20,20,20"}}) {
        const auto quality = parse(policy);
        REQUIRE(quality);
        std::vector<std::string> seen;
        for (int i = 0; i < 50; ++i) {
            if (!quality->generate(offer, "Vx7!hq.Zr", nobody)) continue;
            const std::string made{offer.view()};
            CHECK(*quality->weakness(made.c_str(), "Vx7!hq.Zr", nobody) == "");
            seen.push_back(made);
        }
        CHECK(seen.size() > 40);
        CHECK(seen.front() != seen.back());
    }
    // A policy that refuses every passphrase that can be made.
    CHECK_FALSE(parse({"random=24", "min=disabled,disabled,disabled,disabled,70"})
                    ->generate(offer, nullptr, nobody));
    CHECK(offer.size() == 0);
}
