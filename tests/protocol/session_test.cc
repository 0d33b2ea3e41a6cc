// The session, and the session together with the monitor's rules, in every order of commands and
// verdicts that is short enough to try.
#include "protocol/session.hh"

#include "monitor/rules.hh"
#include "support/program.hh"

#include <doctest/doctest.h>

#include <algorithm>

using namespace poppass;
using namespace poppass::test;
using namespace std::chrono_literals;

namespace {

constexpr ChainOutcome outcomes[] = {ChainOutcome::accepted, ChainOutcome::rejected,
                                     ChainOutcome::misused, ChainOutcome::temporary,
                                     ChainOutcome::unknown};

Command line(Verb verb, std::string_view argument) { return {verb, Argument::good, argument}; }

// What a step says, if it says something.
std::optional<Reply> reply_of(const Step& step) {
    if (const auto* const say = std::get_if<Say>(&step)) return say->reply;
    if (const auto* const last = std::get_if<SayAndClose>(&step)) return last->reply;
    return std::nullopt;
}

bool is_good_news(Reply reply) {
    return reply == Reply::password_please || reply == Reply::new_password_please ||
           reply == Reply::changed || reply == Reply::bye;
}

// Everything after this is refused or needs a new `user`: no state is left that a password could
// be offered to.
Session at_user() { return {}; }

Session at_pass(std::string_view login = "joe") {
    Session session;
    CHECK(reply_of(session.command(line(Verb::user, login))) == Reply::password_please);
    return session;
}

Session at_newpass(std::string_view login = "joe", std::string_view old = "old") {
    Session session = at_pass(login);
    CHECK(std::holds_alternative<CheckRequest>(session.command(line(Verb::pass, old))));
    CHECK(reply_of(session.check_answered({ChainOutcome::accepted, false, {}})) ==
          Reply::new_password_please);
    return session;
}

} // namespace

TEST_CASE("every command in every state") {
    struct Case {
        Verb verb;
        Argument state;
        std::string_view argument;
        std::optional<Reply> user, pass, newpass; // nothing: the monitor is asked
    };
    using R = Reply;
    const Case cases[] = {
        {Verb::user, Argument::good, "joe", R::password_please, R::expected_pass,
         R::expected_newpass},
        {Verb::user, Argument::empty, "", R::empty_argument, R::expected_pass, R::expected_newpass},
        {Verb::user, Argument::forbidden, "j\r", R::forbidden_argument, R::expected_pass,
         R::expected_newpass},
        {Verb::user, Argument::too_long, "jj", R::too_long, R::expected_pass, R::expected_newpass},
        {Verb::pass, Argument::good, "old", R::expected_user, {}, R::expected_newpass},
        {Verb::pass, Argument::empty, "", R::expected_user, R::empty_argument, R::expected_newpass},
        {Verb::pass, Argument::forbidden, "j\r", R::expected_user, R::forbidden_argument,
         R::expected_newpass},
        {Verb::pass, Argument::too_long, "jj", R::expected_user, R::too_long, R::expected_newpass},
        {Verb::newpass, Argument::good, "new", R::expected_user, R::expected_pass, {}},
        {Verb::newpass, Argument::empty, "", R::expected_user, R::expected_pass, R::empty_argument},
        {Verb::newpass, Argument::forbidden, "j\r", R::expected_user, R::expected_pass,
         R::forbidden_argument},
        {Verb::newpass, Argument::too_long, "jj", R::expected_user, R::expected_pass, R::too_long},
        {Verb::quit, Argument::empty, "", R::bye, R::bye, R::bye},
        {Verb::quit, Argument::good, "now", R::bye, R::bye, R::bye},
        {Verb::quit, Argument::forbidden, "\r", R::bye, R::bye, R::bye},
        {Verb::quit, Argument::too_long, "", R::bye, R::bye, R::bye},
        {Verb::unknown, Argument::empty, "", R::unknown_command, R::unknown_command,
         R::unknown_command},
        {Verb::unknown, Argument::good, "joe", R::unknown_command, R::unknown_command,
         R::unknown_command},
        {Verb::unknown, Argument::too_long, "", R::unknown_command, R::unknown_command,
         R::unknown_command},
    };
    for (const auto& [verb, state, argument, user, pass, newpass] : cases) {
        CAPTURE(static_cast<int>(verb));
        CAPTURE(static_cast<int>(state));
        const Command command{verb, state, argument};
        CHECK(reply_of(at_user().command(command)) == user);
        CHECK(reply_of(at_pass().command(command)) == pass);
        CHECK(reply_of(at_newpass().command(command)) == newpass);
    }
}

