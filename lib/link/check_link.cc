#include "link/check_link.hh"

#include "base/log.hh"
#include "link/record.hh"

#include <unistd.h>

namespace poppass {

namespace {

struct Options {
    bool native = environment_is_native();
    bool allow_expired = false;
    std::optional<std::string> virtual_account = {};
    NativeOptions start = {};
};

// Takes an option that all check links share; the others go to the store. In a link without these
// options the letters -e and -H mean something else.
Result<void> take_option(const KnownLink& link, Options& options, CheckStore& store, int option,
                         std::string_view value) {
    if (option == native_option)
        options.native = true;
    else if (option == allow_expired_option)
        options.allow_expired = true;
    else if (option == virtual_option)
        options.virtual_account = value;
    else if (option == 'e' && has_option(link, "noenv"))
        options.start.environment = false;
    else if (option == 'H' && has_option(link, "no-chdir-home"))
        options.start.change_directory = false;
    else
        return store.take(option, value);
    return {};
}

// After the last option, before the record is read.
Result<void> complete(Options& options, CheckStore& store) {
    if (options.virtual_account) {
        if (!options.native)
            return misuse("--virtual is for a native chain: give --native, or leave it out");
        if (!options.start.environment) return misuse("--virtual and -e exclude each other");
        auto account = find_virtual_account(*options.virtual_account);
        if (!account) return account.error();
        options.start.virtual_account = std::move(*account);
    }
    return store.prepare(options.native);
}

Ask what_is_asked(DovecotLookup lookup, std::string_view password) {
    if (!password.empty()) return Ask::password;
    switch (lookup) {
    case DovecotLookup::none: return Ask::password;
    case DovecotLookup::user: return Ask::user_lookup;
    case DovecotLookup::credentials: return Ask::credentials_lookup;
    }
    return Ask::password;
}

} // namespace

Result<ExitStatus> run_check_link(const KnownLink& link, Chain words,
                                  std::unique_ptr<CheckStore> store) {
    const DovecotLookup lookup = dovecot_lookup();
    Options options;
    const auto read = read_options(link, words, [&](int option, std::string_view value) {
        return take_option(link, options, *store, option, value);
    });
    if (!read) return read.error();
    if (read->deed == Deed::look_over)
        return look_over(link, [&](Report& report) -> Result<void> {
            if (auto ready = complete(options, *store); !ready) return ready;
            store->look_over(report);
            return {};
        });
    if (read->deed != Deed::serve) return answer(link, read->deed);
    const auto convention = choose_convention(read->next, options.native);
    if (!convention) return convention.error();
    if (auto ready = complete(options, *store); !ready) return ready.error();

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_check_record(bytes.view());
    if (!record) return record.error();
    const Ask ask = what_is_asked(lookup, record->password);
    Question question{.ask = ask,
                      .login = record->login,
                      .password = record->password,
                      .allow_expired = options.allow_expired,
                      .native = *convention == Convention::native};
    if (const auto& account = options.start.virtual_account) question.virtual_uid = account->uid;
    const auto found = store->judge(question);
    if (!found) return found.error();
    store.reset(); // closes what the store has open: the next program must not get it
    if (!found->log.empty()) complain(link.name, found->log);

    const bool right = found->finding == Finding::right;
    if (*convention == Convention::native) {
        if (!right) return ask == Ask::user_lookup ? no_such_user : ExitStatus::rejected;
        bytes.wipe();
        return run_for_user(read->next, found->user.value(), options.start, ask != Ask::password);
    }
    if (right) return ExitStatus::accepted;
    if (found->finding == Finding::refused || read->next.empty()) return ExitStatus::rejected;
    return run_next_with_record(read->next, bytes);
}

} // namespace poppass
