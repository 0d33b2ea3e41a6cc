#include "link/set_link.hh"

#include "base/log.hh"
#include "link/record.hh"
#include "link/set_reply.hh"

#include <unistd.h>

namespace poppass {

namespace {

// A link that does not know the user or the password leaves the request to the next link.
Result<ExitStatus> hand_on(Chain next, Secret& record) {
    if (next.empty()) return refuse("Sorry, old password is incorrect");
    return nothing_changed(run_next_with_record(next, record));
}

} // namespace

Result<ExitStatus> run_set_link(const KnownLink& link, Chain words,
                                std::unique_ptr<SetStore> store) {
    const auto read = read_options(link, words, [&](int option, std::string_view value) {
        return store->take(option, value);
    });
    if (!read) return read.error();
    if (read->deed == Deed::look_over)
        return look_over(link, [&](Report& report) -> Result<void> {
            if (auto ready = store->prepare(); !ready) return ready;
            store->look_over(report);
            return {};
        });
    if (read->deed != Deed::serve) return answer(link, read->deed);
    if (const auto convention = choose_convention(read->next, false); !convention)
        return convention.error();
    if (auto ready = store->prepare(); !ready) return nothing_changed(ready.error());

    Secret bytes{longest_record + 1};
    if (auto done = read_record(3, bytes); !done) return done.error();
    ::close(3);
    const auto record = parse_set_record(bytes.view());
    if (!record) return record.error();
    const auto changed = store->change({record->login, record->old_password, record->new_password});
    if (!changed) return nothing_changed(changed.error());
    if (!changed->log.empty()) complain(link.name, changed->log);
    switch (changed->how) {
    case Changed::How::done: return ExitStatus::accepted;
    case Changed::How::refused: return refuse("Sorry, " + changed->text);
    case Changed::How::not_known:
        return not_known(changed->text.empty()
                             ? "the result is not known: try the new password, then the old one"
                             : changed->text);
    case Changed::How::wrong:
    case Changed::How::unknown: break;
    }
    store.reset(); // closes what the store has open: the next program must not get it
    return hand_on(read->next, bytes);
}

} // namespace poppass
