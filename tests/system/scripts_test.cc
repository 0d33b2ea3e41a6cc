// The checks in scripts/ must find faults: each one runs on a small tree of its own.
#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

using namespace poppass::test;
namespace fs = std::filesystem;

namespace {

// A source tree without faults, which has one of our scripts.
class Tree {
public:
    explicit Tree(const std::string& script) : script_{"scripts/" + script} {
        put(script_, read_file(beside_tests("../scripts/" + script)), 0755);
        put("lib/meson.build", "subdir('base')\n");
        put("poppass/meson.build",
            "front_end_dep = declare_dependency(dependencies: [monitor_dep, network_dep])\n");
        for (const auto& [room, named] : {std::pair{"lib/base", ""},
                                          {"lib/process", "base_dep"},
                                          {"lib/link", "process_dep"},
                                          {"lib/pam", "link_dep"},
                                          {"lib/ldap", "link_dep"},
                                          {"poppass/protocol", "link_dep"},
                                          {"poppass/monitor", "protocol_dep"},
                                          {"poppass/network", "protocol_dep"},
                                          {"checkpw/throttle", "link_dep"}})
            put(std::string{room} + "/meson.build",
                fs::path{room}.filename().string() + "_dep = declare_dependency(dependencies: [" +
                    named + "])\n");
        put("checkpw/meson.build", "subdir('throttle')\n");
        put("setpw/meson.build", "");
        put("bin/meson.build",
            "programs = {\n  'poppass': ['../poppass/poppass.cc', front_end_dep],\n"
            "  'setpw-pam': ['../setpw/setpw-pam.cc', pam_dep],\n}\n");
        for (const char* const name :
             {"lib/base/fd", "lib/base/secret", "lib/process/child", "lib/link/record",
              "lib/pam/user", "lib/ldap/session", "poppass/protocol/session",
              "poppass/protocol/reply", "poppass/monitor/monitor", "poppass/network/network_side",
              "checkpw/throttle/guard"}) {
            const std::string file{name};
            put(file + ".hh", "#pragma once\n");
            put(file + ".cc", "#include \"" + file.substr(file.find('/') + 1) + ".hh\"\n");
        }
        put("lib/process/child.cc", "#include \"process/child.hh\"\n\n#include \"base/fd.hh\"\n");
        put("poppass/network/network_side.cc", "#include \"protocol/session.hh\"\n"
                                               "#include \"base/fd.hh\"\n#include <chrono>\n");
        put("poppass/poppass.cc", "#include \"monitor/monitor.hh\"\n#include \"base/fd.hh\"\n");
        put("setpw/setpw-pam.cc", "#include \"pam/user.hh\"\n");
        put("man/setpw.8", ".Dd January 1, 2024\n.Dt SETPW 8\n.Os\n.Sh NAME\n.Nm setpw\n"
                           ".Nd set\n");
    }

    void put(const std::string& name, std::string_view text, mode_t mode = 0644) const {
        fs::create_directories(fs::path{directory_.file(name)}.parent_path());
        write_file(directory_.file(name), text, mode);
    }

    std::string path(const std::string& name) const { return directory_.file(name); }

