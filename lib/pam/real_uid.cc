#include "pam/real_uid.hh"

#include <dlfcn.h>
#include <pwd.h>
#include <unistd.h>

namespace poppass {

namespace {

// Read by getpwuid_r below.
struct {
    uid_t uid = 0; // 0: none was set
    std::string user;
} taken;

#ifdef POPPASS_LINUX
bool set_real_uid(uid_t uid) {
    uid_t now[3];
    return ::setresuid(uid, 0, 0) == 0 && ::getresuid(&now[0], &now[1], &now[2]) == 0 &&
           now[0] == uid && now[1] == 0 && now[2] == 0;
}
#else
// setreuid sets the saved uid to the effective one.
bool set_real_uid(uid_t uid) {
    return ::setreuid(uid, 0) == 0 && ::getuid() == uid && ::geteuid() == 0;
}
#endif

} // namespace

Result<void> take_real_uid(uid_t uid, const std::string& user) {
    if (uid == 0) return trouble("take a real uid for the change: 0 is root's");
    if (!set_real_uid(uid)) return system_trouble("take the real uid", std::to_string(uid));
    taken.uid = uid;
    taken.user = user;
    return {};
}

} // namespace poppass

// Replaces the function of the C library, for the modules, too. libcrack (in pam_pwquality and
// pam_cracklib) compares the new password with the account of the real uid, and refuses every
// password if that uid has no account. The right account to compare with is the user's.
extern "C" int getpwuid_r(uid_t uid, passwd* entry, char* buffer, size_t size, passwd** result) {
    using poppass::taken;
    static const auto look_up =
        reinterpret_cast<decltype(&::getpwuid_r)>(::dlsym(RTLD_NEXT, "getpwuid_r"));
    *result = nullptr;
    const int error = look_up == nullptr ? ENOSYS : look_up(uid, entry, buffer, size, result);
    if (error != 0 || *result != nullptr || uid == 0 || uid != taken.uid) return error;
    return ::getpwnam_r(taken.user.c_str(), entry, buffer, size, result);
}
