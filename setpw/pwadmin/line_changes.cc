#include "pwadmin/line_changes.hh"

#include "base/text.hh"

#include <ctime>

namespace poppass {

namespace {

Result<std::string> change_password(std::string password, const LineChanges& changes) {
    if (changes.remove_password) password.clear();
    if (changes.unlock && password == "!")
        return trouble("unlocking would leave no password: set one instead");
    if (changes.unlock && password.starts_with('!')) password.erase(0, 1);
    if (changes.lock && !password.starts_with('!')) password.insert(0, "!");
    return password;
}

std::string_view password_status(std::string_view password) {
    if (password.empty()) return "NP";
    return password.starts_with('!') || password.starts_with('*') ? "L" : "P";
}

std::string date(std::optional<Days> day) {
    if (!day) return "never";
    constexpr Days last = 2'932'896; // 9999-12-31
    if (*day > last) return "future";
    const std::time_t seconds = static_cast<std::time_t>(*day) * 86400;
    std::tm parts{};
    char text[sizeof "9999-12-31"];
    if (::gmtime_r(&seconds, &parts) == nullptr ||
        std::strftime(text, sizeof text, "%Y-%m-%d", &parts) == 0)
        return "future";
    return text;
}

} // namespace

Result<std::string> change_line(const Entry& entry, const LineChanges& changes) {
    if (entry.format == Format::passwd_file && changes.need_dates())
        return misuse("a passwd-file has no dates: -e, -i, -n, -w and -x do not go with it");
    const auto password = change_password(std::string{entry.password}, changes);
    if (!password) return password.error();
    std::string line = replace_field(entry, Field::hash, std::string{entry.scheme} + *password);
    const auto replace = [&](Field field, Days value) {
        Entry changed = entry;
        changed.line = line;
        line = replace_field(changed, field, value < 0 ? "" : std::to_string(value));
    };
    if (changes.expire) replace(Field::changed, 0);
    if (changes.minimum) replace(Field::minimum, *changes.minimum);
    if (changes.maximum) replace(Field::maximum, *changes.maximum);
    if (changes.warning) replace(Field::warning, *changes.warning);
    if (changes.inactive) replace(Field::inactive, *changes.inactive);
    return line;
}

std::string status_line(const Entry& entry) {
    std::string line = for_terminal(entry.name);
    line.append(" ").append(password_status(entry.password));
    line.append(" ").append(date(entry.aging.changed));
    for (const auto& days :
         {entry.aging.minimum, entry.aging.maximum, entry.aging.warning, entry.aging.inactive})
        line.append(" ").append(std::to_string(days.value_or(-1)));
    return line;
}

bool has_expired(const Entry& entry, Days today) {
    Entry unlocked = entry; // a lock does not matter for dates
    unlocked.locked = false;
    unlocked.hash = "a hash";
    return standing(unlocked, today) != Standing::usable;
}

} // namespace poppass
