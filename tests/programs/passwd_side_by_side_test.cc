// Compares pwadmin with the machine's own passwd(1) and chage(1) on copies of one shadow file: the
// exit value, the output of -S, and the file afterwards must be the same. It leaves out what asks
// for a password, and numbers that strtol(3) accepts and people do not write ("010", "0x10", "+7",
// " 7").
#include "support/program.hh"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

// The leak check needs /proc, which these roots do not have.
const ScopedVariable no_leaks{"ASAN_OPTIONS", "detect_leaks=0"};

using Words = std::vector<std::string>;

const Words odd_names{"", "#joe", "+"};
const Words strangers{"nobody", odd_names[0], odd_names[1], odd_names[2], "root2"};

constexpr unsigned seed = 20261121;
constexpr int lists = 400;

const std::string accounts = "root:x:0:0:root:/root:/bin/sh\n"
                             "joe:x:64001:64001:Joe:/home/joe:/bin/sh\n"
                             "ann:x:64002:64002::/home/ann:/bin/sh\n"
                             "locked:x:64003:64003::/:/bin/sh\n"
                             "twice:x:64004:64004::/:/bin/sh\n"
                             "none:x:64005:64005::/:/bin/sh\n"
                             "bang:x:64006:64006::/:/bin/sh\n"
                             "star:x:64007:64007::/:/bin/sh\n";
const std::string shadow = "root:$5$salt$hash:19000:0:99999:7:::\n"
                           "joe:$6$salt$hash:19000:0:99999:7:::\n"
                           "ann:$y$j9T$salt$hash:19500:1:90:14:30:20000:\n"
                           "locked:!$5$salt$hash:19000:0:99999:7:::\n"
                           "twice:!!$5$salt$hash:0::::::\n"
                           "none::::::::\n"
                           "bang:!:19000::::::\n"
                           "star:*:19000:0:99999:7:::\n";

// A root directory with these files.
struct Root {
    TemporaryDirectory directory;
    Root() {
        REQUIRE(::mkdir(directory.file("etc").c_str(), 0755) == 0);
        write_file(directory.file("etc/passwd"), accounts, 0644);
        reset();
    }
    void reset() const { write_file(path(), shadow, 0600); }
    std::string path() const { return directory.file("etc/shadow"); }
    std::string content() const { return read_file(path()); }
    mode_t mode() const {
        struct stat status {};
        REQUIRE(::stat(path().c_str(), &status) == 0);
        return status.st_mode;
    }
    // Runs passwd(1) or chage(1), or our program with the file that they would use.
    Outcome run_there(const Words& program, const Words& words) const {
        Words argv = program;
        argv.insert(argv.end(), {"-R", directory.path()});
        argv.insert(argv.end(), words.begin(), words.end());
        return run({.argv = argv, .environment = {{"LC_ALL", "C"}}});
    }
    Outcome pwadmin(const Words& words) const {
        return run_there({built("pwadmin"), "-f", "/etc/shadow"}, words);
    }
    // passwd(1) of shadow 4.17 and later refuses such a name before it checks whether the options
    // fit together. In that case another name that does not exist is compared.
    Outcome passwd(Words words) const {
        auto end = run_there({"passwd"}, words);
        if (end.err.find("is not a valid name") == std::string::npos) return end;
        CHECK(end.status == 1);
        for (auto& word : words)
            if (std::ranges::find(odd_names, word) != odd_names.end()) word = "nobody";
        return run_there({"passwd"}, words);
    }
};

std::string joined(const Words& words) {
    std::string line;
    for (const auto& word : words) line += " " + (word.empty() ? "''" : word);
    return line;
}

// Gives the same numbers with every compiler.
class Dice {
public:
    std::size_t below(std::size_t n) { return engine_() % n; }
    const std::string& of(const Words& words) { return words[below(words.size())]; }

private:
    std::mt19937 engine_{seed};
};

const Words users{"root", "joe", "ann", "locked", "twice", "none", "bang", "star"};

