#include "link/link_table.hh"

#include "support/program.hh"

#include <doctest/doctest.h>

using namespace poppass;

namespace {

using Words = std::vector<std::string>;

// What read_options makes of a command line.
struct Split {
    Words options; // each as its letter or number, with `=VALUE` where there is one
    Words next;
    Deed deed = Deed::serve;
    std::string error;
};

Split split(Words words) {
    Split split;
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const KnownLink* const link = find_known_link("/usr/sbin/" + words[0]);
    REQUIRE(link != nullptr);
    const auto read = read_options(*link, {argv.data(), words.size()},
                                   [&](int option, std::string_view value) -> Result<void> {
                                       if (value == "bad") return misuse("a bad value");
                                       std::string name =
                                           option < 256 ? std::string(1, static_cast<char>(option))
                                                        : std::to_string(option - 256);
                                       if (!value.empty()) name.append("=").append(value);
                                       split.options.push_back(name);
                                       return {};
                                   });
    if (!read) {
        split.error = read.error().message();
        return split;
    }
    split.deed = read->deed;
    for (const char* const word : read->next) split.next.emplace_back(word);
    return split;
}

std::string number(LongOption option) { return std::to_string(option - 256); }

} // namespace

TEST_CASE("options end where the link says") {
    struct Case {
        Words words;
        Words options, next;
    };
    const std::string min_uid = number(min_uid_option);
    for (const auto& [words, options, next] : {
             Case{{"checkpw"}, {}, {}},
             Case{{"checkpw", "/bin/false"}, {}, {"/bin/false"}},
             Case{{"checkpw", "-f", "F", "/bin/false"}, {"f=F"}, {"/bin/false"}},
             Case{{"checkpw", "-fF", "-e", "--min-uid", "5", "--", "-x"},
                  {"f=F", "e", min_uid + "=5"},
                  {"-x"}},
             Case{{"checkpw", "--min-uid=5", "x", "-y"}, {min_uid + "=5"}, {"x", "-y"}},
             Case{{"checkpw", "--min", "5", "x"}, {min_uid + "=5"}, {"x"}},
             Case{{"checkpw", "--noenv", "x"}, {"e"}, {"x"}},
             Case{{"checkpw", "-ef", "F", "x"}, {"e", "f=F"}, {"x"}},
             Case{{"setpw-quality", "min=8", "--", "setpw", "--", "/bin/false"},
                  {},
                  {"setpw", "--", "/bin/false"}},
             Case{{"setpw-quality", "min=8"}, {}, {}},
             Case{{"setpw-hook", "--after", "x --", "-t", "5", "setpw", "--", "/bin/false"},
                  {number(after_option) + "=x --", "t=5"},
                  {"setpw", "--", "/bin/false"}},
             Case{{"setpw-hook", "--before=x", "--undo", "y", "--", "setpw"},
                  {number(before_option) + "=x", number(undo_option) + "=y"},
                  {"setpw"}},
             Case{{"checkpw-pam", "-s", "x", "--", "/bin/false"}, {"s=x"}, {"/bin/false"}},
             Case{{"checkpassword", "prog", "-x"}, {}, {"prog", "-x"}},
         }) {
        CAPTURE(words.back());
        const Split found = split(words);
        CHECK(found.error == "");
        CHECK(found.options == options);
        CHECK(found.next == next);
        CHECK(found.deed == Deed::serve);
    }
}

TEST_CASE("what a link is asked to do") {
    CHECK(split({"checkpw", "-e", "-h", "--nonsense"}).deed == Deed::help);
    CHECK(split({"checkpw", "--version"}).deed == Deed::version);
    const Split look = split({"checkpw", "--check", "-f", "F", "/bin/false"});
    CHECK(look.deed == Deed::look_over);
    CHECK(look.options == Words{"f=F"});
    CHECK(split({"setpw-quality", "--help", "--", "x"}).deed == Deed::help);
    CHECK(split({"setpw-quality", "-V", "--", "x"}).deed == Deed::version);
    CHECK(split({"setpw-quality", "--check", "min=8"}).deed == Deed::look_over);
    CHECK(split({"setpw-quality", "min=8", "--check", "--", "x"}).deed == Deed::serve);
    CHECK(split({"setpw-hook", "--before", "x", "--check"}).deed == Deed::look_over);
}

TEST_CASE("options that the link does not have, and values that it refuses, are misuse") {
    CHECK(split({"setpw", "--native", "x"})
              .error.starts_with("no such option: --native; usage: setpw "));
    CHECK(
        split({"checkpw", "-f"}).error.starts_with("no value for the option -f; usage: checkpw "));
    CHECK(split({"checkpassword", "-x"}).error == "no such option: -x; usage: checkpassword");
    CHECK(split({"checkpw", "-f", "bad"}).error == "a bad value");
}

TEST_CASE("links are known by the last component of their name") {
    CHECK(find_known_link("checkpw-unknown") == nullptr);
    CHECK(find_known_link("/opt/checkpw")->name == "checkpw");
}