TEST_CASE("only quit closes the session; any other error leads back to user") {
    const Command wrong[] = {
        line(Verb::user, "joe"),
        {Verb::pass, Argument::empty, ""},
        {Verb::unknown, Argument::good, "x"},
        line(Verb::newpass, "new"),
        {Verb::pass, Argument::too_long, "x"},
    };
    for (const auto& command : wrong) {
        Session session = at_pass();
        CHECK(std::holds_alternative<Say>(session.command(command)));
        CHECK(reply_of(session.command(line(Verb::pass, "old"))) == Reply::expected_user);
        CHECK(reply_of(session.command(line(Verb::user, "joe"))) == Reply::password_please);
    }
    for (const auto verb : {Verb::user, Verb::pass, Verb::unknown}) {
        Session session = at_newpass();
        const Step step = session.command(line(verb, "x"));
        REQUIRE(std::holds_alternative<Say>(step));
        CHECK(std::get<Say>(step).forget); // the accepted check is given up
        CHECK(reply_of(session.command(line(Verb::newpass, "new"))) == Reply::expected_user);
    }
    for (auto session : {at_user(), at_pass(), at_newpass()})
        CHECK(std::holds_alternative<SayAndClose>(session.command(line(Verb::quit, ""))));
}

TEST_CASE("verdicts to replies") {
    struct Case {
        ChainOutcome outcome;
        bool last;
        Reply check, change;
    };
    using R = Reply;
    const Case cases[] = {
        {ChainOutcome::accepted, false, R::new_password_please, R::changed},
        {ChainOutcome::accepted, true, R::new_password_please, R::changed},
        {ChainOutcome::rejected, false, R::old_password_incorrect, R::change_failed},
        {ChainOutcome::rejected, true, R::too_many_tries, R::change_failed},
        {ChainOutcome::misused, false, R::check_misused, R::change_misused},
        {ChainOutcome::misused, true, R::check_misused_and_last, R::change_misused},
        {ChainOutcome::temporary, false, R::check_temporary, R::change_temporary},
        {ChainOutcome::temporary, true, R::check_temporary_and_last, R::change_temporary},
        {ChainOutcome::unknown, false, R::check_temporary, R::change_unknown},
        {ChainOutcome::unknown, true, R::check_temporary_and_last, R::change_unknown},
    };
    for (const auto& [outcome, last, check, change] : cases) {
        CAPTURE(static_cast<int>(outcome));
        CAPTURE(last);
        Session session = at_pass();
        (void)session.command(line(Verb::pass, "old"));
        const Step checked = session.check_answered({outcome, last, "reason"});
        CHECK(reply_of(checked) == check);
        const bool closes = last && outcome != ChainOutcome::accepted;
        CHECK(std::holds_alternative<SayAndClose>(checked) == closes);

        session = at_newpass();
        CHECK(std::holds_alternative<ChangeRequest>(session.command(line(Verb::newpass, "new"))));
        const Step changed = session.change_answered({outcome, last, "reason"});
        CHECK(reply_of(changed) == change);
        REQUIRE(std::holds_alternative<Say>(changed)); // a change never ends a session
        CHECK_FALSE(std::get<Say>(changed).forget);    // the monitor knows
        const auto again = session.command(line(Verb::newpass, "new"));
        CHECK(std::holds_alternative<ChangeRequest>(again) ==
              (outcome == ChainOutcome::rejected && !last));
    }
}

TEST_CASE("the reason is the link's for temporary trouble and refused changes only") {
    const auto reason_of = [](const Step& step) {
        if (const auto* const say = std::get_if<Say>(&step)) return std::string{say->reason};
        return std::string{std::get<SayAndClose>(step).reason};
    };
    for (const bool last : {false, true})
        for (const auto outcome : outcomes) {
            Session session = at_pass();
            (void)session.command(line(Verb::pass, "old"));
            const bool temporary =
                outcome == ChainOutcome::temporary || outcome == ChainOutcome::unknown;
            CHECK(reason_of(session.check_answered({outcome, last, "reason"})) ==
                  (temporary ? "reason" : ""));
            session = at_newpass();
            (void)session.command(line(Verb::newpass, "new"));
            const bool shown =
                outcome == ChainOutcome::temporary || outcome == ChainOutcome::rejected;
            CHECK(reason_of(session.change_answered({outcome, last, "reason"})) ==
                  (shown ? "reason" : ""));
        }
}