struct Flag {
    std::string brief;
    std::string full;
    bool valued;
    bool deed; // with this option no password is asked for
};
const Flag flags[] = {
    // the first eight may be combined
    {"-d", "--delete", false, true},       {"-e", "--expire", false, true},
    {"-l", "--lock", false, true},         {"-u", "--unlock", false, true},
    {"-i", "--inactive", true, true},      {"-n", "--mindays", true, true},
    {"-w", "--warndays", true, true},      {"-x", "--maxdays", true, true},
    {"-S", "--status", false, true},       {"-q", "--quiet", false, false},
    {"-k", "--keep-tokens", false, false}, {"-a", "--all", false, true},
};

// One to four options and none to two users; some of it is wrong.
Words random_list(Dice& dice) {
    for (;;) {
        Words words;
        const auto kind = dice.below(6);
        const bool status = kind == 0;
        const bool sound = kind > 3; // options that may be combined, for a user who exists
        bool deed = status;
        if (status) words.push_back(dice.of({"-S", "--status", "-Sq", "-aS"}));
        for (auto left = status ? dice.below(2) : 1 + dice.below(4); left > 0; --left) {
            const auto& flag = flags[dice.below(sound ? 8 : std::size(flags))];
            deed = deed || flag.deed;
            const bool brief = dice.below(2) == 0;
            const std::string value =
                sound ? dice.of({"-1", "0", "1", "7", "30", "90", "99999"})
                      : dice.of({"-1", "0", "1", "7", "99999", "-2", "x", "", "5x"});
            if (!flag.valued)
                words.push_back(brief ? flag.brief : flag.full);
            else if (brief)
                words.insert(words.end(), {flag.brief, value});
            else
                words.push_back(flag.full + "=" + value);
        }
        if (!sound && dice.below(20) == 0)
            words.insert(words.end(), {"-r", dice.of({"files", "nis"})});
        if (!sound && dice.below(20) == 0) words.push_back(dice.of({"--nonsense", "-Z", "-h"}));
        const auto count = sound ? 1 : dice.below(10);
        if (count > 0)
            words.push_back(!sound && dice.below(10) == 0 ? dice.of(strangers) : dice.of(users));
        if (count == 9) words.push_back(dice.of(users));
        // Both programs also take options after the names.
        if (count > 0 && dice.below(4) == 0)
            std::rotate(words.begin(), words.end() - 1, words.end());
        if (deed) return words;
    }
}

} // namespace

TEST_CASE("passwd(1): random lists of options") {
    if (missing(::geteuid() == 0, "root")) return;
    MESSAGE("seed " << seed << ", " << lists << " lists");
    const Root ours;
    const Root theirs;
    Dice dice;
    std::map<int, int> exits;
    int changed = 0;
    int shown = 0;
    for (int i = 0; i < lists; ++i) {
        // A dozen lists run one after the other, on the file that the previous one left.
        if (i % 12 == 0) {
            ours.reset();
            theirs.reset();
        }
        const Words words = random_list(dice);
        CAPTURE(i);
        const std::string line = joined(words);
        CAPTURE(line);
        const auto before = ours.content();
        const auto mine = ours.pwadmin(words);
        const auto passwd = theirs.passwd(words);
        CHECK_MESSAGE(mine.status == passwd.status, mine.err << passwd.err);
        CHECK(ours.content() == theirs.content());
        CHECK(ours.mode() == theirs.mode());
        if (passwd.out.find(" P ") != std::string::npos ||
            passwd.out.find(" L ") != std::string::npos) {
            CHECK(mine.out == passwd.out);
            ++shown;
        }
        ++exits[mine.status];
        changed += ours.content() != before;
    }
    // Everything was seen, and often.
    for (const int exit : {0, 1, 2, 3, 6}) CHECK(exits[exit] > 0);
    CHECK(exits[0] > lists / 5);
    CHECK(changed > lists / 10);
    CHECK(shown > lists / 20);
}

