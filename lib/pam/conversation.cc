#include "pam/conversation.hh"

#include "base/secret.hh"
#include "base/text.hh"
#include "base/withheld.hh"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace poppass {

namespace {

// The programs run in the C locale, so modules write English; upper and lower case vary.
bool has_word(std::string_view text, std::initializer_list<std::string_view> words) {
    const std::string plain = lower(text);
    return std::any_of(words.begin(), words.end(),
                       [&](auto word) { return plain.find(word) != plain.npos; });
}

bool asks_again(std::string_view prompt) {
    return has_word(prompt, {"retype", "re-type", "reenter", "re-enter", "again", "verify",
                             "confirm", "repeat"});
}

bool asks_for_old(std::string_view prompt) {
    return has_word(prompt, {"old", "current"}) && !has_word(prompt, {"new"});
}

std::string_view name_of(int style) {
    switch (style) {
    case PAM_PROMPT_ECHO_OFF: return "hidden prompt";
    case PAM_PROMPT_ECHO_ON: return "prompt with echo";
    case PAM_ERROR_MSG: return "error";
    case PAM_TEXT_INFO: return "information";
    default: return "message of another style";
    }
}

std::string_view name_of(PamAnswer answer) {
    switch (answer) {
    case PamAnswer::nothing: return "nothing";
    case PamAnswer::old_password: return "the old password";
    case PamAnswer::new_password: return "the new password";
    case PamAnswer::end: break;
    }
    return "the end of the conversation";
}

} // namespace

void PamRules::begin(PamPhase phase) {
    *this = PamRules{};
    phase_ = phase;
}

PamAnswer PamRules::take(int style, std::string_view text, OldToken token) {
    if (ended_) return PamAnswer::end;
    if (style == PAM_TEXT_INFO) return PamAnswer::nothing;
    if (style == PAM_PROMPT_ECHO_OFF) return take_hidden_prompt(text, token);
    if (style != PAM_ERROR_MSG)
        return break_off("a module asks for something else than a password");
    // In authentication no reason is kept: the user has not shown the right password yet.
    if (phase_ != PamPhase::authenticate && reason_.empty())
        reason_ = one_line(text, longest_reason);
    ended_ = gave_new();
    return ended_ ? PamAnswer::end : PamAnswer::nothing;
}

PamAnswer PamRules::take_hidden_prompt(std::string_view text, OldToken token) {
    switch (phase_) {
    case PamPhase::authenticate:
        if (given_old_) return break_off("the modules ask for a password more than once");
        return give_old();
    case PamPhase::account:
        return break_off("a module asks for a password that this step does not need");
    case PamPhase::change: break;
    }
    if (token == OldToken::another)
        return break_off("a module has another old password than the one it was given");
    // If the modules have the old password already, the first prompt is for the new one. Only the
    // wording shows that a module asks for the old password all the same.
    const bool begins_later = token == OldToken::ours && !asks_for_old(text);
    if (!given_old_ && !begins_later && given_new_ == 0) return give_old();
    // No module took the first answer as the old password, and this prompt asks to repeat the first
    // answer. So the first prompt was for the new password.
    if (given_new_ == 0 && token == OldToken::none && asks_again(text))
        return break_off("the modules do not ask for the old password");
    if (given_new_ == 2) return break_off("the modules ask for a new password more than once");
    ++given_new_;
    return PamAnswer::new_password;
}

PamAnswer PamRules::give_old() {
    given_old_ = true;
    return PamAnswer::old_password;
}

PamAnswer PamRules::break_off(std::string_view complaint) {
    if (complaint_.empty()) complaint_ = complaint;
    ended_ = true;
    return PamAnswer::end;
}

PamConversation::PamConversation(std::string_view old_password, std::string_view new_password,
                                 Trace trace)
    : old_password_(old_password), new_password_(new_password), trace_(std::move(trace)) {}

std::string_view PamConversation::without_passwords(std::string_view text) const {
    return tells(text, old_password_) || tells(text, new_password_) ? std::string_view{} : text;
}

OldToken PamConversation::old_token() const {
    const void* token = nullptr;
    // libpam does not let applications read this item. While a module asks, it takes us for that
    // module.
    if (handle_ == nullptr || ::pam_get_item(handle_, PAM_OLDAUTHTOK, &token) != PAM_SUCCESS ||
        token == nullptr)
        return OldToken::none;
    const std::string_view text = static_cast<const char*>(token);
    // Some modules set an empty one.
    if (text.empty()) return OldToken::none;
    return text == old_password_ ? OldToken::ours : OldToken::another;
}

int PamConversation::converse(int count, const pam_message** messages, pam_response** responses,
                              void* self) noexcept {
    auto& conversation = *static_cast<PamConversation*>(self);
    if (responses != nullptr) *responses = nullptr;
    try {
        if (messages == nullptr || count < 1 || count > PAM_MAX_NUM_MSG) {
            conversation.rules_.break_off("a module sends " + std::to_string(count) +
                                          " messages at once");
            return PAM_CONV_ERR;
        }
        // They come from malloc, because the module that asked frees the array and the answers in
        // it. Whether it wipes the answers first is beyond our control.
        const auto size = static_cast<std::size_t>(count);
        auto* const answers = static_cast<pam_response*>(std::calloc(size, sizeof(pam_response)));
        if (answers == nullptr) return PAM_BUF_ERR;
        const int code = conversation.answer(count, messages, answers, responses != nullptr);
        if (code == PAM_SUCCESS && responses != nullptr) {
            *responses = answers;
            return code;
        }
        // A module gets all answers or none.
        for (std::size_t i = 0; i < size; ++i) {
            if (answers[i].resp == nullptr) continue;
            wipe({answers[i].resp, std::strlen(answers[i].resp)});
            std::free(answers[i].resp);
        }
        std::free(answers);
        return code;
    } catch (const std::exception&) {
        return PAM_BUF_ERR;
    }
}

int PamConversation::answer(int count, const pam_message** messages, pam_response* answers,
                            bool room) {
    int code = PAM_SUCCESS;
    for (int i = 0; i < count && code == PAM_SUCCESS; ++i)
        code = answer(messages[i], &answers[i], room);
    return code;
}

int PamConversation::answer(const pam_message* message, pam_response* into, bool room) {
    if (message == nullptr) {
        rules_.break_off("a module sends a null message");
        return PAM_CONV_ERR;
    }
    const std::string_view text = message->msg == nullptr ? "" : message->msg;
    PamAnswer answer = rules_.take(message->msg_style, text, old_token());
    const bool wanted = answer == PamAnswer::old_password || answer == PamAnswer::new_password;
    if (wanted && !room) answer = rules_.break_off("a module asks and takes no answer");
    if (trace_)
        trace_(std::string{name_of(message->msg_style)} + " \"" +
               std::string{without_passwords(text)} + "\": " + std::string{name_of(answer)});
    if (answer == PamAnswer::end) return PAM_CONV_ERR;
    if (answer == PamAnswer::nothing) return PAM_SUCCESS;
    const std::string_view password =
        answer == PamAnswer::old_password ? old_password_ : new_password_;
    into->resp = ::strndup(password.data(), password.size());
    return into->resp == nullptr ? PAM_BUF_ERR : PAM_SUCCESS;
}

} // namespace poppass