TEST_CASE("a verdict that nobody asked for ends the session, and so does a command too early") {
    for (const auto outcome : outcomes) {
        for (auto session : {at_user(), at_pass(), at_newpass()}) {
            Session other = session;
            CHECK(std::get<SayAndClose>(session.check_answered({outcome, false, {}})).reply ==
                  Reply::server_trouble);
            CHECK(std::get<SayAndClose>(other.change_answered({outcome, false, {}})).reply ==
                  Reply::server_trouble);
        }
        Session checking = at_pass();
        (void)checking.command(line(Verb::pass, "old"));
        CHECK(std::get<SayAndClose>(checking.change_answered({outcome, false, {}})).reply ==
              Reply::server_trouble);
        Session changing = at_newpass();
        (void)changing.command(line(Verb::newpass, "new"));
        CHECK(std::get<SayAndClose>(changing.check_answered({outcome, false, {}})).reply ==
              Reply::server_trouble);
    }
    for (const auto verb : {Verb::user, Verb::pass, Verb::newpass}) {
        Session checking = at_pass();
        (void)checking.command(line(Verb::pass, "old"));
        CHECK(std::get<SayAndClose>(checking.command(line(verb, "x"))).reply ==
              Reply::server_trouble);
    }
}

TEST_CASE("a request that just fits a record is made, and a longer one is refused") {
    // A check: login and password, and four NULs, in 512 bytes.
    for (const std::size_t login : {1, 2, 100, 254, 507}) {
        CAPTURE(login);
        const std::string name(login, 'n');
        const std::string fits(508 - login, 'p'), longer(509 - login, 'p');
        Session session = at_pass(name);
        const Step asked = session.command(line(Verb::pass, fits));
        REQUIRE(std::holds_alternative<CheckRequest>(asked));
        CHECK(std::get<CheckRequest>(asked).login == name);
        CHECK(std::get<CheckRequest>(asked).password == fits);
        session = at_pass(name);
        CHECK(reply_of(session.command(line(Verb::pass, longer))) == Reply::too_long);
    }
    // A login alone: no record could take a longer one.
    CHECK(reply_of(at_user().command(line(Verb::user, std::string(508, 'n')))) ==
          Reply::password_please);
    CHECK(reply_of(at_user().command(line(Verb::user, std::string(509, 'n')))) == Reply::too_long);
    CHECK(reply_of(at_user().command(line(Verb::user, std::string(1019, 'n')))) == Reply::too_long);
    // A change: login, old and new password.
    for (const auto& [login, old] : {std::pair<std::size_t, std::size_t>{1, 1},
                                     {1, 506},
                                     {3, 3},
                                     {254, 253},
                                     {506, 1},
                                     {1, 507},
                                     {507, 1}}) {
        CAPTURE(login);
        CAPTURE(old);
        const std::string name(login, 'n'), word(old, 'o');
        const std::size_t room = 508 - login - old;
        Session session = at_newpass(name, word);
        if (room > 0) {
            const std::string fits(room, 'w');
            const Step asked = session.command(line(Verb::newpass, fits));
            REQUIRE(std::holds_alternative<ChangeRequest>(asked));
            CHECK(std::get<ChangeRequest>(asked).new_password == fits);
        }
        session = at_newpass(name, word);
        CHECK(reply_of(session.command(line(Verb::newpass, std::string(room + 1, 'w')))) ==
              Reply::too_long);
        // The check stays good: a shorter one may follow.
        const Step again = session.command(line(Verb::newpass, "w"));
        CHECK(std::holds_alternative<ChangeRequest>(again) == (room > 0));
    }
}

TEST_CASE("the lengths of an earlier login and password are not counted") {
    Session session = at_newpass(std::string(254, 'n'), std::string(254, 'o'));
    (void)session.command(line(Verb::unknown, ""));
    CHECK(reply_of(session.command(line(Verb::user, "j"))) == Reply::password_please);
    const std::string old(500, 'p');
    const Step asked = session.command(line(Verb::pass, old));
    REQUIRE(std::holds_alternative<CheckRequest>(asked));
    CHECK(std::get<CheckRequest>(asked).login == "j");
    (void)session.check_answered({ChainOutcome::accepted, false, {}});
    CHECK(std::holds_alternative<ChangeRequest>(session.command(line(Verb::newpass, "1234567"))));
}

