#include "credentials/file.hh"

#include "hash/crypt_hash.hh"
#include "support/users_file.hh"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <ctime>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <grp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <thread>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

// A directory with a credential file in it.
struct Users : UsersFile {
    std::chrono::seconds lock_wait = CredentialFileOptions{}.lock_wait;

    explicit Users(std::string_view content = "ann:a:::::::\njoe:j:::::::\nzoe:z:::::::\n")
        : UsersFile(std::string{content}) {}

    Result<CredentialFile> open() const {
        return CredentialFile::open({.path = path, .lock_wait = lock_wait});
    }
    Result<Found> find(std::string_view login) const {
        const auto file = open();
        if (!file) return file.error();
        return file->find(login);
    }
    Result<Change> change(std::string_view login, const Editor& editor) const {
        const auto file = open();
        if (!file) return file.error();
        return file->change(login, editor);
    }
    Result<Change> write(std::string_view login, std::string line) const {
        return change(login, [&](const Found&) { return Edit{Edit::What::write, line}; });
    }
    Result<Change> remove(std::string_view login) const {
        return change(login, [](const Found&) { return Edit{Edit::What::remove}; });
    }
};

bool exits_with_0(const std::function<bool()>& deed) {
    return in_child([&] { return deed() ? 0 : 1; }) == 0;
}

struct stat status_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

std::string attribute(const std::string& path, const char* name) {
    char value[4000];
    const auto size = ::getxattr(path.c_str(), name, value, sizeof value);
    return size < 0 ? "(none)" : std::string{value, static_cast<std::size_t>(size)};
}

// posix_acl_xattr(5)'s bytes: a version, then tag, permissions and id of each entry.
std::string acl(uid_t user, unsigned char permissions) {
    std::string bytes{"\x02\0\0\0", 4};
    const auto entry = [&](char tag, unsigned char perm, std::uint32_t id) {
        bytes += {tag, '\0', static_cast<char>(perm), '\0'};
        for (int i = 0; i < 4; ++i) bytes += static_cast<char>(id >> (8 * i));
    };
    entry(0x01, 6, 0xffffffff);
    entry(0x02, permissions, user);
    entry(0x04, 4, 0xffffffff);
    entry(0x10, 6, 0xffffffff);
    entry(0x20, 0, 0xffffffff);
    return bytes;
}

const char* const acl_name = "system.posix_acl_access";
const char* const default_acl_name = "system.posix_acl_default";

bool is_root() { return ::geteuid() == 0; }

#ifdef POPPASS_LINUX
constexpr bool keeps_attributes = true;
#else
constexpr bool keeps_attributes = false;
#endif

} // namespace

TEST_CASE("a user is found wherever the line stands among many, and only under the whole name") {
    const std::string hash = "$6$salt$svn8UoSVapNtMuq1ukKS4t";
    const auto line = [&](const std::string& name) { return name + ":" + hash + ":1::::::\n"; };
    const auto among = [&](int place, const std::string& own) {
        std::string text;
        for (int i = 0; i < 300; ++i) text += i == place ? own : line("joe" + std::to_string(i));
        return Users{text};
    };
    for (const int place : {0, 99, 100, 101, 250, 299}) {
        CAPTURE(place);
        const auto users = among(place, "#joe:x\njo:x\n:joe:\n\n" + line("joe"));
        const auto found = users.find("joe");
        REQUIRE(found);
        CHECK(found->line.value_or("") + "\n" == line("joe"));
        CHECK(found->dummy == hash);
        CHECK_FALSE(found->repeated);
        CHECK_FALSE(users.find("jo299")->line);
        CHECK_FALSE(users.find("#joe")->line);
        CHECK(among(place, line("joe") + "joe:other:1::::::\n").find("joe")->repeated);
        REQUIRE(users.write("joe", "joe:new:::::::"));
        CHECK(users.content() == among(place, "#joe:x\njo:x\n:joe:\n\njoe:new:::::::\n").content());
    }
    // One line of the form of shadow(5) makes the whole file a shadow file, even if it is the last
    // of many.
    std::string text;
    for (int i = 0; i < 300; ++i) text += "joe" + std::to_string(i) + ":{CRYPT}" + hash + "\n";
    CHECK(Users{text}.find("joe7")->format == Format::passwd_file);
    CHECK(Users{text + line("joe")}.find("joe7")->format == Format::shadow);
}

TEST_CASE("find: a user's first line, and nobody else's") {
    const Users users{
        "# joe:comment:::::::\n\nann:a:1::::::\njoe:first:2::::::\njoe:second:3::::::\n"
        "joeb:b:4::::::\n:x:::::::\nlast:l:5::::::"};
    const auto hash = [&](std::string_view login) -> std::string {
        const auto found = users.find(login);
        REQUIRE(found);
        const auto entry = found->entry();
        return entry ? std::string{entry->hash} : "(none)";
    };
    CHECK(hash("ann") == "a");
    CHECK(hash("joe") == "first");
    CHECK(hash("joeb") == "b");
    CHECK(hash("last") == "l");
    for (const std::string nobody : {"", "jo", "joe:", "joe:first", "# joe", "#", "a", "JOE",
                                     "joe ", " joe", "ann\njoe", "first", "last:l", "+", "-"}) {
        CAPTURE(nobody);
        CHECK(hash(nobody) == "(none)");
    }
    CHECK(hash({"joe\0", 4}) == "(none)");
    CHECK(hash({"\0", 1}) == "(none)");
}

