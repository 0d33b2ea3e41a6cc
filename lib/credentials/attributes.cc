#include "credentials/attributes.hh"

#include "base/fd.hh"

#include <map>
#include <sys/stat.h>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/xattr.h>
#endif

namespace poppass {

namespace {

#ifdef POPPASS_LINUX

using Attributes = std::map<std::string, std::string>;

// An owner can give a file many megabytes of them, and all of them are held in memory.
constexpr std::size_t most_bytes = std::size_t{1024} * 1024;

// For both calls that read attributes: the first call asks for the size, the second for the bytes.
template <class Call> Result<std::string> read_sized(Call call) {
    for (;;) {
        const auto size = retried([&] { return call(nullptr, 0); });
        if (size < 0) return system_trouble("read extended attributes");
        std::string bytes(static_cast<std::size_t>(size), '\0');
        if (size == 0) return bytes;
        const auto got = retried([&] { return call(bytes.data(), bytes.size()); });
        if (got < 0 && errno == ERANGE) continue; // it grew meanwhile
        if (got < 0) return system_trouble("read extended attributes");
        bytes.resize(static_cast<std::size_t>(got));
        return bytes;
    }
}

Result<Attributes> read_attributes(int fd) {
    Attributes attributes;
    const auto names =
        read_sized([&](char* into, std::size_t size) { return ::flistxattr(fd, into, size); });
    if (!names && names.error().system_error == ENOTSUP) return attributes;
    if (!names) return names.error();
    std::size_t bytes = 0;
    for (std::size_t at = 0; at < names->size();) {
        const std::string name{names->c_str() + at};
        const auto value = read_sized([&](char* into, std::size_t size) {
            return ::fgetxattr(fd, name.c_str(), into, size);
        });
        if (!value) return value.error();
        bytes += name.size() + value->size();
        if (bytes > most_bytes)
            return trouble("the file has more than a megabyte of extended attributes");
        attributes[name] = *value;
        at += name.size() + 1;
    }
    return attributes;
}

Result<void> copy_extended(int from, int to) {
    const auto wanted = read_attributes(from);
    if (!wanted) return wanted.error();
    const auto present = read_attributes(to);
    if (!present) return present.error();
    for (const auto& attribute : *wanted) {
        const std::string& name = attribute.first;
        const std::string& value = attribute.second;
        // Only the kernel can set some of them, and it has set them already.
        const auto same = present->find(name);
        if (same != present->end() && same->second == value) continue;
        if (retried([&] { return ::fsetxattr(to, name.c_str(), value.data(), value.size(), 0); }) !=
            0)
            return system_trouble("keep the attribute", name);
    }
    for (const auto& attribute : *present) {
        const std::string& name = attribute.first;
        if (!wanted->contains(name) &&
            retried([&] { return ::fremovexattr(to, name.c_str()); }) != 0)
            return system_trouble("remove the attribute", name);
    }
    return {};
}

Result<bool> same_extended(int from, int to) {
    const auto wanted = read_attributes(from);
    if (!wanted) return wanted.error();
    const auto present = read_attributes(to);
    if (!present) return present.error();
    return *wanted == *present;
}

#else

Result<void> copy_extended(int, int) { return {}; }
Result<bool> same_extended(int, int) { return true; }

#endif

constexpr mode_t mode_bits = 07777;

} // namespace

Result<void> copy_attributes(int from, int to) {
    struct stat wanted {};
    struct stat present {};
    const auto read = [](int fd, struct stat& into) {
        return retried([&] { return ::fstat(fd, &into); }) == 0;
    };
    if (!read(from, wanted) || !read(to, present)) return system_trouble("read the owner and mode");
    if ((wanted.st_uid != present.st_uid || wanted.st_gid != present.st_gid) &&
        retried([&] { return ::fchown(to, wanted.st_uid, wanted.st_gid); }) != 0)
        return system_trouble("keep the owner and group",
                              errno == EPERM ? "(gid " + std::to_string(wanted.st_gid) +
                                                   " is no group of the file's owner: give the "
                                                   "file one by chgrp)"
                                             : "");
    // The mode comes last: a change of the owner may clear bits of it, and an ACL may set some.
    if (auto copied = copy_extended(from, to); !copied) return copied;
    if (retried([&] { return ::fchmod(to, wanted.st_mode & mode_bits); }) != 0)
        return system_trouble("keep the mode");

    if (!read(to, present)) return system_trouble("read the owner and mode");
    const auto extended = same_extended(from, to);
    if (!extended) return extended.error();
    if (wanted.st_uid != present.st_uid || wanted.st_gid != present.st_gid ||
        (wanted.st_mode & mode_bits) != (present.st_mode & mode_bits) || !*extended)
        return trouble("owner, mode and attributes did not stay as they were");
    return {};
}

} // namespace poppass
