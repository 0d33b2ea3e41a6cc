// The checks in scripts/ bite: each on a small tree of its own.
#include "program.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

using namespace poppass::test;
namespace fs = std::filesystem;

namespace {

// A source tree in which nothing is wrong, and a script of ours in its place.
class Tree {
public:
    explicit Tree(const std::string& script) : script_{"scripts/" + script} {
        put(script_, read_file(beside_tests("../scripts/" + script)), 0755);
        put("lib/meson.build", "ground = static_library('ground', 'fd.cc',\n  'secret.cc')\n"
                               "data = static_library('data', 'log.cc')\n"
                               "processes = static_library('processes', 'child.cc')\n"
                               "credentials = static_library('credentials', 'store.cc')\n"
                               "pam = static_library('pam', 'talk.cc', dependencies: pam_dep)\n");
        for (const char* const name : {"lib/fd", "lib/secret", "lib/log", "lib/child", "lib/store",
                                       "lib/talk", "poppass/session", "poppass/monitor",
                                       "poppass/parser", "poppass/reply", "checkpw/guard"}) {
            put(std::string{name} + ".hh", "#pragma once\n");
            put(std::string{name} + ".cc",
                "#include \"" + fs::path{name}.filename().string() + ".hh\"\n");
        }
        put("lib/result.hh", "#pragma once\n");
        put("lib/child.cc", "#include \"child.hh\"\n\n#include \"fd.hh\"\n#include \"log.hh\"\n");
        put("poppass/parser.cc",
            "#include \"session.hh\"\n#include \"fd.hh\"\n#include <chrono>\n");
        put("setpw/setpw.cc", "#include \"store.hh\"\n");
        put("man/setpw.8", ".Dd January 1, 2024\n.Dt SETPW 8\n.Os\n.Sh NAME\n.Nm setpw\n"
                           ".Nd set\n");
    }

    void put(const std::string& name, std::string_view text, mode_t mode = 0644) const {
        fs::create_directories(fs::path{directory_.file(name)}.parent_path());
        write_file(directory_.file(name), text, mode);
    }

    Outcome check() const { return run({.argv = {directory_.file(script_)}}); }

private:
    TemporaryDirectory directory_;
    std::string script_;
};

} // namespace

TEST_CASE("check-includes: a tree that keeps the rules passes") {
    const auto end = Tree{"check-includes"}.check();
    CHECK(end.out == "");
    CHECK(end.err == "");
    CHECK(end.status == 0);
}

TEST_CASE("check-includes: every rule names the line that breaks it") {
    struct Case {
        std::string file;
        std::string_view text;
        const char* complaint;
    };
    for (const auto& [file, text, complaint] : {
             Case{"poppass/monitor.cc", "\n#include \"guard.hh\"\n", "poppass/monitor.cc:2:"},
             Case{"checkpw/checkpw.cc", "#include \"session.hh\"\n", "checkpw/checkpw.cc:1:"},
             Case{"setpw/setpw.cc", "#  include \"../checkpw/guard.hh\"\n", "setpw/setpw.cc:1:"},
             Case{"setpw/setpw.cc", "#include \"guard.hh\"\n", "setpw/setpw.cc:1:"},
             Case{"lib/fd.cc", "#include \"reply.hh\"\n", "lib/fd.cc:1:"},
             Case{"lib/fd.cc", "#include \"../tests/program.hh\"\n", "lib/fd.cc:1:"},
             Case{"lib/fd.hh", "#include \"log.hh\"\n", "lib/fd.hh:1:"},
             Case{"lib/result.hh", "\n\n#include \"log.hh\"\n", "lib/result.hh:3:"},
             Case{"lib/log.cc", "#include \"child.hh\"\n", "lib/log.cc:1:"},
             Case{"lib/child.cc", "#include \"store.hh\"\n", "lib/child.cc:1:"},
             Case{"lib/store.cc", "#include \"talk.hh\"\n", "lib/store.cc:1:"},
             Case{"lib/talk.cc", "#include \"store.hh\"\n", "lib/talk.cc:1:"},
             Case{"poppass/monitor.cc", "#include \"parser.hh\"\n", "poppass/monitor.cc:1:"},
             Case{"poppass/parser.hh", "#include \"monitor.hh\"\n", "poppass/parser.hh:1:"},
             Case{"poppass/session.cc", "#include \"fd.hh\"\n", "poppass/session.cc:1:"},
             Case{"poppass/session.hh", "#include <chrono>\n", "poppass/session.hh:1:"},
             Case{"poppass/session.hh", "#include <sys/time.h>\n", "poppass/session.hh:1:"},
         }) {
        CAPTURE(file);
        CAPTURE(text);
        const Tree tree{"check-includes"};
        tree.put(file, text);
        const auto end = tree.check();
        CHECK(end.status == 1);
        CHECK(end.out.starts_with(complaint));
    }
}

