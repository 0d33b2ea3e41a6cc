// pwadmin: passwd(1) for credential files. Never set-user-ID: it does what its caller may do.

#include "accounts.hh"
#include "link.hh"
#include "log.hh"
#include "new_hash.hh"
#include "record.hh"
#include "terminal.hh"

#include <exception>
#include <getopt.h>
#include <unistd.h>
#ifdef POPPASS_LINUX
#include <sys/auxv.h>
#endif

using namespace poppass;

namespace {

constexpr std::string_view usage =
    "pwadmin [-f FILE] [-F shadow|passwd-file] [-m METHOD] [-c COST] [-q] [--stdin] "
    "[--add | --remove] [USER]";

constexpr option long_options[] = {
    {"stdin", no_argument, nullptr, 's'},
    {"add", no_argument, nullptr, 'a'},
    {"remove", no_argument, nullptr, 'r'},
    {"quiet", no_argument, nullptr, 'q'},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {},
};

// passwd(1)'s.
enum class Exit {
    success = 0,
    denied = 1,
    combination = 2,
    failure = 3, // nothing was done
    missing = 4,
    busy = 5,
    argument = 6,
};

enum class Deed { set, add, remove };

struct Request {
    Deed deed = Deed::set;
    std::string user;
    CredentialOptions options;
    bool from_stdin = false;
    bool quiet = false;
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
    return fail(error.status == ExitStatus::misused ? Exit::argument : Exit::failure,
                error.message());
}

bool is_set_user_id() {
#ifdef POPPASS_LINUX
    if (::getauxval(AT_SECURE) != 0) return true;
#endif
    return ::getuid() != ::geteuid() || ::getgid() != ::getegid();
}

// The new password, from where it was asked to come.
Result<void> ask_password(const Request& request, Secret& password) {
    if (request.from_stdin) {
        if (auto done = read_line(STDIN_FILENO, password); !done) return done;
    } else {
        const auto terminal = Terminal::open();
        if (!terminal) return terminal.error();
        Secret again{password.capacity()};
        if (auto done = terminal->ask("New password: ", password); !done) return done;
        if (auto done = terminal->ask("New password again: ", again); !done) return done;
        if (password.view() != again.view()) return trouble("the two passwords differ");
    }
    const std::string_view unusable{"\0\r\n", 3};
    Secret record{password.capacity()};
    if (password.view().empty()) return trouble("the password is empty");
    if (password.view().find_first_of(unusable) != std::string_view::npos)
        return trouble("no protocol can carry this password");
    if (!make_check_record(record, request.user, password.view()))
        return trouble("the password is too long to be checked");
    // A NUL after the password, for libcrypt; a record has room for it.
    const std::size_t size = password.view().size();
    password.storage()[size] = '\0';
    return {};
}

// The deed, done to what the file says now; quick, since it runs under the lock.
Result<Edit> edit(const Request& request, const Found& found, const NewHash& hash) {
    const auto entry = found.entry();
    if (request.deed == Deed::add) {
        if (found.line) return trouble(request.user + " is in the file already");
        return Edit{Edit::What::write,
                    make_line(found.format, found.separator, request.user, hash.hash, today())};
    }
    if (!found.line) return trouble(request.user + " is not in the file");
    if (request.deed == Deed::remove) return Edit{Edit::What::remove};
    if (!entry) return trouble("the line of " + request.user + " is malformed");
    return Edit{Edit::What::write, replace_hash(*entry, hash.scheme, hash.hash, today())};
}

Exit carry_out(Request request) {
    auto where = request.options.choose_file();
    if (!where) return fail(where.error());
    where->may_be_missing = request.deed == Deed::add;
    const auto file = CredentialFile::open(*where);
    if (!file) return fail(file.error());
    if (const auto defs = request.options.follow_login_defs(*file); !defs)
        return fail(defs.error());
    if (!request.options.warning.empty()) complain("pwadmin", request.options.warning);
    const auto found = file->find(request.user);
    if (!found) return fail(found.error());
    // What cannot be done is said before a password is asked for.
    if (const auto possible = edit(request, *found, {}); !possible) return fail(possible.error());

    NewHash hash;
    if (request.deed != Deed::remove) {
        Secret password{longest_record + 1};
        if (const auto asked = ask_password(request, password); !asked)
            return fail(Exit::failure, asked.error().message());
        const auto made = make_new_hash(found->entry(), password.view(), request.options);
        if (!made) return fail(made.error());
        hash = *made;
    }
    const auto changed =
        file->change(request.user, [&](const Found& now) { return edit(request, now, hash); });
    if (!changed) return fail(changed.error());
    if (*changed == Change::unsynced)
        return fail(Exit::failure, "done, but it may not have reached the disk");
    return Exit::success;
}

Exit pwadmin(int argc, char** argv) {
    if (is_set_user_id()) return fail(Exit::denied, "does not run set-user-ID");
    Request request;
    int deeds = 0;
    opterr = 0;
    for (int c; (c = ::getopt_long(argc, argv, ":f:F:m:c:qhV", long_options, nullptr)) != -1;) {
        if (c == 'h')
            return show_usage(usage) == ExitStatus::accepted ? Exit::success : Exit::failure;
        if (c == 'V')
            return show_version("pwadmin") == ExitStatus::accepted ? Exit::success : Exit::failure;
        if (c == '?' || c == ':')
            return fail(Exit::combination, wrong_option(c, argv, usage).message());
        if (c == 'a' || c == 'r') {
            request.deed = c == 'a' ? Deed::add : Deed::remove;
            ++deeds;
        }
        if (c == 's') request.from_stdin = true;
        if (c == 'q') request.quiet = true;
        if (auto taken = request.options.take(c, optarg == nullptr ? "" : optarg); !taken)
            return fail(taken.error());
    }
    if (auto good = request.options.check(); !good) return fail(good.error());
    if (deeds > 1 || argc - optind > 1 || (request.deed == Deed::remove && request.from_stdin))
        return fail(Exit::combination, "these do not go together; usage: " + std::string{usage});

    if (optind < argc) {
        request.user = argv[optind];
    } else {
        const auto caller = find_account(::getuid());
        if (!caller) return fail(caller.error());
        if (!*caller) return fail(Exit::denied, "whose password? You have no name here");
        request.user = (*caller)->name;
    }
    if (!is_login(request.user)) return fail(Exit::argument, request.user + " cannot be a name");

    const Exit exit = carry_out(request);
    if (exit == Exit::success && !request.quiet) {
        constexpr std::string_view done[] = {"password changed", "added", "removed"};
        const std::string text = "pwadmin: " + request.user + ": " +
                                 std::string{done[static_cast<int>(request.deed)]} + "\n";
        (void)!::write(STDOUT_FILENO, text.data(), text.size());
    }
    return exit;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const auto prepared = prepare_link();
        return static_cast<int>(prepared ? pwadmin(argc, argv) : fail(prepared.error()));
    } catch (const std::exception& exception) {
        return static_cast<int>(fail(Exit::failure, exception.what()));
    }
}
