// The rules of the PAM conversation, and the memory it hands to modules.
#include "pam/conversation.hh"
#include "pam/session.hh"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace poppass;

namespace {

constexpr int hidden = PAM_PROMPT_ECHO_OFF;
constexpr int open_prompt = PAM_PROMPT_ECHO_ON;

PamRules in(PamPhase phase) {
    PamRules rules;
    rules.begin(phase);
    return rules;
}

PamAnswer take(PamRules& rules, int style, std::string_view text, OldToken token = OldToken::none) {
    return rules.take(style, text, token);
}

// A conversation, and what modules do with it.
struct Talk {
    explicit Talk(PamPhase phase, std::string_view old_password = "old",
                  std::string_view new_password = "new")
        : conversation{old_password, new_password,
                       [this](std::string_view line) { trace.append(line).append("\n"); }} {
        conversation.begin(phase);
    }

    // The answers, "-" for a missing one; or "error CODE".
    std::string ask(std::vector<const pam_message*> messages) {
        const pam_conv hooks = conversation.hooks();
        pam_response* responses = nullptr;
        const int code = hooks.conv(static_cast<int>(messages.size()), messages.data(), &responses,
                                    hooks.appdata_ptr);
        if (code != PAM_SUCCESS) {
            CHECK(responses == nullptr);
            return "error " + std::to_string(code);
        }
        REQUIRE(responses != nullptr);
        std::string answers;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            CHECK(responses[i].resp_retcode == 0);
            answers += answers.empty() ? "" : " ";
            answers += responses[i].resp == nullptr ? "-" : responses[i].resp;
            std::free(responses[i].resp);
        }
        std::free(responses);
        return answers;
    }

    std::string ask(int style, const char* text) {
        const pam_message message{style, text};
        return ask({&message});
    }

    std::string trace;
    PamConversation conversation;
};

} // namespace

TEST_CASE("authentication: one password, whatever the prompt says") {
    for (const auto* const prompt : {"Password: ", "New password: ", "Retype it: ", ""}) {
        auto rules = in(PamPhase::authenticate);
        CHECK(take(rules, PAM_TEXT_INFO, "Welcome") == PamAnswer::nothing);
        CHECK(take(rules, PAM_ERROR_MSG, "Two failures") == PamAnswer::nothing);
        CHECK_FALSE(rules.gave_old());
        CHECK(take(rules, hidden, prompt) == PamAnswer::old_password);
        CHECK(rules.gave_old());
        CHECK_FALSE(rules.ended());
        CHECK(take(rules, PAM_ERROR_MSG, "Wrong") == PamAnswer::nothing);
        CHECK(take(rules, hidden, prompt) == PamAnswer::end);
        CHECK(take(rules, hidden, prompt) == PamAnswer::end);
        CHECK(take(rules, PAM_TEXT_INFO, "Bye") == PamAnswer::end);
        CHECK(rules.ended());
        CHECK(rules.complaint() == "the modules ask for a password more than once");
        CHECK(rules.reason() == ""); // users get no reason before the password was right
        CHECK_FALSE(rules.gave_new());
    }
}

TEST_CASE("account management asks for nothing, but gives reasons") {
    auto rules = in(PamPhase::account);
    CHECK(take(rules, PAM_ERROR_MSG, "Your account has expired") == PamAnswer::nothing);
    CHECK(rules.reason() == "Your account has expired");
    CHECK(take(rules, hidden, "Password: ") == PamAnswer::end);
    CHECK(rules.complaint() == "a module asks for a password that this step does not need");
}

TEST_CASE("a change: the old password, then the new one twice, by order") {
    // First the wording of modules that exist, then wording that none should have.
    const std::vector<std::vector<const char*>> prompts{
        {"Current password: ", "New password: ", "Retype new password: "},
        {"Current password: ", "Enter new password: ", "Re-type new password: "},
        {"(current) NT password: ", "Enter new NT password: ", "Retype new NT password: "},
        {"Current Password: ", "New Password: ", "Reenter new Password: "},
        {"Old password: ", "New Password :", "Verify New Password :"},
        {"Aktuelles Passwort: ", "Geben Sie ein neues Passwort ein: ", "Nochmal: "},
        {"New password: ", "Old password: ", "Current password: "},
        {"", "", ""}};
    for (const bool token : {true, false})
        for (const auto& prompt : prompts) {
            CAPTURE(prompt[0]);
            CAPTURE(token);
            const auto after = token ? OldToken::ours : OldToken::none;
            auto rules = in(PamPhase::change);
            CHECK(take(rules, PAM_TEXT_INFO, "Changing password for joe.") == PamAnswer::nothing);
            CHECK(take(rules, hidden, prompt[0]) == PamAnswer::old_password);
            CHECK_FALSE(rules.gave_new());
            CHECK(take(rules, hidden, prompt[1], after) == PamAnswer::new_password);
            CHECK(rules.gave_new());
            CHECK(take(rules, hidden, prompt[2], after) == PamAnswer::new_password);
            CHECK_FALSE(rules.ended());
            CHECK(take(rules, hidden, prompt[1], after) == PamAnswer::end);
            CHECK(rules.complaint() == "the modules ask for a new password more than once");
        }
}

