#include "support/sql_users.hh"

#include "support/hostile_texts.hh"

#include <doctest/doctest.h>
#include <thread>

namespace poppass::test {

Words next_link() { return {built("next-link"), "42", "/bin/false"}; }

std::vector<std::string> SqlUsers::rows(const std::string& where) const {
    return sql("SELECT * FROM users WHERE " + where + " ORDER BY email");
}

std::string SqlUsers::hash(const std::string& email) const {
    const auto found = sql("SELECT password FROM users WHERE email = '" + email + "'");
    return found.size() == 1 ? found[0] : "(" + std::to_string(found.size()) + " rows)";
}

void SqlUsers::set(const std::string& what, const std::string& email) const {
    sql("UPDATE users SET " + what + " WHERE email = '" + email + "'");
}

void SqlUsers::give(const std::string& hash, const std::string& email) const {
    set("password = '" + hash + "'", email);
}

void SqlUsers::write_settings(const std::string& connect, const std::string& more) const {
    write_file(settings, "connect = " + connect + "\nuser_query = " + user_query +
                             "\nset_query = " + set_query + "\n" + more);
}

void SqlUsers::replace(const std::string& from, const std::string& to) const {
    auto text = read_file(settings);
    const auto at = text.find(from);
    REQUIRE(at != text.npos);
    write_file(settings, text.replace(at, from.size(), to));
}

Program SqlUsers::call(const std::string& program, const Words& words,
                       const std::optional<std::string>& record) const {
    Program call{.argv = {built(program + "-" + store_), "-c", settings}, .record = record};
    call.argv.insert(call.argv.end(), words.begin(), words.end());
    return call;
}

Program SqlUsers::check(const std::string& login, const std::string& password,
                        const Words& words) const {
    return call("checkpw", words, login + '\0' + password + bytes("\0\0\0"));
}

Program SqlUsers::change(const std::string& login, const std::string& old, const std::string& fresh,
                         const Words& words) const {
    return call("setpw", words, login + '\0' + old + bytes("\0\0") + fresh + '\0');
}

int SqlUsers::status(const std::string& login, const std::string& password,
                     const Words& words) const {
    const auto outcome = run(check(login, password, words));
    CHECK_MESSAGE(outcome.out.empty(), outcome.out);
    return outcome.status;
}

void test_check(const SqlUsers& users, const std::string& crypt) {
    CHECK(users.status(joe, "old") == 0);
    CHECK(users.status(joe, "Old") == 1);
    CHECK(users.status(joe, "") == 1);
    CHECK(users.status(joe, "ann's") == 1);
    CHECK(users.status(ann, "ann's") == 0);
    CHECK(users.status("nobody@x.org", "old") == 1);
    CHECK(users.status("", "old") == 1);
    users.set("locked = '1'"); // a number or a boolean, as the column is
    CHECK(users.status(joe, "old") == 1);
    CHECK(users.status(joe, "wrong") == 1);
    // A later link must not undo a refusal by policy.
    CHECK(users.status(joe, "old", next_link()) == 1);
    CHECK(run(users.check(joe, "wrong", next_link())).status == 1);
    users.set("locked = '0', expired = '1'");
    CHECK(users.status(joe, "old") == 1);
    CHECK(users.status(joe, "old", {"--allow-expired"}) == 0);
    CHECK(users.status(joe, "wrong", {"--allow-expired"}) == 1);
    users.set("locked = NULL, expired = NULL");
    CHECK(users.status(joe, "old") == 0);
    for (const std::string none : {"NULL", "''", "'*'", "'{SHA}x'", "'{CRYPT}'", "'{PLAIN}'",
                                   "'{PLAIN.b64} '", "'{PLAIN.hex}  '"}) {
        CAPTURE(none);
        users.set("password = " + none);
        const auto outcome = run(users.check(joe, ""));
        CHECK(outcome.status == 1);
        CHECK(has(outcome.err, "the user's hash is empty or malformed"));
        CHECK(users.status(joe, "old") == 1);
    }
    users.give("{NTLM}0123");
    const auto unknown = run(users.check(joe, "old"));
    CHECK(unknown.status == 111);
    CHECK(has(unknown.err, "the scheme NTLM is not known"));
    users.give(crypt + "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    const auto costly = run(users.check(joe, "old"));
    CHECK(costly.status == 111);
    CHECK(has(costly.err, "the stored hash asks for too much time"));
    users.give("{PLAIN}old");
    CHECK(users.status(joe, "old") == 0);
}

void test_next_link(const SqlUsers& users) {
    for (const auto& program :
         {users.check("nobody@x.org", "x", next_link()), users.check(joe, "x", next_link()),
          users.change("nobody@x.org", "x", "new", next_link()),
          users.change(joe, "x", "new", next_link())}) {
        const auto outcome = run(program);
        CHECK(outcome.status == 42);
        const auto next = parse_next_link(outcome.out);
        CHECK(next.record == program.record);
        CHECK(next.descriptors == std::vector<int>{0, 1, 2, 3});
    }
    CHECK(users.is_password(joe, "old"));
}

void test_change(const SqlUsers& users, const std::string& begin) {
    const auto other = users.rows("email = 'ann@x.org'");
    const auto outcome = run(users.change(joe, "old", "new"));
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.empty());
    CHECK(users.hash(joe).starts_with(begin));
    CHECK(users.is_password(joe, "new"));
    CHECK_FALSE(users.is_password(joe, "old"));
    CHECK(users.rows("email = 'ann@x.org'") == other);
    CHECK(users.rows("email = 'joe@x.org' AND changed > 1600000000").size() == 1);
    const auto again = run(users.change(joe, "old", "newer"));
    CHECK(again.status == 1);
    CHECK(again.out == wrong_words);
    CHECK(run(users.change("nobody@x.org", "old", "new")).out == wrong_words);
    CHECK(users.is_password(joe, "new"));

    for (const std::string what : {"locked = '1'", "expired = '1'"}) {
        CAPTURE(what);
        users.set(what);
        CHECK(run(users.change(joe, "wrong", "newer")).out == wrong_words);
        const auto locked = run(users.change(joe, "new", "newer"));
        CHECK(locked.status == 1);
        CHECK(locked.out == "553 Sorry, your account is locked (#5.7.1)\n");
    }
    // An expired password is what a change is for.
    users.set("locked = '0'");
    CHECK(run(users.change(joe, "new", "newer")).status == 0);
    CHECK(run(users.change(joe, "newer", "newest", {"--allow-expired"})).status == 0);
}

void test_race(const SqlUsers& users) {
    users.give("{PLAIN}old");
    for (int round = 0; round < 10; ++round) {
        const std::string old = round == 0 ? "old" : "winner" + std::to_string(round - 1);
        Outcome outcomes[4];
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back(
                [&, i] { outcomes[i] = run(users.change(joe, old, "new" + std::to_string(i))); });
        for (auto& thread : threads) thread.join();
        int won = -1;
        for (int i = 0; i < 4; ++i) {
            if (outcomes[i].status == 0) {
                CHECK(won == -1);
                won = i;
                continue;
            }
            CHECK_MESSAGE(outcomes[i].status == 1, outcomes[i].err);
            CHECK(outcomes[i].out == wrong_words);
        }
        REQUIRE(won >= 0);
        CHECK(users.is_password(joe, "new" + std::to_string(won)));
        CHECK(run(users.change(joe, "new" + std::to_string(won), "winner" + std::to_string(round)))
                  .status == 0);
    }
}

void test_hostile_logins(const SqlUsers& users, std::size_t first, std::size_t step) {
    const auto texts = hostile_texts();
    REQUIRE(texts.size() > 250);
    users.give("{PLAIN}old");
    users.give("{PLAIN}old", ann);
    const auto before = users.rows();
    CHECK(users.is_password(joe, "old"));
    for (std::size_t i = first; i < texts.size(); i += step) {
        CAPTURE(texts[i]);
        const auto checked = run(users.check(texts[i], "old"));
        CHECK_MESSAGE(checked.status == 1, checked.err);
        const auto changed = run(users.change(texts[i], "old", "new"));
        CHECK(changed.status == 1);
        CHECK(changed.out == wrong_words);
    }
    CHECK(users.rows() == before);
}

void test_hostile_passwords(const SqlUsers& users, std::size_t step) {
    const auto other = users.rows("email = 'ann@x.org'");
    std::string now = "old";
    const auto texts = hostile_texts();
    for (std::size_t i = 0; i < texts.size(); i += step) {
        const auto& text = texts[i];
        CAPTURE(text);
        CHECK(run(users.check(joe, text)).status == 1);
        CHECK(run(users.change(joe, text, "x")).out == wrong_words);
        CHECK(run(users.change(joe, now, text)).status == 0);
        CHECK(users.is_password(joe, text));
        now = text;
    }
    CHECK(users.rows("email = 'ann@x.org'") == other);
}

void test_refusal(const SqlUsers& users, const std::string& words) {
    const auto before = users.rows();
    const auto outcome = run(users.change(joe, "old", "new"));
    CHECK(outcome.status == 111);
    CHECK(outcome.out == nothing_words);
    CHECK_MESSAGE(has(outcome.err, words), outcome.err);
    CHECK_FALSE(has(outcome.err, "{SSHA512}")); // no hash is logged
    CHECK(users.rows() == before);
}

void test_misuse(const SqlUsers& users, const std::string& words) {
    for (const std::string program : {"checkpw", "setpw"}) {
        const auto outcome = run(users.call(program, {}));
        CHECK(outcome.status == 2);
        CHECK_MESSAGE(has(outcome.err, words), outcome.err);
        CHECK_FALSE(has(outcome.err, "hidden")); // what a test wrote for a password
    }
}

void make_certificate(const std::string& file, const std::string& names) {
    const auto made = run(
        {.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes", "-days", "30", "-subj", "/CN=test", "-addext",
                  "subjectAltName=" + names, "-keyout", file + ".key", "-out", file}});
    REQUIRE_MESSAGE(made.status == 0, made.err);
}

bool no_openssl() {
    return missing(run({.argv = {"sh", "-c", "command -v openssl"}}).status == 0, "openssl");
}

} // namespace poppass::test
