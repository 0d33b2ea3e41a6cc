#include "protocol/session.hh"

namespace poppass {

namespace {

// Each of the two records has four NULs.
constexpr std::size_t nuls_in_record = 4;

Reply reply_to_fault(Argument state) {
    switch (state) {
    case Argument::empty: return Reply::empty_argument;
    case Argument::forbidden: return Reply::forbidden_argument;
    case Argument::good:
    case Argument::too_long: break;
    }
    return Reply::too_long;
}

} // namespace

Step Session::command(const Command& command) {
    if (command.verb == Verb::quit) return SayAndClose{Reply::bye};
    if (command.verb == Verb::unknown) return refuse(Reply::unknown_command);
    switch (state_) {
    case State::user: return take_user(command);
    case State::pass: return take_pass(command);
    case State::newpass: return take_newpass(command);
    case State::checking:
    case State::changing: break;
    }
    return SayAndClose{Reply::server_trouble};
}

Step Session::take_user(const Command& command) {
    if (command.verb != Verb::user) return refuse(Reply::expected_user);
    if (command.state != Argument::good) return refuse(reply_to_fault(command.state));
    if (command.argument.size() + nuls_in_record > longest_record) return refuse(Reply::too_long);
    login_size_ = command.argument.copy(login_.data(), login_.size());
    state_ = State::pass;
    return Say{Reply::password_please};
}

Step Session::take_pass(const Command& command) {
    if (command.verb != Verb::pass) return refuse(Reply::expected_pass);
    if (command.state != Argument::good) return refuse(reply_to_fault(command.state));
    if (login_size_ + command.argument.size() + nuls_in_record > longest_record)
        return refuse(Reply::too_long);
    old_size_ = command.argument.size();
    state_ = State::checking;
    return CheckRequest{{login_.data(), login_size_}, command.argument};
}

Step Session::take_newpass(const Command& command) {
    if (command.verb != Verb::newpass) return refuse(Reply::expected_newpass);
    // The check stays good for a new password that a record can hold.
    if (command.state != Argument::good) return Say{reply_to_fault(command.state)};
    if (login_size_ + old_size_ + command.argument.size() + nuls_in_record > longest_record)
        return Say{Reply::too_long};
    state_ = State::changing;
    return ChangeRequest{command.argument};
}

Step Session::check_answered(const Verdict& verdict) {
    if (state_ != State::checking) return SayAndClose{Reply::server_trouble};
    state_ = State::user;
    switch (verdict.outcome) {
    case ChainOutcome::accepted: state_ = State::newpass; return Say{Reply::new_password_please};
    case ChainOutcome::rejected:
        if (verdict.last) return SayAndClose{Reply::too_many_tries};
        return Say{Reply::old_password_incorrect};
    case ChainOutcome::misused:
        if (verdict.last) return SayAndClose{Reply::check_misused_and_last};
        return Say{Reply::check_misused};
    case ChainOutcome::temporary:
    case ChainOutcome::unknown: break;
    }
    if (verdict.last) return SayAndClose{Reply::check_temporary_and_last, verdict.reason};
    return Say{Reply::check_temporary, verdict.reason};
}

Step Session::change_answered(const Verdict& verdict) {
    if (state_ != State::changing) return SayAndClose{Reply::server_trouble};
    state_ = State::user;
    switch (verdict.outcome) {
    case ChainOutcome::accepted: return Say{Reply::changed};
    case ChainOutcome::rejected:
        if (!verdict.last) state_ = State::newpass;
        return Say{Reply::change_failed, verdict.reason};
    case ChainOutcome::misused: return Say{Reply::change_misused};
    case ChainOutcome::temporary: return Say{Reply::change_temporary, verdict.reason};
    case ChainOutcome::unknown: break;
    }
    return Say{Reply::change_unknown};
}

// The session begins again with `user`.
Step Session::refuse(Reply reply) {
    const bool forget = state_ == State::newpass;
    state_ = State::user;
    return Say{reply, {}, forget};
}

} // namespace poppass
