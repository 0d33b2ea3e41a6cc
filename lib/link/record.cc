#include "link/record.hh"

#include "base/fd.hh"

namespace poppass {

namespace {

constexpr std::string_view nul{"\0", 1};

// Removes one string and its NUL from the front.
Result<std::string_view> take_string(std::string_view& bytes, std::string_view name) {
    const std::size_t end = bytes.find('\0');
    if (end == bytes.npos) return misuse("the record on descriptor 3 has no " + std::string{name});
    const std::string_view string = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return string;
}

bool fits(bool assigned, Secret& record) {
    if (assigned && record.size() <= longest_record) return true;
    record.wipe();
    return false;
}

Error too_long() { return misuse("the record on descriptor 3 is longer than 512 bytes"); }

} // namespace

Result<CheckRecord> parse_check_record(std::string_view bytes) {
    if (bytes.size() > longest_record) return too_long();
    const auto login = take_string(bytes, "login");
    if (!login) return login.error();
    const auto password = take_string(bytes, "password");
    if (!password) return password.error();
    const auto timestamp = take_string(bytes, "timestamp");
    if (!timestamp) return timestamp.error();
    return CheckRecord{*login, *password, *timestamp};
}

Result<SetRecord> parse_set_record(std::string_view bytes) {
    if (bytes.size() > longest_record) return too_long();
    const auto login = take_string(bytes, "login");
    if (!login) return login.error();
    const auto old_password = take_string(bytes, "old password");
    if (!old_password) return old_password.error();
    const auto response = take_string(bytes, "response");
    if (!response) return response.error();
    const auto new_password = take_string(bytes, "new password");
    if (!new_password) return new_password.error();
    if (!response->empty()) return misuse("the record on descriptor 3 has a response");
    if (new_password->empty())
        return misuse("the record on descriptor 3 has an empty new password");
    if (!bytes.empty()) return misuse("the record on descriptor 3 has more than four strings");
    return SetRecord{*login, *old_password, *new_password};
}

bool make_check_record(Secret& into, std::string_view login, std::string_view password) {
    return fits(into.assign({login, nul, password, nul, nul, nul}), into);
}

bool make_set_record(Secret& into, std::string_view login, std::string_view old_password,
                     std::string_view new_password) {
    return fits(into.assign({login, nul, old_password, nul, nul, new_password, nul}), into);
}

Result<void> read_record(int fd, Secret& into) {
    into.wipe();
    const auto size = read_whole(fd, into.storage());
    if (!size) {
        Error error = size.error();
        error.what = "read the record on descriptor 3: " + error.what;
        // There is no descriptor that can be read, or it is a directory.
        if (error.system_error == EBADF || error.system_error == EISDIR)
            error.status = ExitStatus::misused;
        return error;
    }
    if (*size > longest_record) return too_long();
    into.resize(*size);
    return {};
}

} // namespace poppass
