#include "base/private_file.hh"

#include "base/fd.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

Result<uid_t> read_private_file(std::string_view name, const std::string& path, Secret& into) {
    const std::string before = std::string{name} + ": ";
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd)
        return misuse(before + system_trouble("open", path).message() +
                      ": make it readable, or correct the name");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_trouble("look at", path);
    if (!S_ISREG(status.st_mode)) return misuse(before + path + " is no regular file: name one");
    if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return misuse(before + path + " may be read or written by others: chmod 0600 or 0640");
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        return misuse(before + path + " belongs neither to root nor to us: chown root");
    into.wipe();
    const auto size = read_whole(fd.get(), into.storage());
    if (!size) return size.error();
    if (*size == into.capacity()) return misuse(before + path + " is too long: shorten it");
    into.resize(*size);
    return status.st_uid;
}

} // namespace poppass