    Outcome check(const std::vector<std::string>& words = {}) const {
        Program program{.argv = {directory_.file(script_)}, .directory = directory_.path()};
        program.argv.insert(program.argv.end(), words.begin(), words.end());
        return run(program);
    }

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
             Case{"poppass/monitor/monitor.cc", "\n#include \"throttle/guard.hh\"\n",
                  "poppass/monitor/monitor.cc:2:"},
             Case{"poppass/monitor/monitor.cc", "#include \"network/network_side.hh\"\n",
                  "poppass/monitor/monitor.cc:1:"},
             Case{"poppass/network/network_side.hh", "#include \"monitor/monitor.hh\"\n",
                  "poppass/network/network_side.hh:1:"},
             Case{"poppass/poppass.cc", "\n\n#  include \"pam/user.hh\"\n",
                  "poppass/poppass.cc:3:"},
             Case{"setpw/setpw-pam.cc", "#include \"ldap/session.hh\"\n", "setpw/setpw-pam.cc:1:"},
             Case{"setpw/setpw-pam.cc", "#include \"../checkpw/throttle/guard.hh\"\n",
                  "setpw/setpw-pam.cc:1:"},
             Case{"setpw/new.cc", "", "setpw/new.cc: neither"},
             Case{"lib/base/fd.cc", "#include \"link/record.hh\"\n", "lib/base/fd.cc:1:"},
             Case{"lib/base/fd.hh", "#include \"process/child.hh\"\n", "lib/base/fd.hh:1:"},
             Case{"lib/base/fd.cc", "#include \"fd.hh\"\n", "lib/base/fd.cc:1:"},
             Case{"lib/base/fd.cc", "#include \"../../tests/support/program.hh\"\n",
                  "lib/base/fd.cc:1:"},
             Case{"lib/pam/user.cc", "#include \"ldap/session.hh\"\n", "lib/pam/user.cc:1:"},
             Case{"lib/ldap/session.cc", "#include \"pam/user.hh\"\n", "lib/ldap/session.cc:1:"},
             Case{"poppass/protocol/session.cc", "#include \"base/fd.hh\"\n",
                  "poppass/protocol/session.cc:1:"},
             Case{"poppass/protocol/session.hh", "#include <chrono>\n",
                  "poppass/protocol/session.hh:1:"},
             Case{"poppass/protocol/session.hh", "#include <sys/time.h>\n",
                  "poppass/protocol/session.hh:1:"},
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
    tree.put("poppass/protocol/session.cc", "#include \"protocol/reply.hh\"\n");
    tree.put("poppass/protocol/reply.hh", "#include <ctime>\n");
    const auto end = tree.check();
    CHECK(end.status == 1);
    CHECK(end.out.starts_with(
        "poppass/protocol/reply.hh:1: includes <ctime>: session knows neither"));
}

TEST_CASE("check-includes: a tree it does not understand fails") {
    const Tree tree{"check-includes"};
    fs::remove(tree.path("lib/base/meson.build"));
    CHECK(tree.check().status == 1);
}

TEST_CASE("check-tidy: a source that breaks a rule fails, a test's source does not count") {
    const Tree tree{"check-tidy"};
    tree.put(".clang-tidy", read_file(beside_tests("../.clang-tidy")));
    const auto source = [&](const std::string& name, const std::string& text) {
        tree.put(name,
                 "struct Base { virtual ~Base() = default; virtual int get() { return 1; } };\n" +
                     text);
    };
    tree.put("build/compile_commands.json", R"([{ "directory": ")" + tree.path("build") +
                                                R"(", "command": "c++ -c ../lib/a.cc",
    "file": "../lib/a.cc",
    "output": "a.o" },
  { "directory": ")" + tree.path("build") + R"(", "command": "c++ -c ../tests/b.cc",
    "file": "../tests/b.cc",
    "output": "b.o" }]
)");
    const std::string bad = "struct Derived : Base { virtual int get() { return 2; } };\n";
    source("tests/b.cc", bad);
    source("lib/a.cc", "struct Derived : Base { int get() override { return 2; } };\n");
    const auto good = tree.check({"build"});
    if (missing(good.status != 77, "clang-tidy 14")) return;
    CHECK(good.status == 0);
    source("lib/a.cc", bad);
    const auto found = tree.check({"build"});
    CHECK(found.status != 0);
    CHECK(found.out.find("[modernize-use-override") != std::string::npos);
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
    for (const auto& entry : fs::recursive_directory_iterator{beside_tests("")}) {
        const auto name = fs::relative(entry.path(), beside_tests("")).string();
        const std::string_view end = "_test.cc";
        if (!name.ends_with(end)) continue;
        CAPTURE(name);
        CHECK(list.find("'" + name.substr(0, name.size() - end.size()) + "'") != list.npos);
    }
}
