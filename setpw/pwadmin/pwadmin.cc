// pwadmin: passwd(1) for credential files. It never runs set-user-ID: it can do only what its
// caller may do.

#include "account/accounts.hh"
#include "base/command_line.hh"
#include "base/log.hh"
#include "base/text.hh"
#include "credentials/change_policy.hh"
#include "credentials/new_hash.hh"
#include "link/record.hh"
#include "process/path_walk.hh"
#include "pwadmin/new_password.hh"
#include "pwadmin/pwadmin_request.hh"

#include <csignal>
#include <exception>
#include <fcntl.h>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/auxv.h>
#endif

using namespace poppass;

namespace {

// The exit values of passwd(1).
enum class Exit {
    success = 0,
    denied = 1,
    combination = 2,
    failure = 3, // nothing was done
    missing = 4,
    busy = 5,
    argument = 6,
};

Exit fail(Exit exit, std::string_view message) {
    complain("pwadmin", message);
    return exit;
}

Exit fail(const Error& error) {
    switch (error.system_error) {
    case EACCES:
    case EPERM:
    case EROFS: return fail(Exit::denied, error.message());
    case ENOENT: return fail(Exit::missing, error.message());
    case EAGAIN: return fail(Exit::busy, error.message());
    default: break;
    }
    switch (error.status) {
    case ExitStatus::rejected: return fail(Exit::denied, error.message());
    case ExitStatus::misused: return fail(Exit::argument, error.message());
    case ExitStatus::accepted:
    case ExitStatus::temporary: break;
    }
    return fail(Exit::failure, error.message());
}

Error denial(std::string words) { return Error{ExitStatus::rejected, std::move(words), 0}; }

Exit write_out(std::string_view text) {
    if (auto written = write_whole(STDOUT_FILENO, text); !written)
        return fail(Exit::failure, written.error().message());
    return Exit::success;
}

// Whether it got rights from its file: a capability does not show in the ids.
bool has_rights_of_file() {
#ifdef POPPASS_LINUX
    return ::getauxval(AT_SECURE) != 0;
#else
    return false;
#endif
}

Result<void> enter_root(const std::string& root) {
    if (!root.starts_with('/')) return misuse("-R must be an absolute path");
    const auto place = find_safe_directory(root);
    if (!place) return place.error();
    if (!place->directory) errno = ENOENT;
    if (!place->directory || ::fchdir(place->directory.get()) != 0 || ::chroot(".") != 0)
        return system_trouble("enter", root);
    return {};
}

// Makes the change in the present content of the file. It runs under the lock, so it is quick.
Result<Edit> edit(const PwadminRequest& request, const std::string& user, const Found& found,
                  const NewHash& hash) {
    if (request.add && found.line) return trouble(user + " is in the file already");
    if (!request.add && !found.line) return denial(user + " is not in the file");
    if (request.remove && found.repeated)
        return trouble(user + " has more than one line: without the first, the next would count");
    if (request.remove) return Edit{Edit::What::remove};
    const auto old_entry = found.entry();
    if (found.line && !old_entry) return trouble("the line of " + user + " is malformed");

    std::string line = found.line.value_or("");
    if (request.add)
        line = make_line(found.format, found.separator, user, hash.hash, today());
    else if (request.sets_password())
        line = replace_hash(*old_entry, hash.scheme, hash.hash, today());
    const auto entry = parse_entry(line, found.format);
    if (!entry) return trouble("a line for " + user + " cannot be made");
    auto changed = change_line(*entry, request.changes);
    if (!changed) return changed.error();
    return Edit{Edit::What::write, std::move(*changed)};
}

Exit show_status(const PwadminRequest& request, const CredentialFile& file,
                 const std::string& user) {
    if (!request.all) {
        const auto found = file.find(user);
        if (!found) return fail(found.error());
        if (!found->line) return fail(denial(user + " is not in the file"));
        const auto entry = found->entry();
        if (!entry) return fail(trouble("the line of " + user + " is malformed"));
        return write_out(status_line(*entry) + "\n");
    }
    constexpr std::size_t enough = 65536;
    std::string lines;
    Exit exit = Exit::success, written = Exit::success;
    const auto read =
        file.each([&](std::size_t, std::string_view line, const std::optional<Entry>& entry) {
            if (entry) {
                lines += status_line(*entry) + "\n";
                if (lines.size() < enough) return;
                if (written == Exit::success) written = write_out(lines);
                lines.clear();
                return;
            }
            const auto end = find_separator(line);
            exit = fail(Exit::failure,
                        end == line.npos
                            ? "a line has no name"
                            : "the line of " + std::string{line.substr(0, end)} + " is malformed");
        });
    if (!read) return fail(read.error());
    if (written == Exit::success) written = write_out(lines);
    return exit == Exit::success ? written : exit;
}

// Gets the new password from where the options say.
Result<void> get_password(const PwadminRequest& request, const LoginDefs& defs,
                          const std::string& user, const Found& found, Caller caller,
                          Secret& password) {
    const auto gate = PasswordGate::open(defs, user);
    if (!gate) return gate.error();
    if (request.generate) return generate_password(*gate, password);
    if (request.from_stdin) {
        const auto warning = read_new_password(defs, *gate, user, password);
        if (!warning) return warning.error();
        if (!warning->empty()) complain("pwadmin", *warning);
        return {};
    }
    const auto terminal = Terminal::open();
    // Without its errno, because ENOENT would mean that the credential file is missing.
    if (!terminal) return trouble(terminal.error().message());
    if (!request.quiet)
        if (auto told = terminal->tell("Changing password for " + for_terminal(user) + "\n"); !told)
            return told;
    Secret old_password{password.capacity()};
    if (caller == Caller::user) {
        if (auto asked = ask_old_password(*terminal, old_password); !asked) return asked;
        const auto right = verify_entry(old_password.view(), found.entry(), found.dummy);
        if (!right) return right.error();
        if (!*right) return denial("the old password is incorrect");
    }
    return ask_new_password(*terminal, defs, *gate, caller, user, old_password, password);
}

// Prints the generated password, which is stored nowhere.
Exit show_password(Secret& password) {
    const std::size_t size = password.view().size();
    password.storage()[size] = '\n'; // replaces the NUL
    if (write_whole(STDOUT_FILENO, {password.storage().data(), size + 1})) return Exit::success;
    return fail(Exit::failure, "the new password is set, but could not be shown");
}

Exit report(const PwadminRequest& request, const std::string& user) {
    if (request.quiet) return Exit::success;
    const std::string_view done = request.add               ? "added"
                                  : request.remove          ? "removed"
                                  : request.sets_password() ? "password changed"
                                                            : "password information changed";
    // The change is made, even if nobody reads this.
    (void)write_whole(STDOUT_FILENO,
                      "pwadmin: " + for_terminal(user) + ": " + std::string{done} + "\n");
    return Exit::success;
}

Exit change(PwadminRequest& request, const CredentialFile& file, const std::string& user) {
    const bool is_master = ::geteuid() == 0 || ::geteuid() == file.owner();
    const Caller caller = is_master ? Caller::master : Caller::user;
    if (caller == Caller::user && request.wants_master())
        return fail(denial("only root and the owner of " + file.path() + " may do that"));
    const auto found = file.find(user);
    if (!found) return fail(found.error());
    // Refuses what is impossible before it asks for a password.
    if (const auto possible = edit(request, user, *found, {}); !possible) {
        if (possible.error().status != ExitStatus::misused) return fail(possible.error());
        return fail(Exit::combination, possible.error().message());
    }
    const auto entry = found->entry();
    if (request.only_expired) {
        if (found->format == Format::passwd_file)
            return fail(Exit::combination, "-k: a passwd-file has no dates, nothing expires there");
        if (!has_expired(*entry, today())) return Exit::success;
    }

    NewHash hash;
    Secret password{longest_record + 1};
    if (request.sets_password()) {
        if (caller == Caller::user)
            if (const auto allowed = check_policy(*entry, true); !allowed)
                return fail(allowed.error());
        const auto defs = request.options.follow_login_defs(file);
        if (!defs) return fail(defs.error());
        if (!request.options.warning.empty()) complain("pwadmin", request.options.warning);
        if (const auto got = get_password(request, *defs, user, *found, caller, password); !got)
            return fail(got.error());
        const auto made = make_new_hash(entry, password.view(), request.options);
        if (!made) return fail(Exit::failure, made.error().message());
        hash = *made;
    }
    // Compare and set: the old password and the dates were judged by the line that was found, so
    // the line must not have changed since.
    const bool same_line = caller == Caller::user || request.only_expired;
    const auto changed = file.change(user, [&](const Found& now) -> Result<Edit> {
        if (same_line && (now.line != found->line || now.format != found->format))
            return trouble("the line of " + user + " was changed meanwhile");
        return edit(request, user, now, hash);
    });
    if (!changed) return fail(changed.error());
    const Exit told = request.generate ? show_password(password) : report(request, user);
    if (*changed == Change::unsynced)
        return fail(Exit::failure, "done, but it may not have reached the disk");
    return told;
}

Exit carry_out(PwadminRequest& request) {
    auto where = request.options.choose_file();
    if (!where) return fail(where.error());
    where->may_be_missing = request.add;
    std::string user = request.user.value_or("");
    if (!request.user && !request.all) {
        const auto caller = find_account(::getuid());
        if (!caller) return fail(caller.error());
        if (!*caller) return fail(denial("no USER is given, and your uid has no account"));
        user = (*caller)->name;
    }
    if (request.add && !is_login(user)) return fail(misuse(user + " cannot be a name"));
    const auto file = CredentialFile::open(*where);
    if (!file) return fail(file.error());
    return request.status ? show_status(request, *file, user) : change(request, *file, user);
}

Exit pwadmin(int argc, char** argv, bool is_heard) {
    if (has_rights_of_file())
        return fail(Exit::denied,
                    "does not run set-user-ID, set-group-ID or with capabilities of its file");
    // If nobody reads the output, the write call returns an error instead of a signal. So the
    // program can report what was done.
    std::signal(SIGPIPE, SIG_IGN);
    auto request = read_command_line(argc, argv);
    if (!request) return fail(request.error());
    const auto shown = [](ExitStatus status) {
        return status == ExitStatus::accepted ? Exit::success : Exit::failure;
    };
    switch (request->show) {
    case PwadminRequest::Show::usage: return shown(show_usage(pwadmin_usage));
    case PwadminRequest::Show::version: return shown(show_version("pwadmin"));
    case PwadminRequest::Show::nothing: break;
    }
    if (const auto good = check_combination(*request); !good)
        return fail(Exit::combination, good.error().message());
    if (request->generate && !is_heard)
        return fail(Exit::failure, "standard output is closed: nobody would see the new password");
    if (!request->root.empty())
        if (const auto entered = enter_root(request->root); !entered)
            return fail(Exit::failure, entered.error().message());
    return carry_out(*request);
}

} // namespace

int main(int argc, char** argv) {
    try {
        const bool is_heard = ::fcntl(STDOUT_FILENO, F_GETFD) != -1;
        if (const auto good = refuse_set_user_id(); !good)
            return static_cast<int>(fail(Exit::denied, good.error().message()));
        const auto prepared = prepare_program();
        return static_cast<int>(prepared ? pwadmin(argc, argv, is_heard) : fail(prepared.error()));
    } catch (const std::exception& exception) {
        return static_cast<int>(fail(Exit::failure, exception.what()));
    }
}
