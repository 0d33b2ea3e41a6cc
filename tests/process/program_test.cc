#include "process/program.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

using namespace poppass;
using namespace poppass::test;

namespace {

// Directories a and b with files that are programs and files that are not.
struct Tree {
    TemporaryDirectory top;

    Tree() {
        ::chmod(top.path().c_str(), 0755);
        for (const char* const name : {"a", "b", "a/folder", "b/.hidden"})
            ::mkdir(top.file(name).c_str(), 0755);
        for (const char* const name : {"a/both", "b/both", "b/second", "a/a program", "b/no-exec"})
            write_file(top.file(name), "#!/bin/sh\n", 0755);
        write_file(top.file("a/second"), "#!/bin/sh\n", 0644);
        write_file(top.file("a/text"), "text", 0600);
        (void)!::symlink("both", top.file("a/link").c_str());
        (void)!::symlink("nothing", top.file("a/broken").c_str());
        (void)!::mkfifo(top.file("a/fifo").c_str(), 0755);
    }
    std::string path() const { return top.file("a") + ":" + top.file("b"); }
};

} // namespace

TEST_CASE("base_name") {
    struct Case {
        std::string_view path, name;
    };
    for (const auto& [path, name] :
         {Case{"/bin/false", "false"}, Case{"false", "false"}, Case{"./false", "false"},
          Case{"a/b/c", "c"}, Case{"/", ""}, Case{"", ""}, Case{"false/", ""},
          Case{"/bin/false ", "false "}, Case{"//bin//false", "false"}}) {
        CAPTURE(path);
        CHECK(base_name(path) == name);
    }
}

TEST_CASE("a process finds the path of its own program") {
    const std::string own = own_path();
    CHECK(own.starts_with('/'));
    CHECK(base_name(own) == "process_program_test");
    CHECK(::access(own.c_str(), X_OK) == 0);
}

TEST_CASE("a name without a slash is looked for in PATH, in order") {
    const Tree tree;
    const ScopedVariable path{"PATH", tree.path()};
    const auto found = [](std::string_view name) {
        const auto program = find_program(name);
        return program ? *program : program.error().message();
    };
    CHECK(found("both") == tree.top.file("a/both"));
    CHECK(found("second") == tree.top.file("b/second")); // that in a is not executable
    CHECK(found("a program") == tree.top.file("a/a program"));
    CHECK(found("link") == tree.top.file("a/link"));
}

TEST_CASE(
    "a file that is missing, not regular or not executable is not found, and that is misuse") {
    const Tree tree;
    const ScopedVariable path{"PATH", tree.path()};
    for (const std::string name : {"nothing", "text", "folder", "fifo", "broken", ".", "..",
                                   ".hidden", "both ", " both", "both\n"}) {
        CAPTURE(name);
        const auto found = find_program(name);
        REQUIRE_FALSE(found);
        CHECK(found.error().status == ExitStatus::misused);
        CHECK(found.error().message() == "run " + name + ": not found in PATH");
    }
    const auto empty = find_program("");
    REQUIRE_FALSE(empty);
    CHECK(empty.error().status == ExitStatus::misused);
    CHECK(empty.error().message() == "a program's name is empty");
}

TEST_CASE("entries of PATH that are not absolute are skipped, also the empty ones") {
    const Tree tree;
    const std::string a = tree.top.file("a");
    char before[4096];
    REQUIRE(::getcwd(before, sizeof before) != nullptr);
    REQUIRE(::chdir(a.c_str()) == 0);
    const auto finds = [](const std::string& path) {
        const ScopedVariable set{"PATH", path};
        return static_cast<bool>(find_program("both"));
    };
    for (const std::string path :
         {"", ":", "::", ".", "./", "..:.", "../a", ":.:", "a", "\\/", " /"}) {
        CAPTURE(path);
        CHECK_FALSE(finds(path));
    }
    CHECK(finds(a));
    CHECK(finds(":" + a));
    CHECK(finds(a + ":"));
    CHECK(finds(".:/nonexistent::" + a + ":."));
    CHECK(finds(a + "/"));
    CHECK(finds("/" + a + "//"));
    CHECK_FALSE(finds(a + " "));
    CHECK_FALSE(finds("'" + a + "'"));
    REQUIRE(::chdir(before) == 0);
}

TEST_CASE("without PATH the usual directories are searched") {
    const ScopedVariable unset{"PATH", {}};
    const auto found = find_program("sh");
    REQUIRE(found);
    CHECK((*found == "/usr/bin/sh" || *found == "/bin/sh"));
    CHECK_FALSE(find_program("no-such-program"));
}

TEST_CASE("a name with a slash is the path itself, whatever PATH is") {
    const Tree tree;
    const ScopedVariable path{"PATH", tree.path()};
    const std::string both = tree.top.file("b/both");
    REQUIRE(find_program(both));
    CHECK(*find_program(both) == both);
    struct Case {
        std::string name;
        int error;
    };
    for (const auto& [name, error] :
         {Case{tree.top.file("a/nothing"), ENOENT}, Case{tree.top.file("a/folder"), EACCES},
          Case{tree.top.file("a/text"), EACCES}, Case{tree.top.file("a/fifo"), EACCES},
          Case{tree.top.file("a/broken"), ENOENT}, Case{both + "/", ENOTDIR}, Case{"/", EACCES},
          Case{"/dev/null", EACCES}, Case{"nothing/both", ENOENT}}) {
        CAPTURE(name);
        const auto found = find_program(name);
        REQUIRE_FALSE(found);
        CHECK(found.error().status == ExitStatus::misused);
        CHECK(found.error().system_error == error);
        CHECK(found.error().what == "run " + name);
    }
}

TEST_CASE("a file that a user may not execute is no program for that user") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    ::chmod(tree.top.file("a/both").c_str(), 0700);
    const auto status = in_child([&] {
        if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
            return 1;
        const ScopedVariable path{"PATH", tree.path()};
        const auto found = find_program("both");
        if (!found || *found != tree.top.file("b/both")) return 2;
        const auto named = find_program(tree.top.file("a/both"));
        return !named && named.error().system_error == EACCES ? 0 : 3;
    });
    CHECK(status == 0);
}