TEST_CASE("find: the format is that of the file's lines") {
    const struct {
        std::string content;
        Format format;
        char separator;
        bool has_joe;
    } cases[] = {
        {"", Format::shadow, ':', false},
        {"\n# nothing\n\n", Format::shadow, ':', false},
        {"joe:h:::::::\n", Format::shadow, ':', true},
        {"joe:h\n", Format::passwd_file, ':', true},
        {"joe|h\n", Format::passwd_file, '|', true},
        {"joe:{CRYPT}h:1:2::::a:b\n", Format::passwd_file, ':', true},
        {"ann|{CRYPT}h\njoe|h\n", Format::passwd_file, '|', true},
        // One line of the form of shadow(5) is enough: a broken line must not switch the dates off.
        {"broken\njoe:h:::::::\n", Format::shadow, ':', true},
        {"broken:h\njoe:h:::::::\n", Format::shadow, ':', true},
        {"joe:h::::::\nann:h:::::::\n", Format::shadow, ':', false},
        {"joe:h:1:2:3:4:5:6:x\nann:h:::::::\n", Format::shadow, ':', false},
        {"joe|h\nann:h:::::::\n", Format::shadow, ':', false},
        {"joe:h:1:2:3:4:5:6:\r\nann:h:::::::\r\n", Format::shadow, ':', false},
        {"joe:{CRYPT}h:1:2:::\r\n", Format::passwd_file, ':', true},
    };
    for (const auto& [content, format, separator, has_joe] : cases) {
        CAPTURE(content);
        const Users users{content};
        const auto found = users.find("joe");
        REQUIRE(found);
        CHECK(found->format == format);
        CHECK(found->separator == separator);
        CHECK(found->entry().has_value() == has_joe);
    }
}

TEST_CASE("find: a given format overrules that of the lines") {
    const Users users{"joe:h:1000:1000:::::\n"};
    const auto as_told = CredentialFile::open({.path = users.path, .format = Format::passwd_file});
    REQUIRE(as_told);
    const auto found = as_told->find("joe");
    REQUIRE(found);
    REQUIRE(found->entry());
    CHECK(found->entry()->uid == "1000");
    const Users others{"joe:{CRYPT}h:1:2\n"};
    const auto shadow = CredentialFile::open({.path = others.path, .format = Format::shadow});
    REQUIRE(shadow);
    CHECK_FALSE(shadow->find("joe")->entry());
}

TEST_CASE("find: without a key, the dummy hash is of the most frequent kind in the file") {
    const std::string yescrypt = "$y$j9T$salt$0123456789";
    const Users users{"ann:" + yescrypt + ":::::::\nbob:!" + yescrypt +
                      ":::::::\njoe:*:::::::\n"
                      "zoe:$6$salt$01234567890:::::::\n"};
    CHECK(users.find("nobody")->dummy == yescrypt);
    CHECK(users.find("joe")->dummy == yescrypt);
    const Users dovecot{"ann:{SHA512-CRYPT}$6$salt$01234567890\nbob:{SSHA}0123456789abcdef\n"
                        "joe:{SSHA}0123456789abcdef\nzoe|{crypt}!$6$salt$01234567890\n"};
    CHECK(dovecot.find("nobody")->dummy == "$6$salt$01234567890");
}

namespace {

// 64 users, of whom 48 have a cheap hash and the last 16 one that costs 20 times as much.
struct MixedUsers : Users {
    const std::string cheap = hash_of_old;
    const std::string dear = "$5$rounds=20000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA";
    const std::string lock = path + ".lock";

    MixedUsers() : Users("") {
        std::string text;
        for (int i = 0; i < 64; ++i)
            text += "user" + std::to_string(i) + ":" + (i < 48 ? cheap : dear) + usual_dates;
        write_file(path, text);
    }
    std::string dummy(int number) const {
        const auto found = find("nobody" + std::to_string(number));
        REQUIRE(found);
        return found->dummy;
    }
    int count_dear(int logins) const {
        int count = 0;
        for (int i = 0; i < logins; ++i) count += dummy(i) == dear ? 1 : 0;
        return count;
    }
};

} // namespace

TEST_CASE("find: the first change makes a key, which spreads unknown logins over a mixed file") {
    const MixedUsers users;
    CHECK(users.count_dear(100) == 0);
    REQUIRE(users.write("user0", "user0:" + users.cheap + ":::::::"));
    const auto key = read_file(users.lock);
    CHECK(key.size() == 16);
    // A quarter of 1000, and five deviations of chance.
    const int dear = users.count_dear(1000);
    CHECK(dear > 250 - 69);
    CHECK(dear < 250 + 69);
    // Later changes keep the key, and add one user, so that few logins move.
    std::vector<std::string> before;
    for (int i = 0; i < 1000; ++i) before.push_back(users.dummy(i));
    REQUIRE(users.write("new", "new:" + users.dear + ":::::::"));
    CHECK(read_file(users.lock) == key);
    int moved = 0;
    for (int i = 0; i < 1000; ++i) moved += users.dummy(i) != before[std::size_t(i)] ? 1 : 0;
    CHECK(moved < 40);
    // Another file has another key.
    const MixedUsers others;
    REQUIRE(others.write("user0", "user0:" + others.cheap + ":::::::"));
    CHECK(read_file(others.lock) != key);
}

TEST_CASE("find: users without a hash of crypt(3) get a dummy hash as unknown logins do") {
    MixedUsers users;
    write_file(users.lock, "0123456789abcdef", 0600);
    const auto dear = users.dummy(0);
    CHECK(users.write("nobody0", "nobody0:*:::::::"));
    CHECK(users.dummy(0) == dear);
}

