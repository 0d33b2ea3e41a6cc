// checkpw: verifies a password against the credential file, the embedded default of check links.

#include "base/settings.hh"
#include "credentials/change_policy.hh"
#include "credentials/look_over.hh"
#include "credentials/new_hash.hh"
#include "credentials/options.hh"
#include "link/check_link.hh"

using namespace poppass;

namespace {

// Whether policy refuses the entry, whatever the password is.
bool is_refused(const Entry& entry, bool allow_expired) {
    if (refuses_client(entry)) return true;
    switch (standing(entry, today())) {
    case Standing::usable: return false;
    case Standing::must_change: return !allow_expired;
    case Standing::locked:
    case Standing::expired:
    case Standing::inactive: return true;
    }
    return true;
}

// Computes one hash, whether the user exists or not.
Result<Finding> judge_password(const Question& question, const Found& found,
                               const std::optional<Entry>& entry) {
    const auto right = verify_entry(question.password, entry, found.dummy);
    if (!right) return right.error();
    if (!entry) return Finding::unknown;
    if (is_refused(*entry, question.allow_expired)) return Finding::refused;
    return *right ? Finding::right : Finding::wrong;
}

Finding look_up(const Question& question, const std::optional<Entry>& entry) {
    if (!entry) return Finding::unknown;
    // A user who may not log in still receives mail.
    const bool refused =
        question.ask == Ask::credentials_lookup && is_refused(*entry, question.allow_expired);
    return refused ? Finding::refused : Finding::right;
}

// The user for whom a native chain runs its program. For shadow(5) /etc/passwd tells the user's
// ids, unless every user is virtual. A passwd-file may contain them, but they count only if root
// owns the file. In either case nobody else may write it. The home counts also in a file of the
// account that virtual users become.
Result<StoredUser> find_user(const CredentialFile& file, const Found& found, const Entry& entry,
                             std::optional<uid_t> virtual_uid) {
    StoredUser user{.name = std::string{entry.name}};
    const Error group_writes = trouble("become " + user.name + ": a group can write " +
                                       file.path() + ": chmod g-w " + file.path());
    if (entry.format == Format::shadow) {
        if (virtual_uid) return user;
        const auto account = find_account(entry.name);
        if (!account) return account.error();
        if (!*account) return user;
        // Anybody who may write the file could add the name of any account.
        if (file.owner() != 0 && file.owner() != (*account)->uid)
            return trouble("become " + user.name + ": " + file.path() +
                           " belongs neither to root nor to that account");
        if (found.others_write) return group_writes;
        return native_user(entry.name, **account);
    }
    if (file.owner() != 0 && file.owner() != virtual_uid) return user;
    const bool has_ids = file.owner() == 0 && (!entry.uid.empty() || !entry.gid.empty());
    // As a virtual user it would run with the rights of the chain, and not with these.
    if (found.others_write && has_ids) return group_writes;
    if (found.others_write) return user;
    user.home = entry.home;
    user.shell = entry.shell;
    if (!has_ids) return user;
    constexpr std::int64_t most = 4'294'967'294;
    const auto uid = parse_number("the uid of " + user.name, entry.uid, 0, most);
    if (!uid) return trouble(uid.error().what);
    const auto gid = parse_number("the gid of " + user.name, entry.gid, 0, most);
    if (!gid) return trouble(gid.error().what);
    user.ids =
        UserIds{static_cast<uid_t>(*uid), static_cast<gid_t>(*gid), {static_cast<gid_t>(*gid)}};
    return user;
}

class FileStore final : public CheckStore {
public:
    static constexpr std::string_view name = "checkpw";

    Result<void> take(int option, std::string_view value) override {
        return options_.take(option, value);
    }

    Result<void> prepare(bool) override {
        auto where = options_.choose_file();
        if (!where) return where.error();
        where_ = std::move(*where);
        return {};
    }

    Result<Answer> judge(const Question& question) override {
        const auto file = CredentialFile::open(where_);
        if (!file) return file.error();
        const auto found = file->find(question.login);
        if (!found) return found.error();
        const auto served = options_.serves(*file, question.login);
        if (!served) return served.error();
        const auto entry = *served ? found->entry() : std::nullopt;
        const auto finding = question.ask == Ask::password ? judge_password(question, *found, entry)
                                                           : look_up(question, entry);
        if (!finding) return finding.error();
        if (*finding != Finding::right || !question.native) return Answer{*finding};
        auto user = find_user(*file, *found, *entry, question.virtual_uid);
        if (!user) return user.error();
        return Answer{*finding, std::move(*user)};
    }

    void look_over(Report& report) override { look_over_file(where_, Use::check, report); }

private:
    CredentialOptions options_;
    CredentialFileOptions where_;
};

} // namespace

int main(int argc, char** argv) { return check_link<FileStore>(argc, argv); }