TEST_CASE("a change: the old password is checked against PAM's") {
    SUBCASE("the modules have it before they ask: the order begins with the new one") {
        auto rules = in(PamPhase::change);
        CHECK(take(rules, hidden, "Password: ", OldToken::ours) == PamAnswer::new_password);
        CHECK(take(rules, hidden, "Password: ", OldToken::ours) == PamAnswer::new_password);
        CHECK(take(rules, hidden, "Password: ", OldToken::ours) == PamAnswer::end);
    }
    SUBCASE("but one asks for it all the same") {
        auto rules = in(PamPhase::change);
        CHECK(take(rules, hidden, "Current password: ", OldToken::ours) == PamAnswer::old_password);
        CHECK(take(rules, hidden, "New password: ", OldToken::ours) == PamAnswer::new_password);
    }
    SUBCASE("they have another one") {
        for (const int answers : {0, 1, 2}) {
            auto rules = in(PamPhase::change);
            for (int i = 0; i < answers; ++i)
                CHECK(take(rules, hidden, "?", i == 0 ? OldToken::none : OldToken::ours) !=
                      PamAnswer::end);
            CHECK(take(rules, hidden, "?", OldToken::another) == PamAnswer::end);
            CHECK(rules.complaint() ==
                  "a module has another old password than the one it was given");
        }
    }
    SUBCASE("no module asked for it: the second prompt repeats the first one") {
        for (const auto* const prompt :
             {"Retype new password: ", "RE-TYPE", "Reenter it", "Re-enter it",
              "Once again: ", "Verify New Password :", "Confirm: ", "Repeat: "}) {
            auto rules = in(PamPhase::change);
            CHECK(take(rules, hidden, "New password: ") == PamAnswer::old_password);
            CHECK(take(rules, hidden, prompt) == PamAnswer::end);
            CHECK(rules.complaint() == "the modules do not ask for the old password");
            CHECK_FALSE(rules.gave_new());
        }
        // The same words if a module has the old password: the order decides.
        auto rules = in(PamPhase::change);
        CHECK(take(rules, hidden, "Password: ") == PamAnswer::old_password);
        CHECK(take(rules, hidden, "Again: ", OldToken::ours) == PamAnswer::new_password);
    }
}

TEST_CASE("a change: an error after a new answer ends it, one before does not") {
    auto rules = in(PamPhase::change);
    CHECK(take(rules, PAM_ERROR_MSG, "Something first") == PamAnswer::nothing);
    CHECK(take(rules, hidden, "Current password: ") == PamAnswer::old_password);
    CHECK(take(rules, PAM_ERROR_MSG, "And then") == PamAnswer::nothing);
    CHECK(take(rules, hidden, "New password: ", OldToken::ours) == PamAnswer::new_password);
    CHECK(take(rules, PAM_TEXT_INFO, "Thinking") == PamAnswer::nothing);
    CHECK(take(rules, PAM_ERROR_MSG, "BAD PASSWORD") == PamAnswer::end);
    CHECK(take(rules, hidden, "New password: ", OldToken::ours) == PamAnswer::end);
    CHECK(take(rules, PAM_ERROR_MSG, "Have exhausted maximum number of retries") == PamAnswer::end);
    CHECK(rules.reason() == "Something first");
    CHECK(rules.complaint() == ""); // only the password is at fault
    rules.begin(PamPhase::change);
    CHECK(rules.reason() == "");
    CHECK_FALSE(rules.ended());
    CHECK_FALSE(rules.gave_new());
}

TEST_CASE("everything except hidden prompts and messages ends the conversation") {
    for (const auto phase : {PamPhase::authenticate, PamPhase::account, PamPhase::change})
        for (const int style : {open_prompt, PAM_RADIO_TYPE, PAM_BINARY_PROMPT, 0, -1, 99}) {
            auto rules = in(phase);
            CHECK(take(rules, style, "login: ") == PamAnswer::end);
            CHECK(rules.complaint() == "a module asks for something else than a password");
            CHECK(take(rules, hidden, "Password: ") == PamAnswer::end);
        }
}

