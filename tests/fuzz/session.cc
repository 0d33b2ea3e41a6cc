// A session: a client's lines, and the monitor's verdicts by its rules, through the messages
// between the two. The first line tells how each chain ends, one byte each; the second is the
// reason that links give; the third is the number of tries.
#include "protocol/session.hh"

#include "fuzz/target.hh"
#include "monitor/rules.hh"
#include "protocol/monitor_message.hh"

#include <optional>
#include <string>

namespace poppass::fuzz {

namespace {

// Both sides, and what they must keep to.
class Conversation {
public:
    Conversation(std::string_view ends, std::string_view reason, int tries)
        : ends_(ends), reason_(reason.substr(0, longest_reason)), tries_(tries),
          rules_(tries, std::chrono::seconds{1}) {}

    bool is_over() const { return over_; }

    void hear(std::string_view line) {
        const bool cut = line.size() > longest_line;
        const Command command = parse_command(line.substr(0, longest_line), cut);
        if (command.verb == Verb::user) user_ = command.argument;
        replies_ = 0;
        carry_out(session_.command(command));
        must(replies_ == 1, "one reply answers a command");
        for (auto answered : {&Session::check_answered, &Session::change_answered}) {
            Session other = session_;
            const Step step = (other.*answered)({ChainOutcome::accepted, false, {}});
            must(std::holds_alternative<SayAndClose>(step),
                 "no verdict counts that nobody asked for");
        }
        if (command.verb == Verb::quit) must(over_, "quit ends the session in every state");
    }

private:
    void carry_out(const Step& step) {
        std::visit([this](const auto& deed) { perform(deed); }, step);
    }

    void perform(const Say& say) {
        send(say.reply, say.reason);
        if (say.forget) {
            must(std::holds_alternative<ForgetRequest>(carried(ForgetRequest{})),
                 "a forget arrives");
            rules_.forget();
            accepted_.reset();
        }
        if (!keeps_check(say.reply)) must(!rules_.begin_change(), "a check is forgotten in time");
    }

    // After these another new password may follow.
    static bool keeps_check(Reply reply) {
        return reply == Reply::new_password_please || reply == Reply::change_failed ||
               reply == Reply::empty_argument || reply == Reply::forbidden_argument ||
               reply == Reply::too_long;
    }

    void perform(const SayAndClose& last) {
        send(last.reply, last.reason);
        over_ = true;
    }

    void perform(const CheckRequest& ask) {
        const Request request = carried(ask);
        const auto* const check = std::get_if<CheckRequest>(&request);
        must(check != nullptr && check->login == ask.login && check->password == ask.password,
             "a check arrives as it was asked for");
        must(check->login == user_, "a check is for the last user that was named");
        accepted_.reset();
        must(rules_.begin_check(), "no check is asked for that would not be run");
        must(make_check_record(record_, check->login, check->password), "its record fits");
        const ChainOutcome outcome = next_outcome();
        const auto took = std::chrono::milliseconds{10};
        const auto decision = rules_.end_check(outcome, took);
        must(decision.answer_at >= took, "no answer before its time");
        if (outcome == ChainOutcome::accepted) {
            accepted_.emplace(Pair{std::string{check->login}, std::string{check->password}});
        } else {
            must(decision.answer_at == std::chrono::seconds{1}, "a failed check waits");
            ++failures_;
            must(decision.last == (failures_ == tries_), "the tries are counted");
        }
        const Step step = session_.check_answered(told({outcome, decision.last, reason_}));
        if (decision.last) must(std::holds_alternative<SayAndClose>(step), "the last try ends it");
        carry_out(step);
    }

    void perform(const ChangeRequest& ask) {
        const Request request = carried(ask);
        const auto* const change = std::get_if<ChangeRequest>(&request);
        must(change != nullptr && change->new_password == ask.new_password,
             "a change arrives as it was asked for");
        must(accepted_.has_value(), "no change without an accepted check");
        must(rules_.begin_change(), "no change is asked for that would not be run");
        must(make_set_record(record_, accepted_->login, accepted_->password, change->new_password),
             "its record fits");
        const ChainOutcome outcome = next_outcome();
        const bool last = rules_.end_change(outcome);
        if (last) accepted_.reset();
        must(last || outcome == ChainOutcome::rejected, "only a refusal keeps the check");
        carry_out(session_.change_answered(told({outcome, last, reason_})));
    }

    // A request as it arrives.
    Request carried(const Request& request) {
        must(make_request(message_, request), "a request fits a message");
        const auto parsed = parse_request(message_.view());
        must(parsed.has_value(), "a request is understood");
        return *parsed;
    }

    // A verdict as it arrives.
    Verdict told(const Verdict& verdict) {
        answer_.emplace(verdict);
        const auto parsed = parse_answer(answer_->view());
        must(parsed && std::holds_alternative<Verdict>(*parsed), "a verdict is understood");
        return std::get<Verdict>(*parsed);
    }

    ChainOutcome next_outcome() {
        const char c = ends_.empty() ? 'u' : ends_.front();
        ends_.remove_prefix(ends_.empty() ? 0 : 1);
        switch (c) {
        case 'a': return outcome_of({ChildEnd::How::exited, 0});
        case 'r': return outcome_of({ChildEnd::How::exited, 1});
        case 'm': return outcome_of({ChildEnd::How::exited, 2});
        case 't': return outcome_of({ChildEnd::How::exited, 111});
        default: break;
        }
        const ChainOutcome other =
            outcome_of({ChildEnd::How::exited, static_cast<unsigned char>(c)});
        must(other != ChainOutcome::accepted || c == '\0', "only the status 0 accepts");
        return other;
    }

    void send(Reply reply, std::string_view reason) {
        const ReplyLine line{reply, reason};
        const std::string_view text = line.text();
        must(text.size() < longest_reply && text.ends_with("\r\n"), "a reply is one short line");
        must(text.starts_with("200 ") || text.starts_with("500 "), "with a code of two");
        must(!has_control(text.substr(0, text.size() - 2)), "and no other line end or NUL");
        ++replies_;
    }

    struct Pair {
        std::string login;
        std::string password;
    };

    std::string_view ends_;
    std::string reason_;
    int tries_;
    MonitorRules rules_;
    Session session_;
    Secret message_{longest_request};
    Secret record_{longest_record + 1};
    std::optional<Answer> answer_;
    std::string user_;
    std::optional<Pair> accepted_;
    int failures_ = 0;
    int replies_ = 0;
    bool over_ = false;
};

} // namespace

void try_input(std::string_view input) {
    const std::string_view ends = take(input);
    std::string reason{take(input)};
    std::erase_if(reason, [](char c) {
        return has_control({&c, 1});
    }); // the monitor lets none through
    const int tries = 1 + static_cast<int>(take_number(input) % 10);
    Conversation conversation{ends, reason, tries};
    while (!input.empty() && !conversation.is_over()) conversation.hear(take(input));
}

} // namespace poppass::fuzz