TEST_CASE("passwd(1): where options stand, and other roots") {
    if (missing(::geteuid() == 0, "root")) return;
    const Root ours;
    const Root theirs;
    for (const Words& words : {Words{"-leS"},
                               {"-lex", "5", "joe"},
                               {"joe", "-l"},
                               {"-x5", "joe"},
                               {"--", "-l"},
                               {"-l", "--", "joe"},
                               {"--lo", "joe"},
                               {"--stat", "joe"},
                               {"-x"},
                               {"-S", "-r"},
                               {"-aS"},
                               {"-aSk"},
                               {"-Sa", "joe"},
                               {"-a"},
                               {"-x", "99999999999", "ann"},
                               {"-x", "99999999999999999999", "ann"}}) {
        const std::string line = joined(words);
        CAPTURE(line);
        const auto mine = ours.pwadmin(words);
        const auto passwd = theirs.passwd(words);
        CHECK_MESSAGE(mine.status == passwd.status, mine.err << passwd.err);
        CHECK(ours.content() == theirs.content());
    }
    for (const std::string& root : Words{"etc", "/nonexistent/root", ours.path()}) {
        CAPTURE(root);
        const auto mine =
            run({.argv = {built("pwadmin"), "-f", "/etc/shadow", "-R", root, "-S", "joe"}});
        const auto passwd = run({.argv = {"passwd", "-R", root, "-S", "joe"}});
        CHECK(mine.status == passwd.status);
        CHECK(mine.status == 3);
    }
}

TEST_CASE("passwd(1): somebody who is not root") {
    if (missing(::geteuid() == 0, "root")) return;
    const TemporaryDirectory directory;
    const auto program = reachable("pwadmin", directory);
    for (const Words& words : {Words{"-l", "joe"},
                               {"-S", "root"},
                               {"-x", "5", "root"},
                               {"-d", "root"},
                               {"-l"},
                               {"-S", "-l", "root"},
                               {"-x", "z"},
                               {"-a"}}) {
        const std::string line = joined(words);
        CAPTURE(line);
        auto mine = Program{.argv = {program, "-f", "/etc/shadow"}, .as = nobody};
        auto passwd = Program{.argv = {"/usr/bin/passwd"}, .as = nobody};
        mine.argv.insert(mine.argv.end(), words.begin(), words.end());
        passwd.argv.insert(passwd.argv.end(), words.begin(), words.end());
        CHECK(run(mine).status == run(passwd).status);
    }
}

TEST_CASE("chage(1): what both can do") {
    if (missing(::geteuid() == 0, "root")) return;
    const struct {
        std::string pwadmin;
        std::string chage;
    } same[] = {{"-n", "-m"}, {"-x", "-M"}, {"-w", "-W"}, {"-i", "-I"}, {"-e", "-d"}};
    const Root ours;
    const Root theirs;
    Dice dice;
    int changed = 0;
    for (int i = 0; i < lists / 4; ++i) {
        if (i % 12 == 0) {
            ours.reset();
            theirs.reset();
        }
        Words mine;
        Words chage;
        for (auto left = 1 + dice.below(3); left > 0; --left) {
            const auto& option = same[dice.below(std::size(same))];
            const std::string value = dice.of({"-1", "0", "1", "14", "90", "99999"});
            mine.push_back(option.pwadmin);
            if (option.pwadmin != "-e") mine.push_back(value);
            chage.insert(chage.end(), {option.chage, option.chage == "-d" ? "0" : value});
        }
        const auto user = dice.below(10) == 0 ? "nobody" : dice.of(users);
        for (Words* words : {&mine, &chage}) words->push_back(user);
        const std::string line = joined(mine);
        CAPTURE(line);
        const auto before = ours.content();
        const auto our_end = ours.pwadmin(mine);
        const auto their_end = theirs.run_there({"chage"}, chage);
        CHECK(our_end.status == their_end.status);
        CHECK(ours.content() == theirs.content());
        changed += ours.content() != before;
    }
    CHECK(changed > lists / 20);
}
