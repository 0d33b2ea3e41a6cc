// setpw: stores a new password in the credential file, the embedded default of set links.

#include "base/log.hh"
#include "base/side_task.hh"
#include "credentials/change_policy.hh"
#include "credentials/look_over.hh"
#include "credentials/new_hash.hh"
#include "link/set_link.hh"

using namespace poppass;

namespace {

// One attempt to change the user's line; returns nothing if somebody changed the line meanwhile.
// All hashes are computed before the lock is taken, and under the lock the line must still be the
// same. The new hash is computed beside the verification, for unknown users too, so that the time
// does not reveal which users exist.
Result<std::optional<Changed>> try_change(const CredentialFile& file, const ChangeRequest& request,
                                          const CredentialOptions& options) {
    using How = Changed::How;
    const auto found = file.find(request.login);
    if (!found) return found.error();
    const auto served = options.serves(file, request.login);
    if (!served) return served.error();
    const auto entry = *served ? found->entry() : std::nullopt;
    Result<NewHash> hash = trouble("no new hash was made");
    SideTask making{[&] { hash = make_new_hash(entry, request.new_password, options); }};
    const auto right = verify_entry(request.old_password, entry, found->dummy);
    if (!right) return right.error();
    if (!entry) return std::optional{Changed{How::unknown}};
    if (auto allowed = check_policy(*entry, *right); !allowed) return allowed.error();
    if (!*right) return std::optional{Changed{How::wrong}};

    making.wait();
    if (!hash) return hash.error();
    const std::string line = replace_hash(*entry, hash->scheme, hash->hash, today());
    const auto change = file.change(request.login, [&](const Found& now) -> Result<Edit> {
        if (now.line != found->line || now.format != found->format) return Edit{};
        return Edit{Edit::What::write, line};
    });
    if (!change) return change.error();
    switch (*change) {
    case Change::none: return std::optional<Changed>{};
    case Change::made: return std::optional{Changed{How::done}};
    case Change::unsynced: break;
    }
    return std::optional{
        Changed{How::not_known, "your new password is set, but may not have reached the disk",
                "the password was changed, but the directory could not be synced"}};
}

class FileStore final : public SetStore {
public:
    static constexpr std::string_view name = "setpw";

    Result<void> take(int option, std::string_view value) override {
        return options_.take(option, value);
    }

    Result<void> prepare() override {
        if (auto good = options_.check(); !good) return good;
        auto where = options_.choose_file();
        if (!where) return where.error();
        where_ = std::move(*where);
        return {};
    }

    Result<Changed> change(const ChangeRequest& request) override {
        const auto file = CredentialFile::open(where_);
        if (!file) return file.error();
        if (const auto defs = options_.follow_login_defs(*file); !defs) return defs.error();
        if (!options_.warning.empty()) complain(name, options_.warning);
        for (int tries = 0; tries < 20; ++tries) {
            auto changed = try_change(*file, request, options_);
            if (!changed && changed.error().status == ExitStatus::rejected)
                return Changed{Changed::How::refused, changed.error().what};
            if (!changed) return changed.error();
            if (*changed) return std::move(**changed);
        }
        return trouble("the user's line is changed all the time");
    }

    void look_over(Report& report) override { look_over_file(where_, Use::change, report); }

private:
    CredentialOptions options_;
    CredentialFileOptions where_;
};

} // namespace

int main(int argc, char** argv) { return set_link<FileStore>(argc, argv); }