TEST_CASE("check-includes: what is forbidden is so at second hand too") {
    const Tree tree{"check-includes"};
    tree.put("poppass/session.cc", "#include \"reply.hh\"\n");
    tree.put("poppass/reply.hh", "#include <ctime>\n");
    const auto end = tree.check();
    CHECK(end.status == 1);
    CHECK(end.out.starts_with("poppass/reply.hh:1: includes <ctime>: session knows neither"));
}

TEST_CASE("check-includes: a tree it does not understand fails") {
    const Tree tree{"check-includes"};
    tree.put("lib/meson.build", "");
    CHECK(tree.check().status == 1);
}

TEST_CASE("check-man: a page that warns fails") {
    const Tree tree{"check-man"};
    const auto good = tree.check();
    if (missing(good.status != 77, "mandoc")) return;
    CHECK(good.out == "");
    CHECK(good.status == 0);
    tree.put("man/bad.8", ".Dd January 1, 2024\n.Dt BAD 8\n.Os\n.Sh NAME\n.Nm bad\n.Nd b\n.Zz\n");
    const auto bad = tree.check();
    CHECK(bad.status != 0);
    CHECK(bad.out.find("man/bad.8:7") != std::string::npos);
}

TEST_CASE("check-version: a file that has another version, or none, is named") {
    const Tree tree{"check-version"};
    const std::pair<std::string, std::string> files[] = {
        {"meson.build", "project('poppass', 'cpp', version: '1.2', license: 'ISC')\n"},
        {"NEWS", "poppass 1.2\n\npoppass 1.1\n"},
        {"debian/changelog", "poppass (1.2) unstable; urgency=medium\n\npoppass (1.1) unstable\n"},
        {"packaging/poppass.spec", "Version:        1.2\n* Mon Jan 1 2024 N - 1.2-1\n"},
    };
    for (const auto& [name, text] : files) tree.put(name, text);
    const auto good = tree.check();
    CHECK(good.out == "");
    CHECK(good.status == 0);
    for (const auto& [name, text] : files) {
        CAPTURE(name);
        for (auto at = text.find("1.2"); at != text.npos; at = text.find("1.2", at + 1)) {
            auto other = text;
            other.replace(at, 3, "1.3");
            tree.put(name, other);
            CHECK(tree.check().status == 1);
        }
        tree.put(name, "");
        const auto none = tree.check();
        CHECK(none.status == 1);
        CHECK(none.out.starts_with(name));
        tree.put(name, text);
    }
}

TEST_CASE("every suite is in the list that is built and run") {
    const auto list = read_file(beside_tests("meson.build"));
    for (const auto& entry : fs::directory_iterator{beside_tests("")}) {
        const auto name = entry.path().filename().string();
        const std::string_view end = "_test.cc";
        if (!name.ends_with(end)) continue;
        CAPTURE(name);
        CHECK(list.find("'" + name.substr(0, name.size() - end.size()) + "'") != list.npos);
    }
}
