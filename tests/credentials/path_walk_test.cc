#include "credentials/file.hh"
#include "support/users_file.hh"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr uid_t bob = 64001;
constexpr uid_t ann = 64003;
const std::string line = "joe:j:::::::\n";

// Directories and files of several owners, below a directory of root's.
struct Tree {
    TemporaryDirectory top;

    Tree() { REQUIRE(::chmod(top.path().c_str(), 0755) == 0); }

    std::string directory(const std::string& name, uid_t owner = 0, mode_t mode = 0755) const {
        const std::string path = top.file(name);
        REQUIRE(::mkdir(path.c_str(), 0700) == 0);
        REQUIRE(::chown(path.c_str(), owner, owner) == 0);
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        return path;
    }
    std::string file(const std::string& name, uid_t owner = 0) const {
        const std::string path = top.file(name);
        write_file(path, line);
        REQUIRE(::chown(path.c_str(), owner, owner) == 0);
        return path;
    }
    std::string link(const std::string& name, const std::string& target, uid_t owner = 0) const {
        const std::string path = top.file(name);
        REQUIRE(::symlink(target.c_str(), path.c_str()) == 0);
        REQUIRE(::lchown(path.c_str(), owner, owner) == 0);
        return path;
    }
};

// What opening the file says; empty if it is opened and read. In a child, because root may become
// the owner.
std::string refusal(const std::string& path, bool may_be_missing = false,
                    const std::string& directory = "/") {
    auto pipe = make_pipe();
    REQUIRE(pipe);
    in_child([&] {
        if (::chdir(directory.c_str()) != 0) return 1;
        const auto file = CredentialFile::open({.path = path, .may_be_missing = may_be_missing});
        const auto found = file ? file->find("joe") : file.error();
        const std::string said = found ? std::string{} : found.error().message();
        return write_whole(pipe->write_end.get(), said) ? 0 : 1;
    });
    pipe->write_end.reset();
    std::string said(4096, '\0');
    said.resize(read_whole(pipe->read_end.get(), said).operator*());
    return said;
}

void check_refused(const std::string& path, const std::string& words,
                   const std::string& directory = "/") {
    CAPTURE(path);
    const auto said = refusal(path, false, directory);
    CHECK_MESSAGE(said.find(words) != std::string::npos, said);
}

} // namespace

TEST_CASE("nobody but root and the file's owner may own what the path leads through") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    const std::string danger = " belongs to uid 64001, who could put another file in the place of ";
    SUBCASE("the directory") {
        const auto theirs = tree.directory("theirs", bob);
        const auto file = tree.file("theirs/users");
        check_refused(file, theirs + danger + file + ": chown root " + theirs);
    }
    SUBCASE("a directory further up") {
        const auto theirs = tree.directory("theirs", bob);
        tree.directory("theirs/ours");
        const auto file = tree.file("theirs/ours/users");
        check_refused(file, theirs + danger + file + ": chown root " + theirs);
        check_refused("users", theirs + danger, theirs + "/ours");
        check_refused("ours/users", theirs + danger, theirs);
    }
    SUBCASE("a directory, of a file of another account") {
        const auto theirs = tree.directory("theirs", bob);
        tree.directory("theirs/hers", ann);
        const auto file = tree.file("theirs/hers/users", ann);
        check_refused(file,
                      theirs + danger + file + ": chown root " + theirs + ", or to uid 64003");
    }
    SUBCASE("a directory that is left by ..") {
        const auto theirs = tree.directory("theirs", bob);
        tree.file("users");
        check_refused(theirs + "/../users", theirs + danger);
    }
    SUBCASE("a symbolic link in a directory of theirs") {
        tree.directory("theirs", bob);
        const auto file = tree.file("users");
        check_refused(tree.link("theirs/users", file, bob), "/theirs" + danger + file);
    }
    SUBCASE("a symbolic link in a directory of everybody's") {
        tree.directory("all", 0, 01777);
        const auto file = tree.file("users");
        const auto link = tree.link("all/users", file, bob);
        check_refused(link, link + danger + file + ": chown -h root " + link);
    }
    SUBCASE("a symbolic link on the way") {
        tree.directory("all", 0, 01777);
        tree.directory("ours");
        tree.file("ours/users");
        const auto link = tree.link("all/ours", tree.top.file("ours"), bob);
        check_refused(link + "/users", link + danger);
    }
    SUBCASE("a directory behind a symbolic link of root's") {
        const auto theirs = tree.directory("theirs", bob);
        tree.directory("theirs/ours");
        tree.file("theirs/ours/users");
        check_refused(tree.link("link", "theirs/ours/users"), theirs + danger);
        check_refused(tree.link("way", "theirs") + "/ours/users", theirs + danger);
    }
}

