#include "account/accounts.hh"

#include "support/program.hh"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

using namespace poppass;
using namespace poppass::test;

namespace {

constexpr int no_namespace = 77;

// Runs `deed` in a mount namespace whose /etc/passwd and /etc/group have this content; returns its
// result.
int with_files(std::string_view passwd, std::string_view group, const std::function<int()>& deed) {
    const TemporaryDirectory directory;
    write_file(directory.file("passwd"), passwd, 0644);
    write_file(directory.file("group"), group, 0644);
    return in_child([&] {
        if (!own_mounts()) return no_namespace;
        for (const std::string name : {"passwd", "group"})
            if (::mount(directory.file(name).c_str(), ("/etc/" + name).c_str(), nullptr, MS_BIND,
                        nullptr) != 0)
                return no_namespace;
        return deed();
    });
}

} // namespace

TEST_CASE("root is known by name and by uid") {
    const auto by_name = find_account("root");
    REQUIRE(by_name);
    REQUIRE(*by_name);
    CHECK((*by_name)->name == "root");
    CHECK((*by_name)->uid == 0);
    CHECK((*by_name)->gid == 0);
    CHECK((*by_name)->home == "/root");
    const auto by_uid = find_account(uid_t{0});
    REQUIRE(by_uid);
    REQUIRE(*by_uid);
    CHECK((*by_uid)->name == "root");
}

TEST_CASE("names that are no accounts") {
    for (const std::string& name :
         {bytes(""), bytes("no such user"), bytes("root:"), bytes("root:x:0"), bytes("root\0"),
          bytes("ROOT"), bytes("roo"), bytes("root\n"), bytes("+"), bytes("-root"), bytes("#"),
          std::string(100'000, 'x')}) {
        CAPTURE(name.substr(0, 40));
        const auto account = find_account(name);
        REQUIRE(account);
        CHECK_FALSE(*account);
    }
}

TEST_CASE("malformed lines are no accounts, and the first of two lines counts") {
    const auto passwd = "\n:x:0:0::/:/bin/sh\n"
                        "# joe:x:0:0::/:/bin/sh\n"
                        "+::::::\n"
                        "+joe::::::\n"
                        "-joe::::::\n"
                        "joe\n"
                        "joe:x\n"
                        "joe:x:abc:1::/:/bin/sh\n"
                        "long:x:64009:1:" +
                        std::string(20'000, 'g') +
                        ":/long:/bin/sh\n"
                        "joe:x:64001:64002:Joe:/home/joe:/bin/sh\n"
                        "joe:x:64008:64008:Joe:/home/other:/bin/sh\n"
                        "twin:x:64001:64003::/home/twin:\n";
    std::string many;
    for (int i = 0; i < 20'000; ++i) many += "member" + std::to_string(i) + ",";
    const auto group = "joe:x:64002:\nusers:x:64005:ann,joe\nagain:x:64005:joe\n+nis:x:64006:joe\n"
                       "not:x:64007:joey,jo\nlarge:x:64011:" +
                       many + "joe\n";
    const auto status = with_files(passwd, group, [] {
        const auto joe = find_account("joe");
        if (!joe || !*joe || (*joe)->uid != 64'001 || (*joe)->gid != 64'002) return 1;
        if ((*joe)->home != "/home/joe" || (*joe)->shell != "/bin/sh") return 2;
        for (const char* const name : {"", "+joe", "-joe", "+", "# joe", "#"}) {
            const auto odd = find_account(name);
            if (!odd || *odd) return 3;
        }
        const auto root = find_account(uid_t{0}); // not the line of NIS
        if (!root || *root) return 4;
        const auto by_uid = find_account(uid_t{64'001});
        if (!by_uid || !*by_uid || (*by_uid)->name != "joe") return 5;
        const auto twin = find_account("twin");
        if (!twin || !*twin || (*twin)->gid != 64'003 || !(*twin)->shell.empty()) return 6;
        const auto groups = find_groups("joe", 64'002);
        if (!groups || *groups != std::vector<gid_t>{64'002, 64'005, 64'011}) return 7;
        const auto none = find_groups("nobody", 64'010);
        return none && *none == std::vector<gid_t>{64'010} ? 0 : 8;
    });
    if (missing(status != no_namespace, "root with mounts of its own")) return;
    CHECK(status == 0);
}