TEST_CASE("reasons are one clean line") {
    const auto reason = [](std::string_view text) {
        auto rules = in(PamPhase::account);
        take(rules, PAM_ERROR_MSG, text);
        take(rules, PAM_ERROR_MSG, "a second one");
        return rules.reason();
    };
    CHECK(reason("You must choose a longer password.") == "You must choose a longer password.");
    CHECK(reason("  two\r\n\tlines \x1b[1m\x7f \n") == "two lines [1m");
    CHECK(reason("\n\n") == "a second one");
    CHECK(reason("") == "a second one");
    CHECK(reason(std::string(199, 'x') + "y") == std::string(199, 'x') + "y");
    CHECK(reason(std::string(199, 'x') + "yz") == std::string(199, 'x') + "y");
    // No character is cut.
    CHECK(reason(std::string(199, 'x') + "\303\244") == std::string(199, 'x'));
    CHECK(reason(std::string(198, 'x') + " \303\244") == std::string(198, 'x'));
    CHECK(reason(std::string(300, '\200')) == "a second one");
}

TEST_CASE("answers are copies for the module, one for each prompt") {
    Talk talk{PamPhase::change};
    const pam_message information{PAM_TEXT_INFO, "Changing password"};
    const pam_message prompt{hidden, "Password: "};
    SUBCASE("one by one") {
        CHECK(talk.ask(PAM_TEXT_INFO, "Hello") == "-");
        CHECK(talk.ask(hidden, "Current: ") == "old");
        CHECK(talk.ask(hidden, "New: ") == "new");
        CHECK(talk.ask(hidden, "Retype: ") == "new");
        CHECK(talk.ask(hidden, "New: ") == "error " + std::to_string(PAM_CONV_ERR));
    }
    SUBCASE("all at once") {
        CHECK(talk.ask({&information, &prompt, &prompt, &information, &prompt}) ==
              "- old new - new");
    }
    SUBCASE("one too many at once: no answer at all") {
        CHECK(talk.ask({&prompt, &prompt, &prompt, &prompt}) ==
              "error " + std::to_string(PAM_CONV_ERR));
    }
    CHECK(talk.trace.find("new\n") == std::string::npos);
}

TEST_CASE("strange calls") {
    const std::string error = "error " + std::to_string(PAM_CONV_ERR);
    Talk talk{PamPhase::authenticate};
    const pam_conv hooks = talk.conversation.hooks();
    const pam_message information{PAM_TEXT_INFO, "Hello"};
    const pam_message prompt{hidden, "Password: "};
    const pam_message* one = &information;
    const auto& rules = talk.conversation.rules();
    pam_response* responses = nullptr;

    SUBCASE("no text") {
        CHECK(talk.ask(PAM_TEXT_INFO, nullptr) == "-");
        CHECK(talk.ask(PAM_ERROR_MSG, nullptr) == "-");
        CHECK(talk.ask(hidden, nullptr) == "old");
        CHECK(rules.reason() == "");
    }
    SUBCASE("no message") {
        CHECK(talk.ask({&information, nullptr, &prompt}) == error);
        CHECK(rules.complaint() == "a module sends a null message");
    }
    SUBCASE("no messages") {
        CHECK(hooks.conv(1, nullptr, &responses, hooks.appdata_ptr) == PAM_CONV_ERR);
        CHECK(rules.complaint() == "a module sends 1 messages at once");
    }
    SUBCASE("a count of none") {
        CHECK(hooks.conv(0, &one, &responses, hooks.appdata_ptr) == PAM_CONV_ERR);
        CHECK(rules.complaint() == "a module sends 0 messages at once");
    }
    SUBCASE("a negative count") {
        CHECK(hooks.conv(-1, &one, &responses, hooks.appdata_ptr) == PAM_CONV_ERR);
    }
    SUBCASE("as many as PAM allows") {
        std::vector<const pam_message*> messages(PAM_MAX_NUM_MSG, &information);
        CHECK(talk.ask(messages) != error);
    }
    SUBCASE("fifty") {
        const std::vector<const pam_message*> messages(50, &information);
        CHECK(talk.ask(messages) == error);
        CHECK(rules.complaint() == "a module sends 50 messages at once");
        CHECK(talk.ask(hidden, "Password: ") == error);
    }
    SUBCASE("fifty, one by one") {
        for (int i = 0; i < 50; ++i) CHECK(talk.ask(PAM_TEXT_INFO, "Hello") == "-");
        CHECK(talk.ask(hidden, "Password: ") == "old");
    }
    SUBCASE("no place for answers: good for a message, an error for a prompt") {
        CHECK(hooks.conv(1, &one, nullptr, hooks.appdata_ptr) == PAM_SUCCESS);
        one = &prompt;
        CHECK(hooks.conv(1, &one, nullptr, hooks.appdata_ptr) == PAM_CONV_ERR);
        CHECK(rules.complaint() == "a module asks and takes no answer");
    }
    SUBCASE("what was answered before the end is not handed out") {
        CHECK(talk.ask({&prompt, &prompt}) == error);
    }
}