TEST_CASE("nobody but the owner may write a directory that the path leads through") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    SUBCASE("a group may write one further up") {
        const auto open = tree.directory("open", 0, 0775);
        tree.directory("open/ours");
        const auto file = tree.file("open/ours/users");
        check_refused(file, open + " can be written by its group, who could put another file in " +
                                "the place of " + file + ": chmod g-w " + open);
    }
    SUBCASE("everybody may write one further up") {
        const auto open = tree.directory("open", bob, 0777);
        tree.directory("open/his", bob);
        check_refused(tree.file("open/his/users", bob), open + " can be written by everybody");
    }
    SUBCASE("a sticky one that is not root's") {
        const auto open = tree.directory("open", bob, 01777);
        tree.directory("open/his", bob);
        check_refused(tree.file("open/his/users", bob), open + " can be written by everybody");
    }
    SUBCASE("the sticky one that the file is in") {
        const auto open = tree.directory("open", 0, 01777);
        check_refused(tree.file("open/users"), "keep the file in a directory of its own");
        check_refused(tree.file("open/his", bob), "keep the file in a directory of its own");
        CHECK(refusal(open + "/none", true).find("directory of its own") != std::string::npos);
    }
}

TEST_CASE("a file that seems to have no owner is refused") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    const auto directory = tree.directory("none", 65534);
    check_refused(tree.file("none/users", 65534), "users belongs to uid 65534");
    CHECK(refusal(directory + "/new", true).find("none belongs to uid 65534") != std::string::npos);
}

TEST_CASE("ways that are safe lead to the file") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    tree.directory("a");
    tree.directory("a/b");
    const auto file = tree.file("a/b/users");
    const auto leads = [&](const std::string& path, const std::string& directory = "/") {
        CAPTURE(path);
        CHECK(refusal(path, false, directory) == "");
    };
    leads(tree.top.path() + "//a/./b/../b///users");
    leads(tree.top.path() + "/a/../../" + tree.top.path().substr(5) + "/a/b/users");
    leads("/../.." + file);
    leads("users", tree.top.file("a/b"));
    leads("./b/users", tree.top.file("a"));
    leads("../a/b/users", tree.top.file("a"));
    leads(tree.link("to-file", "a/b/users"));
    leads(tree.link("to-directory", "a/b/") + "/users");
    leads(tree.link("to-absolute", tree.top.file("to-directory")) + "/users");
    leads(tree.link("a/up", "../to-absolute/users"));
    tree.directory("all", 0, 01777);
    tree.directory("all/ours");
    leads(tree.file("all/ours/users"));
    // bob's own.
    tree.directory("all/his", bob, 0700);
    leads(tree.file("all/his/users", bob));
    leads(tree.link("all/link", "his/users", bob));
    leads(tree.link("all/his/link", "users", bob));
    leads(tree.link("roots", "all/his/users"));
    for (const std::string none : {"a/b/users/", "a/b/users/.", "a/b/.", "a/b/..", "a/b/"})
        CHECK(refusal(tree.top.file(none)) != "");
}

TEST_CASE("symbolic links: forty are followed") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    tree.file("users");
    std::string last = "users";
    for (int i = 1; i <= 41; ++i) {
        const std::string name = "link" + std::to_string(i);
        tree.link(name, last);
        last = name;
    }
    CHECK(refusal(tree.top.file("link40")) == "");
    check_refused(tree.top.file("link41"), "symbolic links");
}

TEST_CASE("where the owner of a directory leads root, nothing is written") {
    if (missing(::geteuid() == 0, "root")) return;
    const Tree tree;
    tree.directory("etc");
    const auto victim = tree.file("etc/passwd");
    const auto his = tree.directory("his", bob);
    tree.link("his/users", victim, bob);
    tree.link("his/new", tree.top.file("etc/new"), bob);
    tree.link("his/dir", tree.top.file("etc"), bob);
    for (const std::string path : {"users", "new", "dir/passwd", "dir/new"}) {
        CAPTURE(path);
        const auto outcome = run({.argv = {built("pwadmin"), "-F", "shadow", "-m", "sha256crypt",
                                           "-f", his + "/" + path, "--add", "--stdin", "mallory"},
                                  .input = "a password\n"});
        CHECK(outcome.status != 0);
        // A link to nothing is refused in any case.
        const bool nothing = path == "new";
        CHECK(outcome.err.find(nothing ? "No such file" : "belongs to uid 64001") !=
              std::string::npos);
        CHECK(read_file(victim) == line);
        for (const std::string left : {"etc/passwd.lock", "etc/passwd.new", "etc/new"})
            CHECK(::access(tree.top.file(left).c_str(), F_OK) != 0);
    }
}
