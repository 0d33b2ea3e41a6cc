// The records on descriptor 3: read from a pipe, taken apart, put together.
#include "link/record.hh"

#include "base/fd.hh"
#include "fuzz/target.hh"

#include <algorithm>

namespace poppass::fuzz {

namespace {

bool ends_with_nul(std::string_view string, std::string_view record) {
    return is_within(string, record) &&
           string.data() + string.size() < record.data() + record.size() &&
           string.data()[string.size()] == '\0' && string.find('\0') == string.npos;
}

void check_reading(std::string_view bytes) {
    auto pipe = make_pipe();
    must(static_cast<bool>(pipe), "a pipe");
    must(static_cast<bool>(write_whole(pipe->write_end.get(), bytes)), "a pipe takes that much");
    pipe->write_end.reset();
    Secret record{longest_record + 1};
    const auto read = read_record(pipe->read_end.get(), record);
    must(static_cast<bool>(read) == (bytes.size() <= longest_record), "a long record is misuse");
    if (read) must(record.view() == bytes, "a record is read as it is");
}

void check_parsing(std::string_view bytes) {
    const auto nuls = std::count(bytes.begin(), bytes.end(), '\0');
    const auto check = parse_check_record(bytes);
    must(static_cast<bool>(check) == (nuls >= 3 && bytes.size() <= longest_record),
         "a check record has three strings or more");
    if (check) {
        must(ends_with_nul(check->login, bytes) && ends_with_nul(check->password, bytes) &&
                 ends_with_nul(check->timestamp, bytes),
             "its strings are views that a NUL follows");
        Secret again{longest_record + 1};
        const bool made = make_check_record(again, check->login, check->password);
        if (made && check->timestamp.empty())
            must(again.view().substr(0, again.size() - 1) == bytes.substr(0, again.size() - 1),
                 "and as they stood");
    } else {
        must(check.error().status == ExitStatus::misused, "anything else is misuse");
    }
    const auto set = parse_set_record(bytes);
    if (set) {
        must(nuls == 4 && bytes.back() == '\0', "a set record has four strings and nothing more");
        must(!set->new_password.empty(), "the new password is not empty");
        must(ends_with_nul(set->login, bytes) && ends_with_nul(set->old_password, bytes) &&
                 ends_with_nul(set->new_password, bytes),
             "its strings are views that a NUL follows");
        Secret again{longest_record + 1};
        must(make_set_record(again, set->login, set->old_password, set->new_password) &&
                 again.view() == bytes,
             "a set record that is understood is one that we would have made");
    } else {
        must(set.error().status == ExitStatus::misused, "anything else is misuse");
    }
}

// Three strings without NUL, separated by it in the input.
void check_making(std::string_view bytes) {
    const auto login = take(bytes, '\0');
    const auto old_password = take(bytes, '\0');
    const auto new_password = take(bytes, '\0');
    Secret record{longest_record + 1};
    const std::size_t both = login.size() + old_password.size() + 4;
    const bool check_made = make_check_record(record, login, old_password);
    must(check_made == (both <= longest_record), "a check record is made if it fits");
    if (check_made) {
        const auto check = parse_check_record(record.view());
        must(check && check->login == login && check->password == old_password &&
                 check->timestamp.empty(),
             "and understood as it was meant");
        must(!parse_set_record(record.view()), "and is no set record");
    }
    const bool set_made = make_set_record(record, login, old_password, new_password);
    must(set_made == (both + new_password.size() <= longest_record),
         "a set record is made if it fits");
    must(set_made || record.size() == 0, "and nothing of it where it does not");
    if (!set_made) return;
    const auto set = parse_set_record(record.view());
    must(static_cast<bool>(set) == !new_password.empty(), "a new password is not empty");
    if (set)
        must(set->login == login && set->old_password == old_password &&
                 set->new_password == new_password,
             "a set record is understood as it was meant");
}

} // namespace

void try_input(std::string_view input) {
    check_reading(input);
    check_parsing(input);
    check_making(input);
}

} // namespace poppass::fuzz