TEST_CASE("the longest and most unusual passwords arrive whole") {
    std::string odd;
    for (int c = 1; c < 256; ++c) odd += static_cast<char>(c);
    Talk talk{PamPhase::authenticate, odd};
    CHECK(talk.ask(hidden, "?") == odd);
    // The view ends before the text does.
    Talk part{PamPhase::authenticate, std::string_view{"secret-and-more"}.substr(0, 6)};
    CHECK(part.ask(hidden, "?") == "secret");
}

TEST_CASE("a reason or a trace with a password in it is dropped") {
    Talk talk{PamPhase::change, "alpha", "omega"};
    talk.ask(PAM_ERROR_MSG, "your omega is too short");
    CHECK(talk.conversation.reason() == "");
    CHECK(talk.trace == "error \"\": nothing\n");
    CHECK(talk.ask(hidden, "Current password: ") == "alpha");
    CHECK(talk.ask(hidden, "New password for alpha: ") == "omega");
    CHECK(talk.trace == "error \"\": nothing\n"
                        "hidden prompt \"Current password: \": the old password\n"
                        "hidden prompt \"\": the new password\n");
}

TEST_CASE("what PAM's codes mean") {
    using enum PamOutcome;
    const auto authenticate = [](int code) { return judge(PamPhase::authenticate, code); };
    const auto account = [](int code) { return judge(PamPhase::account, code); };
    const auto change = [](int code) { return judge(PamPhase::change, code); };
    for (const int code : {PAM_AUTH_ERR, PAM_USER_UNKNOWN}) {
        CHECK(authenticate(code) == wrong);
        CHECK(account(code) == refused);
        CHECK(change(code) == refused);
    }
    for (const int code :
         {PAM_PERM_DENIED, PAM_MAXTRIES, PAM_ACCT_EXPIRED, PAM_AUTHTOK_EXPIRED, PAM_CRED_EXPIRED}) {
        CHECK(authenticate(code) == refused);
        CHECK(account(code) == refused);
        CHECK(change(code) == refused);
    }
    CHECK(authenticate(PAM_NEW_AUTHTOK_REQD) == refused);
    CHECK(account(PAM_NEW_AUTHTOK_REQD) == must_change);
    CHECK(change(PAM_NEW_AUTHTOK_REQD) == refused);
    for (const int code : {PAM_AUTHTOK_ERR, PAM_AUTHTOK_RECOVERY_ERR, PAM_AUTHTOK_DISABLE_AGING}) {
        CHECK_FALSE(authenticate(code));
        CHECK_FALSE(account(code));
        CHECK(change(code) == refused);
    }
    // Of all possible codes one in each phase means yes.
    int yes = 0;
    for (int code = -5; code < 100; ++code)
        for (const auto phase : {PamPhase::authenticate, PamPhase::account, PamPhase::change}) {
            yes += judge(phase, code) == done;
            if (judge(phase, code) == done) CHECK(code == PAM_SUCCESS);
        }
    CHECK(yes == 3);
    for (const int code : {PAM_OPEN_ERR, PAM_SYMBOL_ERR, PAM_SERVICE_ERR, PAM_SYSTEM_ERR,
                           PAM_BUF_ERR, PAM_CRED_INSUFFICIENT, PAM_AUTHINFO_UNAVAIL, PAM_CONV_ERR,
                           PAM_AUTHTOK_LOCK_BUSY, PAM_TRY_AGAIN, PAM_ABORT, PAM_MODULE_UNKNOWN,
                           PAM_BAD_ITEM, PAM_CONV_AGAIN, PAM_INCOMPLETE})
        for (const auto phase : {PamPhase::authenticate, PamPhase::account, PamPhase::change})
            CHECK_FALSE(judge(phase, code));
}