TEST_CASE("ten new passwords that the chain refused, and the old one is needed again") {
    Session session = at_newpass();
    MonitorRules rules{3, 0s};
    REQUIRE(rules.begin_check());
    (void)rules.end_check(ChainOutcome::accepted, 0ns);
    for (int i = 0; i < 10; ++i) {
        CAPTURE(i);
        // One that no record can hold does not reach the chain, and is not counted.
        REQUIRE(reply_of(session.command({Verb::newpass, Argument::empty, ""})) ==
                Reply::empty_argument);
        REQUIRE(std::holds_alternative<ChangeRequest>(session.command(line(Verb::newpass, "w"))));
        REQUIRE(rules.begin_change());
        const bool last = rules.end_change(ChainOutcome::rejected);
        REQUIRE(last == (i == 9));
        REQUIRE(reply_of(session.change_answered({ChainOutcome::rejected, last, {}})) ==
                Reply::change_failed);
    }
    CHECK_FALSE(rules.begin_change());
    CHECK(reply_of(session.command(line(Verb::newpass, "w"))) == Reply::expected_user);
}

namespace {

const std::string huge(509, 'x');  // fits no record
const std::string large(505, 'l'); // fits, with a short login, but leaves no room for a new one

const Command all_commands[] = {
    line(Verb::user, "joe"),
    line(Verb::pass, "old"),
    line(Verb::newpass, "new"),
    line(Verb::user, "ann"),
    {Verb::user, Argument::empty, ""},
    {Verb::pass, Argument::forbidden, "\r"},
    {Verb::newpass, Argument::too_long, "x"},
    {Verb::unknown, Argument::good, "x"},
    // From here on for shorter walks.
    {Verb::quit, Argument::empty, ""},
    line(Verb::user, huge),
    line(Verb::pass, huge),
    line(Verb::pass, large),
    line(Verb::newpass, huge),
    {Verb::user, Argument::too_long, "x"},
    {Verb::user, Argument::forbidden, "\r"},
    {Verb::pass, Argument::empty, ""},
    {Verb::pass, Argument::too_long, "x"},
    {Verb::newpass, Argument::empty, ""},
    {Verb::newpass, Argument::forbidden, "\r"},
    {Verb::unknown, Argument::too_long, ""},
    {Verb::quit, Argument::too_long, "x"},
};
constexpr std::size_t few = 8;

// Not a CHECK: there are millions of these.
void must(bool holds, const char* what) {
    if (!holds) FAIL(what);
}

// The session, the monitor's rules, and beside them a plain account of what has happened.
struct World {
    Session session;
    MonitorRules rules;
    int tries;
    std::string_view login = {};     // of the last `user` that was answered with 200
    bool pass_next = false;          // nothing has come between it and now
    bool checked = false;            // a check was accepted and still counts
    std::string_view asked_for = {}; // the login of the last check: the monitor's
    std::size_t old_size = 0;
    int refusals = 0;
};

struct Walk {
    std::span<const Command> commands;
    long sequences = 0;
    long checks = 0;
    long changes = 0;
    std::array<bool, static_cast<std::size_t>(Reply::server_trouble) + 1> replies{};
};

void step(Walk& walk, const World& world, int left);

// One reply has come to one command. What is left of the sequence goes on from here.
void said(Walk& walk, World world, const Step& answer, int left, bool checked_after) {
    const auto reply = reply_of(answer);
    must(reply.has_value(), "nothing else may be asked for before the reply");
    walk.replies[static_cast<std::size_t>(*reply)] = true;
    if (const auto* const say = std::get_if<Say>(&answer); say != nullptr && say->forget)
        world.rules.forget();
    world.checked = checked_after;
    must(world.rules.begin_change() == world.checked, "the monitor believes what was checked");
    if (std::holds_alternative<SayAndClose>(answer)) return;
    Session probe = world.session;
    const bool would =
        std::holds_alternative<ChangeRequest>(probe.command(line(Verb::newpass, "w")));
    const bool fits = world.asked_for.size() + world.old_size + 1 + 4 <= 512;
    must(would == (world.checked && fits), "the session asks where the monitor allows it");
    step(walk, world, left);
}

void check(Walk& walk, World begun, const CheckRequest& asked, const Command& command, int left) {
    ++walk.checks;
    must(begun.pass_next, "a check follows its user directly");
    must(asked.login == begun.login, "the login that was given");
    must(asked.password == command.argument, "the password that was given");
    must(begun.rules.begin_check(), "an honest network side asks while there are tries");
    begun.asked_for = begun.login; // theirs is a view into a session that we leave
    begun.old_size = command.argument.size();
    begun.pass_next = false;
    begun.refusals = 0;
    for (const auto outcome : outcomes) {
        World world = begun;
        const bool accepted = outcome == ChainOutcome::accepted;
        const bool last = world.rules.end_check(outcome, 0ns).last;
        if (!accepted) --world.tries;
        must(last == (world.tries == 0), "the tries hold");
        const Step answer = world.session.check_answered({outcome, last, {}});
        must((reply_of(answer) == Reply::new_password_please) == accepted, "200 to a right one");
        must(std::holds_alternative<SayAndClose>(answer) == last, "closed with the last try");
        said(walk, world, answer, left, accepted);
    }
}

void change(Walk& walk, const World& before, const ChangeRequest& asked, const Command& command,
            int left) {
    ++walk.changes;
    must(before.checked, "a change needs an accepted check");
    must(before.asked_for == before.login, "of the same login");
    must(asked.new_password == command.argument, "the password that was given");
    must(before.rules.begin_change(), "an honest network side asks after an accepted check");
    for (const auto outcome : outcomes) {
        World world = before;
        const bool last = world.rules.end_change(outcome);
        const bool again = outcome == ChainOutcome::rejected && ++world.refusals < 10;
        const Step answer = world.session.change_answered({outcome, last, {}});
        must((reply_of(answer) == Reply::changed) == (outcome == ChainOutcome::accepted),
             "200 to a change");
        said(walk, world, answer, left, again);
    }
}

void step(Walk& walk, const World& before, int left) {
    if (left == 0) {
        ++walk.sequences;
        return;
    }
    for (const Command& command : walk.commands) {
        World world = before;
        const Step answer = world.session.command(command);
        if (const auto* const asked = std::get_if<CheckRequest>(&answer)) {
            check(walk, world, *asked, command, left - 1);
            continue;
        }
        if (const auto* const asked = std::get_if<ChangeRequest>(&answer)) {
            change(walk, world, *asked, command, left - 1);
            continue;
        }
        const Reply reply = reply_of(answer).value();
        must((reply == Reply::bye) == (command.verb == Verb::quit), "quit, and only quit, closes");
        world.pass_next = reply == Reply::password_please;
        must(world.pass_next || reply == Reply::bye || !is_good_news(reply),
             "other good news is the monitor's");
        if (world.pass_next) {
            must(command.verb == Verb::user, "a login is given with user");
            world.login = command.argument;
        }
        said(walk, world, answer, left - 1,
             before.checked && (command.verb == Verb::newpass || command.verb == Verb::quit));
    }
}

Walk walk_all(std::span<const Command> commands, int length, int tries) {
    Walk walk{commands};
    step(walk, World{Session{}, MonitorRules{tries, 0s}, tries}, length);
    return walk;
}

} // namespace