TEST_CASE("find: a lock file with too few bytes, or that we may not read, is no key") {
    const MixedUsers users;
    write_file(users.lock, "0123456789abcde", 0600);
    CHECK(users.count_dear(100) == 0);
    write_file(users.lock, "0123456789abcdef", 0600);
    CHECK(users.count_dear(100) > 0);
    REQUIRE(::unlink(users.lock.c_str()) == 0);
    REQUIRE(::symlink("users", users.lock.c_str()) == 0);
    const auto through_link = users.find("nobody");
    REQUIRE_FALSE(through_link);
    CHECK(through_link.error().system_error == ELOOP);
    REQUIRE(::unlink(users.lock.c_str()) == 0);
    write_file(users.lock, "0123456789abcdef", 0600);
    if (missing(is_root(), "root")) return;
    // The owner's lock file is read with the owner's rights, and root's with nobody else's.
    REQUIRE(::chown(users.directory.path().c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    CHECK(users.count_dear(100) == 0);
    REQUIRE(::chown(users.lock.c_str(), 64001, 64002) == 0);
    CHECK(users.count_dear(100) > 0);
}

TEST_CASE("unknown logins of a mixed file cost as much time as its users do") {
    const MixedUsers users;
    write_file(users.lock, "0123456789abcdef", 0600);
    const std::string guess = "guess";
    const auto spent = [&](const std::string& login) {
        const std::clock_t begin = std::clock();
        const auto found = users.find(login);
        REQUIRE(verify_hash(guess, hash_to_verify(found->entry()), found->dummy));
        return static_cast<double>(std::clock() - begin);
    };
    // Other work of the machine can only add to the time of a processor, so the least counts.
    const auto least = [&](const std::string& login) {
        double least = spent(login);
        for (int i = 0; i < 4; ++i) least = std::min(least, spent(login));
        return least;
    };
    // Far from both: 20 times is the distance between them.
    const double between = std::sqrt(least("user0") * least("user63"));
    const auto is_dear = [&](const std::string& login) {
        for (int i = 0; i < 20; ++i)
            if (spent(login) < between) return false;
        return true;
    };
    int dear_users = 0;
    int dear_unknown = 0;
    for (int i = 0; i < 64; ++i) {
        dear_users += is_dear("user" + std::to_string(i)) ? 1 : 0;
        dear_unknown += is_dear("nobody" + std::to_string(i)) ? 1 : 0;
    }
    CHECK(dear_users == 16);
    CHECK(dear_unknown == users.count_dear(64));
    CHECK(dear_unknown > 4);
    CHECK(dear_unknown < 32);
}

TEST_CASE("find: a line may span two blocks of reading") {
    // The user's line and the next one at every position around the end of the first block.
    const std::string joe = "joe:hash:::::::";
    for (int shift = -40; shift <= 20; ++shift) {
        CAPTURE(shift);
        std::string content;
        while (content.size() < 65'000)
            content += "u" + std::to_string(content.size()) + ":x:::::::\n";
        content +=
            "filler:" +
            std::string(static_cast<std::size_t>(65'536 + shift) - content.size() - 15, 'x') +
            ":::::::\n";
        const auto at = content.size();
        content += joe + "\nzoe:z:::::::\n" + std::string(100'000, '\n') + "end:e:::::::";
        const Users users{content};
        CHECK(users.find("joe")->line == joe);
        CHECK(users.find("zoe")->line == "zoe:z:::::::");
        CHECK(users.find("end")->line == "end:e:::::::");
        REQUIRE(users.write("joe", "joe:new"));
        CHECK(users.content() == content.replace(at, joe.size(), "joe:new"));
    }
}

TEST_CASE("find: a line longer than 64 kB is trouble for everybody, at any place") {
    for (const std::size_t size : {65'536U, 65'537U, 131'072U, 1'000'000U}) {
        CAPTURE(size);
        const Users users{"joe:h:::::::\n" + std::string(size, 'x') + "\n"};
        const auto found = users.find("joe");
        REQUIRE_FALSE(found);
        CHECK(found.error().status == ExitStatus::temporary);
        const auto before = users.content();
        CHECK_FALSE(users.write("joe", "joe:new:::::::"));
        CHECK(users.content() == before);
    }
    CHECK(Users{"joe:h:::::::\n" + std::string(65'535, 'x') + "\n"}.find("joe"));
}

TEST_CASE("change: no line is written that makes the file unreadable") {
    const Users users;
    const auto before = users.content();
    REQUIRE_FALSE(users.write("joe", "joe:" + std::string(65'532, 'x')));
    CHECK(users.content() == before);
    CHECK_FALSE(users.has_new());
    REQUIRE(users.write("joe", "joe:" + std::string(65'531, 'x')));
    CHECK(users.find("ann"));
}

TEST_CASE("change: every other byte stays") {
    const struct {
        std::string before;
        std::string login;
        std::string written; // empty: removed
        std::string after;
    } cases[] = {
        {"a:1\njoe:2\nz:3\n", "joe", "joe:new", "a:1\njoe:new\nz:3\n"},
        {"joe:2\nz:3\n", "joe", "joe:new", "joe:new\nz:3\n"},
        {"a:1\njoe:2\n", "joe", "joe:new", "a:1\njoe:new\n"},
        {"a:1\njoe:2", "joe", "joe:new", "a:1\njoe:new"},
        {"joe:2", "joe", "joe:new", "joe:new"},
        {"a:1\njoe:2\nz:3", "joe", "joe:new", "a:1\njoe:new\nz:3"},
        {"\n\njoe:2\n\n\n", "joe", "joe:new", "\n\njoe:new\n\n\n"},
        {"a\r\njoe:2\r\nz\r\n", "joe", "joe:new\r", "a\r\njoe:new\r\nz\r\n"},
        {"# c\n\xff\xfe\njoe:2\njoe:3\n", "joe", "joe:new", "# c\n\xff\xfe\njoe:new\njoe:3\n"},
        {"a:1\n", "joe", "joe:new", "a:1\njoe:new\n"},
        {"a:1", "joe", "joe:new", "a:1\njoe:new\n"},
        {"", "joe", "joe:new", "joe:new\n"},
        {"\n", "joe", "joe:new", "\njoe:new\n"},
        {"a:1\njoe:2\nz:3\n", "joe", "", "a:1\nz:3\n"},
        {"a:1\njoe:2\n", "joe", "", "a:1\n"},
        {"a:1\njoe:2", "joe", "", "a:1\n"},
        {"joe:2\nz:3", "joe", "", "z:3"},
        {"joe:2", "joe", "", ""},
        {"joe:2\njoe:3\n", "joe", "", "joe:3\n"},
        {std::string{"a\0b:1\njoe:2\n\0\n", 13}, "joe", "joe:new",
         std::string{"a\0b:1\njoe:new\n\0\n", 15}},
    };
    for (const auto& [before, login, written, after] : cases) {
        CAPTURE(before);
        CAPTURE(written);
        const Users users{before};
        const auto changed = written.empty() ? users.remove(login) : users.write(login, written);
        REQUIRE(changed);
        CHECK(*changed == Change::made);
        CHECK(users.content() == after);
        CHECK_FALSE(users.has_new());
        CHECK(status_of(users.path + ".lock").st_size == 16);
        CHECK((status_of(users.path + ".lock").st_mode & 07777) == 0600);
    }
}

TEST_CASE("change: the editor sees what find sees, and may keep or refuse") {
    const Users users;
    const auto inode = status_of(users.path).st_ino;
    Found seen;
    const auto kept = users.change("joe", [&](const Found& found) {
        seen = found;
        return Edit{};
    });
    REQUIRE(kept);
    CHECK(*kept == Change::none);
    CHECK(seen.line == "joe:j:::::::");
    CHECK(seen.line == users.find("joe")->line);
    const auto refused = users.change("nobody", [&](const Found& found) -> Result<Edit> {
        seen = found;
        return Error{ExitStatus::rejected, "no", 0};
    });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == ExitStatus::rejected);
    CHECK_FALSE(seen.line);
    CHECK(status_of(users.path).st_ino == inode);
    CHECK_FALSE(users.has_new());
}

TEST_CASE("change: a large file is copied in blocks") {
    std::string content;
    while (content.size() < 3'000'000)
        content += "u" + std::to_string(content.size()) + ":x:::::::\n";
    const auto at = content.size();
    content += "joe:j:::::::\n";
    while (content.size() < 5'000'000)
        content += "v" + std::to_string(content.size()) + ":x:::::::\n";
    const Users users{content};
    REQUIRE(users.write("joe", "joe:longer:::::::"));
    CHECK(users.content() == content.replace(at, 12, "joe:longer:::::::"));
}

TEST_CASE("a symbolic link is followed once, and stays one") {
    const Users users;
    TemporaryDirectory elsewhere;
    const auto link = elsewhere.file("link");
    REQUIRE(::symlink(users.path.c_str(), link.c_str()) == 0);
    const auto file = CredentialFile::open({.path = link});
    REQUIRE(file);
    CHECK(file->path() == users.path);
    // Where the link leads later does not matter.
    REQUIRE(::unlink(link.c_str()) == 0);
    REQUIRE(::symlink("/etc/passwd", link.c_str()) == 0);
    REQUIRE(file->change("joe", [](const Found&) {
        return Edit{Edit::What::write, "joe:new:::::::"};
    }));
    CHECK(users.content() == "ann:a:::::::\njoe:new:::::::\nzoe:z:::::::\n");
    CHECK(S_ISLNK(status_of(link).st_mode));
}

TEST_CASE("a file that became a symbolic link is not followed") {
    const Users users;
    const Users other;
    const auto file = users.open();
    REQUIRE(file);
    REQUIRE(::unlink(users.path.c_str()) == 0);
    REQUIRE(::symlink(other.path.c_str(), users.path.c_str()) == 0);
    CHECK_FALSE(file->find("joe"));
    CHECK_FALSE(file->change("joe", [](const Found&) { return Edit{Edit::What::remove}; }));
    CHECK(other.content() == Users{}.content());
}

TEST_CASE("only a regular file with one name is read or changed") {
    const Users users;
    const auto refused = [&](const std::string& path, const std::string& words) {
        CAPTURE(path);
        const auto file = CredentialFile::open({.path = path});
        const auto error = file ? file->find("joe").error() : file.error();
        CHECK(error.status == ExitStatus::temporary);
        CHECK_MESSAGE(error.message().find(words) != std::string::npos, error.message());
        if (!file) return;
        const auto changed =
            file->change("joe", [](const Found&) { return Edit{Edit::What::remove}; });
        CHECK_FALSE(changed);
    };
    const auto make = [&](const char* name) { return users.directory.file(name); };
    SUBCASE("missing") { refused(make("missing"), "No such file"); }
    SUBCASE("no path") { refused("", "No such file"); }
    SUBCASE("a dangling link") {
        REQUIRE(::symlink("nowhere", make("link").c_str()) == 0);
        refused(make("link"), "No such file");
    }
    SUBCASE("a link to itself") {
        REQUIRE(::symlink("loop", make("loop").c_str()) == 0);
        refused(make("loop"), "symbolic links");
    }
    SUBCASE("a directory") {
        REQUIRE(::mkdir(make("directory").c_str(), 0700) == 0);
        refused(make("directory"), "not a regular file");
    }
    SUBCASE("the root") { refused("/", "names no file"); }
    SUBCASE("a pipe") {
        REQUIRE(::mkfifo(make("pipe").c_str(), 0600) == 0);
        refused(make("pipe"), "not a regular file");
    }
    SUBCASE("a device") { refused("/dev/null", "not a regular file"); }
    SUBCASE("a second name") {
        REQUIRE(::link(users.path.c_str(), make("second").c_str()) == 0);
        refused(users.path, "more than one name");
        refused(make("second"), "more than one name");
    }
    SUBCASE("written by everybody") {
        REQUIRE(::chmod(users.path.c_str(), 0602) == 0);
        refused(users.path, "written by everybody");
    }
    SUBCASE("a directory that everybody can write") {
        REQUIRE(::chmod(users.directory.path().c_str(), 01777) == 0);
        refused(users.path, "written by everybody");
    }
    SUBCASE("a directory that the group can write") {
        REQUIRE(::chmod(users.directory.path().c_str(), 0770) == 0);
        refused(users.path, "written by its group");
    }
    SUBCASE("a directory that an ACL lets somebody write") {
        auto bytes = acl(64006, 6);
        bytes[4 + 2] = 7;         // its owner may enter it
        bytes[4 + 8 * 2 + 2] = 0; // no rights for the group itself
        REQUIRE(::setxattr(users.directory.path().c_str(), acl_name, bytes.data(), bytes.size(),
                           0) == 0);
        refused(users.path, "written by its group");
    }
    CHECK(users.content() == Users{}.content());
}

TEST_CASE("the directory must be root's or the file's owner's") {
    if (missing(is_root(), "root")) return;
    const Users users;
    // It belongs to somebody else, who could put another file in the place of this one.
    REQUIRE(::chown(users.directory.path().c_str(), 65533, 65533) == 0);
    CHECK(users.open().error().message().find("belongs to uid 65533") != std::string::npos);
    REQUIRE(::chown(users.path.c_str(), 65534, 65534) == 0);
    CHECK_FALSE(users.open());
    REQUIRE(::chown(users.path.c_str(), 65533, 65533) == 0);
    CHECK(exits_with_0([&] { return static_cast<bool>(users.find("joe")); }));
    // The directory is root's, and the file is not: it can be read, but a change cannot be made
    // there.
    REQUIRE(::chown(users.directory.path().c_str(), 0, 0) == 0);
    REQUIRE(::chmod(users.directory.path().c_str(), 0755) == 0);
    CHECK(exits_with_0([&] {
        const auto changed = users.write("joe", "joe:new:::::::");
        return users.find("joe") && !changed && changed.error().system_error == EACCES;
    }));
}

TEST_CASE("a file that changed its owner after it was found is refused") {
    if (missing(is_root(), "root")) return;
    const Users users;
    const auto file = CredentialFile::open({.path = users.path});
    REQUIRE(file);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    CHECK_FALSE(file->find("joe"));
    CHECK_FALSE(file->change("joe", [](const Found&) { return Edit{Edit::What::remove}; }));
}

TEST_CASE("a mount point is refused, with a hint") {
    if (missing(is_root(), "root")) return;
    const Users users;
    const Users other;
    const int status = in_child([&] {
        if (!own_mounts() ||
            ::mount(other.path.c_str(), users.path.c_str(), nullptr, MS_BIND, nullptr) != 0)
            return 77;
        const auto found = users.find("joe");
        const auto changed = users.remove("joe");
        const auto hint = [](const Error& error) {
            return error.message().find("mount its directory instead") != std::string::npos;
        };
        return !found && hint(found.error()) && !changed && hint(changed.error()) ? 0 : 1;
    });
    if (missing(status != 77, "mount namespaces")) return;
    CHECK(status == 0);
    CHECK(other.content() == Users{}.content());
    CHECK(users.content() == Users{}.content());
}

TEST_CASE("root works on the file with the rights of its owner, and is root afterwards") {
    if (missing(is_root(), "root")) return;
    const Users users;
    const std::string directory = users.directory.path();
    REQUIRE(::chown(directory.c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64002) == 0);
    const std::vector<gid_t> before{0, 1, 2};
    const auto has_ids = [](uid_t uid, gid_t gid, const std::vector<gid_t>& wanted) {
        std::vector<gid_t> groups(10);
        groups.resize(static_cast<std::size_t>(::getgroups(10, groups.data())));
        uid_t uids[3];
        gid_t gids[3];
        ::getresuid(&uids[0], &uids[1], &uids[2]);
        ::getresgid(&gids[0], &gids[1], &gids[2]);
        return uids[0] == 0 && uids[1] == uid && uids[2] == 0 && gids[0] == 0 && gids[1] == gid &&
               gids[2] == 0 && groups == wanted;
    };
    const auto is_owner = [&] { return has_ids(64001, 64002, {64002}); };
    CHECK(in_child([&] {
              if (::setgroups(before.size(), before.data()) != 0) return 1;
              const auto is_root_again = [&] { return has_ids(0, 0, before); };
              const auto file = users.open();
              if (!file || !is_root_again()) return 2;
              if (!file->find("joe")->line || !is_root_again()) return 3;
              bool owner = true;
              const auto each = [&](auto&&...) { owner = owner && is_owner(); };
              if (!file->each(each) || !owner || !is_root_again()) return 4;
              const auto changed = file->change("joe", [&](const Found&) -> Result<Edit> {
                  if (!is_owner()) return trouble("not the owner");
                  return Edit{Edit::What::write, "joe:n:::::::"};
              });
              if (!changed || !is_root_again()) return 5;
              const auto refused =
                  file->change("joe", [&](const Found&) -> Result<Edit> { return trouble("no"); });
              return refused || !is_root_again() ? 6 : 0;
          }) == 0);
    CHECK(users.content() == "ann:a:::::::\njoe:n:::::::\nzoe:z:::::::\n");
    CHECK(status_of(users.path).st_uid == 64001);
    CHECK(status_of(users.path).st_gid == 64002);
    CHECK(status_of(users.path + ".lock").st_uid == 64001);
    // The owner may not do what root may do.
    REQUIRE(::chmod(directory.c_str(), 0500) == 0);
    CHECK(users.find("joe"));
    CHECK(users.write("joe", "joe:x:::::::").error().system_error == EACCES);
    REQUIRE(::chmod(users.path.c_str(), 0) == 0);
    CHECK(users.find("joe").error().system_error == EACCES);
    // Nobody works with the rights of the group root.
    REQUIRE(::chmod(users.path.c_str(), 0600) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 0) == 0);
    CHECK(users.find("joe").error().message().find("gid 0") != std::string::npos);
}

TEST_CASE("owner, group, mode and attributes stay") {
    if (missing(keeps_attributes, "a build for Linux")) return;
    const Users users;
    REQUIRE(::chmod(users.path.c_str(), 0640) == 0);
    const bool has_attributes =
        ::setxattr(users.path.c_str(), "user.note", "kept \0 whole", 12, 0) == 0;
    if (has_attributes) {
        const std::string large(3000, 'v');
        REQUIRE(::setxattr(users.path.c_str(), "user.empty", "", 0, 0) == 0);
        REQUIRE(::setxattr(users.path.c_str(), "user.large", large.data(), large.size(), 0) == 0);
    }
    const auto bytes = acl(64003, 4);
    const bool has_acl =
        ::setxattr(users.path.c_str(), acl_name, bytes.data(), bytes.size(), 0) == 0;
    // The default ACL and the group of the directory are others.
    const auto by_default = acl(64004, 6);
    if (has_acl)
        REQUIRE(::setxattr(users.directory.path().c_str(), default_acl_name, by_default.data(),
                           by_default.size(), 0) == 0);
    if (is_root()) {
        REQUIRE(::chown(users.path.c_str(), 0, 64005) == 0);
        REQUIRE(::chmod(users.directory.path().c_str(), 02755) == 0);
    }
    if (missing(has_attributes, "extended attributes") || missing(has_acl, "ACLs")) return;

    const auto before = status_of(users.path);
    REQUIRE(users.write("joe", "joe:new:::::::"));
    const auto after = status_of(users.path);
    CHECK(before.st_ino != after.st_ino);
    CHECK(before.st_mode == after.st_mode);
    CHECK(before.st_uid == after.st_uid);
    CHECK(before.st_gid == after.st_gid);
    CHECK(attribute(users.path, acl_name) == bytes);
    CHECK(attribute(users.path, "user.note") == std::string{"kept \0 whole", 12});
    CHECK(attribute(users.path, "user.empty").empty());
    CHECK(attribute(users.path, "user.large") == std::string(3000, 'v'));
}

TEST_CASE("a directory's default ACL gives the new file nothing") {
    if (missing(keeps_attributes, "a build for Linux")) return;
    const Users users;
    const auto by_default = acl(64004, 6);
    const bool has_acl = ::setxattr(users.directory.path().c_str(), default_acl_name,
                                    by_default.data(), by_default.size(), 0) == 0;
    if (missing(has_acl, "ACLs")) return;
    REQUIRE(users.write("joe", "joe:new:::::::"));
    CHECK(attribute(users.path, acl_name) == "(none)");
    CHECK((status_of(users.path).st_mode & 07777) == 0600);
    // A new file has no old ACL to keep. Its mode takes the effect of the ACL away.
    const auto fresh = users.directory.file("fresh");
    const auto file = CredentialFile::open({.path = fresh, .may_be_missing = true});
    REQUIRE(file);
    REQUIRE(file->change("joe", [](const Found&) {
        return Edit{Edit::What::write, "joe:new:::::::"};
    }));
    CHECK((status_of(fresh).st_mode & 07777) == 0600);
}

TEST_CASE("every change shows in the time of the file, counted in whole seconds") {
    const Users users;
    for (const std::string hash : {"new", "old", "own"}) { // the size stays the same
        const auto before = status_of(users.path).st_mtim.tv_sec;
        REQUIRE(users.write("joe", "joe:" + hash + ":::::::"));
        CHECK(status_of(users.path).st_mtim.tv_sec > before);
    }
    const timespec times[] = {{0, UTIME_OMIT}, {std::time(nullptr) + 86400, 0}};
    REQUIRE(::utimensat(AT_FDCWD, users.path.c_str(), times, 0) == 0);
    REQUIRE(users.write("joe", "joe:new:::::::"));
    CHECK(status_of(users.path).st_mtim.tv_sec < times[1].tv_sec);
}

TEST_CASE("the attributes of an owner who gave the file too many are not read into memory") {
    const int status = in_child([] {
        const Users users;
        const std::string large(60'000, 'v');
        if (!own_mounts() ||
            ::mount("tmpfs", users.directory.path().c_str(), "tmpfs", 0, "mode=700") != 0)
            return 77;
        write_file(users.path, Users{}.content());
        for (int i = 0; i < 20; ++i)
            if (::setxattr(users.path.c_str(), ("user.n" + std::to_string(i)).c_str(), large.data(),
                           large.size(), 0) != 0)
                return 77;
        const auto changed = users.write("joe", "joe:new:::::::");
        const bool good =
            !changed && users.content() == Users{}.content() &&
            changed.error().message().find("more than a megabyte") != std::string::npos;
        ::umount2(users.directory.path().c_str(), MNT_DETACH);
        return good ? 0 : 1;
    });
    if (missing(status != 77, "a tmpfs with extended attributes")) return;
    CHECK(status == 0);
}

TEST_CASE("owner, group and attributes that cannot be kept are an error, and nothing is changed") {
    if (missing(is_root(), "root")) return;
    const Users users;
    REQUIRE(::chown(users.directory.path().c_str(), 64001, 64002) == 0);
    REQUIRE(::chown(users.path.c_str(), 64001, 64009) == 0); // the owner is not in this group
    const auto before = status_of(users.path);
    CHECK(exits_with_0([&] {
        // As the owner, whose group is not the file's.
        if (::setgroups(0, nullptr) != 0 || ::setgid(64002) != 0 || ::setuid(64001) != 0)
            return false;
        const auto changed = users.write("joe", "joe:new:::::::");
        return !changed && changed.error().system_error == EPERM &&
               changed.error().message().find(
                   "keep the owner and group (gid 64009 is no group of " +
                   std::string{"the file's owner: give the file one by "
                               "chgrp)"}) != std::string::npos;
    }));
    CHECK(status_of(users.path).st_ino == before.st_ino);
    CHECK(users.content() == Users{}.content());
    CHECK_FALSE(users.has_new());
}

TEST_CASE("the next change removes what a killed change has left, whatever it is") {
    const Users users;
    const auto left_over = users.path + ".new";
    SUBCASE("a file") { write_file(left_over, "half a fi"); }
    SUBCASE("an unreadable one") { write_file(left_over, "x", 0); }
    SUBCASE("a link to elsewhere") {
        write_file(users.directory.file("victim"), "victim");
        REQUIRE(::symlink("victim", left_over.c_str()) == 0);
    }
    SUBCASE("a pipe") { REQUIRE(::mkfifo(left_over.c_str(), 0600) == 0); }
    REQUIRE(users.write("joe", "joe:new:::::::"));
    CHECK(users.content() == "ann:a:::::::\njoe:new:::::::\nzoe:z:::::::\n");
    CHECK_FALSE(users.has_new());
    if (::access(users.directory.file("victim").c_str(), F_OK) == 0)
        CHECK(read_file(users.directory.file("victim")) == "victim");
}

TEST_CASE("a directory in the new file's place is an error") {
    const Users users;
    REQUIRE(::mkdir((users.path + ".new").c_str(), 0700) == 0);
    CHECK_FALSE(users.write("joe", "joe:new:::::::"));
    CHECK(users.content() == Users{}.content());
}

TEST_CASE("what another program wrote meanwhile is not lost") {
    const Users users;
    const auto while_editing = [&](const std::function<void()>& deed) {
        return users.change("joe", [&](const Found&) {
            deed();
            return Edit{Edit::What::write, "joe:new:::::::"};
        });
    };
    std::string theirs = "ann:their:::::::\n";
    SUBCASE("in place") {
        CHECK_FALSE(while_editing([&] { write_file(users.path, theirs); }));
    }
    SUBCASE("by a rename") {
        CHECK_FALSE(while_editing([&] {
            write_file(users.path + ".theirs", theirs);
            ::rename((users.path + ".theirs").c_str(), users.path.c_str());
        }));
    }
    SUBCASE("longer") {
        theirs = users.content() + theirs;
        CHECK_FALSE(while_editing([&] { write_file(users.path, theirs); }));
    }
    CHECK(users.content() == theirs);
    CHECK_FALSE(users.has_new());
}

TEST_CASE("a file that was removed meanwhile is not brought back") {
    const Users users;
    CHECK_FALSE(users.change("joe", [&](const Found&) {
        ::unlink(users.path.c_str());
        return Edit{Edit::What::write, "joe:new:::::::"};
    }));
    CHECK(::access(users.path.c_str(), F_OK) != 0);
    CHECK_FALSE(users.has_new());
}

TEST_CASE("a missing file has no users and is made by a change, if that is asked for") {
    TemporaryDirectory directory;
    const auto path = directory.file("users");
    const auto before = ::umask(0777);
    const auto open = [&](const std::string& name) {
        return CredentialFile::open({.path = name, .may_be_missing = true});
    };
    const auto file = open(path);
    REQUIRE(file);
    CHECK(file->path() == path);
    CHECK_FALSE(file->find("joe")->line);
    CHECK(file->find("joe")->format == Format::shadow);
    CHECK(file->change("joe", [](const Found& found) -> Result<Edit> {
        if (found.line) return trouble("there is one");
        return Edit{Edit::What::write, "joe:new:::::::"};
    }));
    ::umask(before);
    CHECK(read_file(path) == "joe:new:::::::\n");
    CHECK((status_of(path).st_mode & 07777) == 0600);
    CHECK_FALSE(open(directory.file("no/users")));
    CHECK_FALSE(open(directory.file("")));
    REQUIRE(::symlink("nowhere", directory.file("link").c_str()) == 0);
    CHECK_FALSE(open(directory.file("link")));
    REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
    CHECK_FALSE(open(directory.file("more")));
    if (missing(is_root(), "root")) return;
    REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
    REQUIRE(::chown(directory.path().c_str(), 64001, 64002) == 0);
    CHECK(exits_with_0([&] {
        const auto theirs = open(directory.file("theirs"));
        return theirs && theirs->change("joe", [](const Found&) -> Result<Edit> {
            if (::geteuid() != 64001) return trouble("not the owner");
            return Edit{Edit::What::write, "joe:n:::::::"};
        });
    }));
    CHECK(status_of(directory.file("theirs")).st_uid == 64001);
}

TEST_CASE("signals are blocked during a change, and after it until it is reported") {
    for (const int number : {SIGALRM, SIGTERM, SIGINT, SIGHUP})
        for (const bool made : {true, false}) {
            const Users users;
            const auto before = users.content();
            const int status = in_child([&] {
                (void)users.change("joe", [&](const Found&) -> Result<Edit> {
                    ::kill(::getpid(), number);
                    if (!made) return trouble("no");
                    return Edit{Edit::What::write, "joe:new:::::::"};
                });
                return 7;
            });
            CHECK(status == (made ? 7 : -number));
            CHECK(users.content() ==
                  (made ? "ann:a:::::::\njoe:new:::::::\nzoe:z:::::::\n" : before));
            CHECK_FALSE(users.has_new());
        }
}

TEST_CASE("mask and handlers are restored, except for the signals blocked after a change") {
    for (const bool made : {true, false})
        CHECK(exits_with_0([&] {
            const Users users;
            sigset_t before;
            sigset_t after;
            ::sigprocmask(SIG_BLOCK, nullptr, &before);
            const auto changed = users.change("joe", [&](const Found&) -> Result<Edit> {
                if (!made) return trouble("no");
                return Edit{Edit::What::write, "joe:new:::::::"};
            });
            ::sigprocmask(SIG_BLOCK, nullptr, &after);
            for (const int number : {SIGALRM, SIGTERM, SIGINT, SIGHUP})
                if (made) ::sigaddset(&before, number);
            bool same = static_cast<bool>(changed) == made;
            for (int number = 1; number < NSIG; ++number)
                same = same && ::sigismember(&before, number) == ::sigismember(&after, number);
            struct sigaction action {};
            ::sigaction(SIGXFSZ, nullptr, &action);
            return same && action.sa_handler == SIG_DFL;
        }));
}

TEST_CASE("exceeding the limit of file size is an error, and does not kill") {
    const Users users{std::string(50'000, '\n') + "joe:j:::::::\n"};
    const auto before = users.content();
    CHECK(exits_with_0([&] {
        const rlimit small{20'000, 20'000};
        ::setrlimit(RLIMIT_FSIZE, &small);
        const auto changed = users.write("joe", "joe:new:::::::");
        return !changed && changed.error().system_error == EFBIG;
    }));
    CHECK(users.content() == before);
    CHECK_FALSE(users.has_new());
}

TEST_CASE("a change waits for the lock of another process, but not for ever") {
    CHECK(CredentialFileOptions{}.lock_wait == std::chrono::seconds{10});
    Users users;
    const auto lock = users.path + ".lock";
    auto ready = make_pipe();
    REQUIRE(ready);
    const pid_t holder = ::fork();
    if (holder == 0) {
        const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT, 0600);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        if (::fcntl(fd, F_SETLK, &whole) != 0) ::_exit(1); // POSIX and OFD locks see each other
        (void)!::write(ready->write_end.get(), "x", 1);
        ::pause();
        ::_exit(0);
    }
    const struct Ended {
        pid_t pid;
        ~Ended() {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
    } ended{holder};
    char byte;
    REQUIRE(::read(ready->read_end.get(), &byte, 1) == 1);
    CHECK(users.find("joe")); // a look-up takes no lock

    users.lock_wait = std::chrono::seconds{0};
    const auto refused = users.write("joe", "joe:new:::::::");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().system_error == EAGAIN);
    CHECK(refused.error().status == ExitStatus::temporary);
    CHECK(users.content() == Users{}.content());

    // The holder ends while we wait.
    std::thread release{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        ::kill(holder, SIGKILL);
    }};
    users.lock_wait = std::chrono::seconds{60};
    CHECK(users.write("joe", "joe:new:::::::"));
    release.join();
}

TEST_CASE("readers see whole files while writers replace them") {
    const Users users{"ann:a:::::::\njoe:j0:::::::\n"};
    std::atomic<bool> stop = false;
    std::thread writer{[&] {
        for (int i = 0; i < 200; ++i)
            if (!users.write("joe", "joe:j" + std::to_string(i) + ":::::::")) break;
        stop = true;
    }};
    int reads = 0;
    int bad = 0;
    while (!stop) {
        const auto found = users.find("joe");
        const auto entry = found ? found->entry() : std::nullopt;
        if (!entry || !entry->hash.starts_with('j')) ++bad;
        ++reads;
    }
    writer.join();
    CHECK(reads > 0);
    CHECK(bad == 0);
    CHECK(users.content() == "ann:a:::::::\njoe:j199:::::::\n");
}
