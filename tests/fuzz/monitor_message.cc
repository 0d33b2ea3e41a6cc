// What either process may hear of the other, if that was taken over; and what it tells. The first
// byte says which: `q` a request, `a` an answer, anything else the strings to make requests of.
#include "protocol/monitor_message.hh"

#include "fuzz/target.hh"

#include <string>

namespace poppass::fuzz {

namespace {

bool is_sound(std::string_view string) {
    return !string.empty() && string.find_first_of({"\0\r\n", 3}) == string.npos;
}

void check_request(std::string_view message) {
    const auto request = parse_request(message);
    if (!request) return;
    Secret again{longest_request};
    must(make_request(again, *request) && again.view() == message,
         "a request that is understood is one that we would have made");
    if (const auto* const check = std::get_if<CheckRequest>(&*request))
        must(is_sound(check->login) && is_sound(check->password),
             "check: no empty string, no NUL, no line end");
    if (const auto* const change = std::get_if<ChangeRequest>(&*request))
        must(is_sound(change->new_password), "change: no empty string, no NUL, no line end");
}

void check_answer(std::string_view message) {
    const auto answer = parse_answer(message);
    if (!answer) return;
    const auto again = std::visit([](const auto& word) { return Answer{word}; }, *answer);
    must(again.view() == message, "an answer that is understood is one that we would have made");
    if (const auto* const verdict = std::get_if<Verdict>(&*answer)) {
        must(verdict->reason.size() <= longest_reason, "a reason is short");
        must(verdict->outcome <= ChainOutcome::unknown, "the outcome is one of ours");
    }
}

// What was made is understood as it was meant, or not at all.
void check_made(std::string_view first, std::string_view second) {
    Secret message{longest_request};
    if (make_request(message, CheckRequest{first, second})) {
        const auto request = parse_request(message.view());
        const bool sound = is_sound(first) && is_sound(second);
        must(request.has_value() == sound, "a check is understood if it is sound");
        if (sound) {
            const auto* const check = std::get_if<CheckRequest>(&*request);
            must(check != nullptr && check->login == first && check->password == second,
                 "a check is understood as it was meant");
        }
    } else {
        must(first.size() + second.size() + 3 > longest_request && message.size() == 0,
             "only what is too long does not fit");
    }
    if (make_request(message, ChangeRequest{first})) {
        const auto request = parse_request(message.view());
        must(request.has_value() == is_sound(first), "a change is understood if it is sound");
    }
}

} // namespace

void try_input(std::string_view input) {
    if (input.empty()) return;
    const char which = input.front();
    input.remove_prefix(1);
    if (which == 'q') return check_request(input);
    if (which == 'a') return check_answer(input);
    const std::string_view first = take(input);
    check_made(first, input);
}

} // namespace poppass::fuzz
