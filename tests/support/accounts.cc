#include "support/accounts.hh"

#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/mount.h>
#endif

namespace poppass::test {

Accounts::Accounts(const std::vector<std::pair<std::string, int>>& accounts) {
    std::string text = read_file("/etc/passwd");
    for (const auto& [name, uid] : accounts) {
        const std::string id = std::to_string(uid);
        text += name + ":x:" + id + ":" + id + "::/nonexistent:/bin/sh\n";
    }
    write_file(file_.file("passwd"), text, 0644);
}

std::function<void()> Accounts::before_exec() const {
    return [path = file_.file("passwd")] {
#ifdef POPPASS_LINUX
        if (own_mounts() && ::mount(path.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == 0)
            return;
#endif
        ::_exit(99);
    };
}

} // namespace poppass::test