TEST_CASE("all sequences of commands and verdicts: no change without an accepted check") {
    struct Length {
        std::size_t commands;
        int length;
        int tries;
        // Expected, so that nobody can make this test smaller without notice.
        long sequences;
        long changes;
    };
    for (const auto& [commands, length, tries, sequences, changes] :
         {Length{few, 7, 3, 1'000'000, 5'000}, Length{few, 6, 1, 100'000, 500},
          Length{std::size(all_commands), 4, 2, 100'000, 40}}) {
        const Walk walk = walk_all(std::span{all_commands}.first(commands), length, tries);
        const auto replies = std::count(walk.replies.begin(), walk.replies.end(), true);
        CHECK(walk.sequences >= sequences);
        CHECK(walk.checks > 1000);
        CHECK(walk.changes >= changes);
        CHECK(replies >= 15);
    }
}

TEST_CASE("all sequences in which new passwords are refused, past the tenth") {
    const Command commands[] = {line(Verb::newpass, "new"), {Verb::newpass, Argument::empty, ""}};
    Walk walk{commands};
    World world{at_newpass(), MonitorRules{1, 0s}, 1};
    REQUIRE(world.rules.begin_check());
    (void)world.rules.end_check(ChainOutcome::accepted, 0ns);
    world.login = world.asked_for = "joe";
    world.old_size = 3;
    world.checked = true;
    step(walk, world, 13);
    CHECK(walk.sequences > 1000);
    CHECK(walk.changes > 1000);
}
