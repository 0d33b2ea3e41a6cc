#include "monitor/monitor.hh"

#include "account/login.hh"
#include "base/clock.hh"
#include "base/log.hh"
#include "base/settings.hh"
#include "base/signals.hh"
#include "link/reason.hh"
#include "monitor/rules.hh"
#include "process/child.hh"
#include "process/program.hh"
#include "protocol/monitor_message.hh"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int ending_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

// How long a kernel takes to wake a process may depend on how much the process did before it slept.
// So the wait for an answer ends with a short sleep of its own, before which the process did
// nothing.
constexpr std::chrono::milliseconds last_sleep{50};

// How long the network side may take to send its last reply and end.
constexpr std::chrono::seconds farewell{5};

std::int64_t milliseconds(Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

std::string_view result_text(ChainOutcome outcome, std::string_view accepted) {
    switch (outcome) {
    case ChainOutcome::accepted: return accepted;
    case ChainOutcome::rejected: return "refused";
    case ChainOutcome::misused: return "misused";
    case ChainOutcome::temporary: return "temporary";
    case ChainOutcome::unknown: break;
    }
    return "unknown";
}

// How the network side ended, where the monitor did not end it.
std::string_view end_text(int status) {
    if (!WIFEXITED(status)) return "killed";
    switch (static_cast<NetworkEnd>(WEXITSTATUS(status))) {
    case NetworkEnd::quit: return "quit";
    case NetworkEnd::vanished: return "vanished";
    case NetworkEnd::line_timeout: return "timeout";
    case NetworkEnd::no_monitor: return "no-monitor";
    case NetworkEnd::told:        // wrong, because the monitor sent nothing that ends the session
    case NetworkEnd::not_started: // wrong, because it did not report that to the monitor
        break;
    }
    return "violation";
}

// A link that refuses a password may offer another one in double quotes. Only the user may see
// that.
std::string without_quoted(std::string_view reason) {
    const auto first = reason.find('"');
    if (first == reason.npos) return std::string{reason};
    const auto last = reason.rfind('"');
    const auto after = first == last ? std::string_view{} : reason.substr(last);
    return std::string{reason.substr(0, first)}.append("\"...").append(after);
}

class Monitor {
public:
    Monitor(const Configuration& configuration, const EventLog& log,
            const std::optional<std::string>& peer, Fd network_end, pid_t network)
        : configuration_(configuration), log_(log), peer_(peer.value_or("-")),
          network_end_(std::move(network_end)), network_(network),
          rules_(configuration.tries, configuration.delay) {
        ::sigprocmask(SIG_BLOCK, nullptr, &waiting_);
        for (const int number : ending_signals) ::sigdelset(&waiting_, number);
    }

    int run() {
        const auto deadline = started_ + configuration_.session_limit;
        while (end_.empty()) wait_for_request(deadline);
        return finish();
    }

private:
    // Waits for one request, signal or deadline, and handles it.
    void wait_for_request(Clock::time_point deadline) {
        // If a request has come, ppoll delivers no signal, so a flood of requests would delay
        // signals.
        if (has_come(ending_signals)) return close(Closing::shutting_down);
        pollfd end{network_end_.get(), POLLIN, 0};
        const timespec wait = time_until(deadline);
        const int ready = ::ppoll(&end, 1, &wait, &waiting_);
        if (ready < 0) return close(Closing::shutting_down); // only ending_signals can interrupt
        if (Clock::now() >= deadline) return close(Closing::time_is_up);
        if (ready == 0) return;
        const auto n = retried([&] {
            return ::read(network_end_.get(), request_.storage().data(), request_.capacity());
        });
        if (n <= 0) {
            end_ = network_gone;
            return;
        }
        request_.resize(static_cast<std::size_t>(n));
        serve();
        request_.wipe();
    }

    void serve() {
        const auto request = parse_request(request_.view());
        if (!request) return violated();
        if (const auto* const failure = std::get_if<StartFailure>(&*request))
            return start_failed(failure->what);
        served_ = true;
        if (const auto* const check = std::get_if<CheckRequest>(&*request))
            return serve_check(check->login, check->password);
        if (const auto* const change = std::get_if<ChangeRequest>(&*request))
            return serve_change(change->new_password);
        forget();
    }

    void serve_check(std::string_view login, std::string_view password) {
        const auto arrived = Clock::now();
        forget();
        login_ = strip_domain(login, configuration_.strip);
        if (!rules_.begin_check() || !make_check_record(record_, login_, password))
            return violated();
        ReasonReader output;
        const ChildEnd end = run(configuration_.check, output, {password});
        const ChainOutcome outcome = outcome_of(end);
        const std::string_view reason = output.reason();
        const auto took = Clock::now() - arrived;
        log_link("check", result_text(outcome, "accepted"), login_, configuration_.check, end, took,
                 output.reason_for_log({password}));
        if (outcome == ChainOutcome::accepted && !old_password_.assign({password}))
            return violated();
        request_.wipe();
        const auto decision = rules_.end_check(outcome, took);
        const auto when = arrived + decision.answer_at;
        wait_until(when - last_sleep);
        wait_until(when);
        // Only the log gets the reason of a refusal: it could tell whether there is such a user.
        answer({outcome, decision.last,
                outcome == ChainOutcome::temporary ? reason : std::string_view{}});
        if (decision.last) end_ = "tries";
    }

    void serve_change(std::string_view new_password) {
        const auto arrived = Clock::now();
        if (!rules_.begin_change() ||
            !make_set_record(record_, login_, old_password_.view(), new_password))
            return violated();
        ReasonReader output;
        const ChildEnd end =
            run(configuration_.change, output, {old_password_.view(), new_password});
        const ChainOutcome outcome = outcome_of(end);
        const std::string_view reason = output.reason();
        log_link("change", result_text(outcome, "changed"), login_, configuration_.change, end,
                 Clock::now() - arrived,
                 without_quoted(output.reason_for_log({old_password_.view(), new_password})));
        const bool last = rules_.end_change(outcome);
        const std::string login = login_;
        if (last) forget();
        request_.wipe();
        answer({outcome, last, reason});
        if (outcome == ChainOutcome::accepted && configuration_.after) run_after(login);
    }

    // Runs the program that follows an answered change. Its result goes to the log only.
    void run_after(const std::string& login) {
        const auto started = Clock::now();
        const auto variables = environment_with("USER", login);
        const ChainLine& after = *configuration_.after;
        std::optional<LinkErrors> errors;
        if (log_.uses_syslog()) errors.emplace(*this, login, after, no_passwords);
        const ChildEnd end = run_child({.path = after.path,
                                        .argv = after.argv().data(),
                                        .limit = configuration_.chain_limit,
                                        .errors = errors ? errors->sink() : nullptr,
                                        .environment = pointers(variables).data(),
                                        .identity = configuration_.identity});
        log_link("after", end.how == ChildEnd::How::exited && end.value == 0 ? "done" : "failed",
                 login, after, end, Clock::now() - started, {});
    }

    ChildEnd run(const ChainLine& chain, ReasonReader& output,
                 std::initializer_list<std::string_view> passwords) {
        std::optional<LinkErrors> errors;
        if (log_.uses_syslog()) errors.emplace(*this, login_, chain, passwords);
        const ChildEnd end =
            run_child({.path = chain.path,
                       .argv = chain.argv().data(),
                       .record = &record_,
                       .limit = configuration_.chain_limit,
                       .output = [&](std::string_view bytes) { output.take(bytes); },
                       .errors = errors ? errors->sink() : nullptr,
                       // A change that has begun is finished.
                       .ends_with_us = &chain == &configuration_.check});
        record_.wipe();
        return end;
    }

    void forget() {
        rules_.forget();
        old_password_.wipe();
        login_.clear();
    }

    // Neither a client that goes away nor a signal ends the wait. socat sends SIGTERM when its
    // client hangs up, and a guesser would gain by that. The signals are blocked here, and act when
    // the next request is waited for.
    static void wait_until(Clock::time_point then) {
        while (Clock::now() < then) {
            const timespec wait = time_until(then);
            (void)::ppoll(nullptr, 0, &wait, nullptr);
        }
    }

    void answer(const Verdict& verdict) { send(Answer{verdict}); }

    void close(Closing why) {
        end_ = why == Closing::time_is_up ? "session" : "shutdown";
        send(Answer{why});
    }

    // Never waits. A network side that stops reading is compromised: it is killed. One that has
    // ended is noticed at the next read.
    void send(const Answer& message) {
        const std::string_view bytes = message.view();
        if (::send(network_end_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) <
                0 &&
            errno == EAGAIN)
            violated();
    }

    // The network side did what only a compromised one does: kill it.
    void violated() {
        end_ = "violation";
        ::kill(network_, SIGKILL);
    }

    // If this function and finish() were inlined, their log lines would enlarge the stack of every
    // session that waits.
    [[gnu::noinline]] void start_failed(std::string_view what) {
        if (served_) return violated();
        log_.write(event("error", "not-started", {}).add("words", what));
        end_ = "not-started";
        exit_status_ = static_cast<int>(ExitStatus::temporary);
    }

    // Logs what a link writes to descriptor 2, line by line, where the link must not have our
    // descriptor 2.
    class LinkErrors {
    public:
        LinkErrors(const Monitor& monitor, const std::string& login, const ChainLine& chain,
                   std::initializer_list<std::string_view> passwords)
            : monitor_(monitor), login_(login), chain_(chain), passwords_(passwords) {}
        LinkErrors(const LinkErrors&) = delete;
        LinkErrors& operator=(const LinkErrors&) = delete;
        ~LinkErrors() { end_line(); }

        std::function<void(std::string_view)> sink() {
            return [this](std::string_view bytes) { take(bytes); };
        }

    private:
        void take(std::string_view bytes) {
            for (const char c : bytes) {
                if (c == '\n') {
                    end_line();
                } else if (line_.size() < line_.capacity()) {
                    line_.storage()[line_.size()] = c;
                    line_.resize(line_.size() + 1);
                }
            }
        }

        void end_line() {
            std::string_view line = line_.view();
            for (const std::string_view password : passwords_) line = for_log(line, {password});
            if (!line.empty())
                monitor_.log_.write(monitor_.event("link", "says", login_)
                                        .add("link", base_name(chain_.words.front()))
                                        .add("words", line));
            line_.wipe();
        }

        const Monitor& monitor_;
        const std::string& login_;
        const ChainLine& chain_;
        const std::vector<std::string_view> passwords_;
        Secret line_{1024}; // a link may write a password
    };

    // Waits for the network side to exit, kills it after `farewell`, and logs the end.
    [[gnu::noinline]] int finish() {
        request_.wipe();
        forget();
        sigset_t waiting;
        ::sigprocmask(SIG_BLOCK, nullptr, &waiting);
        ::sigdelset(&waiting, SIGCHLD);
        const auto deadline = Clock::now() + farewell;
        int status = 0;
        while (retried([&] { return ::waitpid(network_, &status, WNOHANG); }) == 0) {
            const timespec wait = time_until(deadline);
            if (Clock::now() >= deadline) ::kill(network_, SIGKILL);
            (void)::ppoll(nullptr, 0, &wait, &waiting);
        }
        log_.write(event("end", end_ == network_gone ? end_text(status) : end_, {})
                       .add("ms", milliseconds(Clock::now() - started_)));
        return exit_status_;
    }

    // `login` is empty where the event belongs to no user.
    LogLine event(std::string_view name, std::string_view result, std::string_view login) const {
        LogLine line;
        line.add("event", name).add("result", result);
        if (!login.empty()) line.add("user", login);
        return line.add("ip", peer_).add("pid", ::getpid());
    }

    void log_link(std::string_view name, std::string_view result, std::string_view login,
                  const ChainLine& chain, const ChildEnd& end, Clock::duration took,
                  std::string_view reason) const {
        LogLine line = event(name, result, login);
        line.add("ms", milliseconds(took))
            .add("link", base_name(chain.words.front()))
            .add("status", status_text(end));
        if (end.how == ChildEnd::How::not_started) reason = std::strerror(end.value);
        if (!reason.empty()) line.add("words", reason);
        log_.write(line);
    }

    static constexpr std::string_view network_gone = "gone";
    static constexpr std::initializer_list<std::string_view> no_passwords{};

    const Configuration& configuration_;
    const EventLog& log_;
    const std::string peer_;
    const Fd network_end_;
    const pid_t network_;
    const Clock::time_point started_ = Clock::now();
    sigset_t waiting_; // the signals blocked while it waits: not those that end a session
    MonitorRules rules_;
    Secret request_{longest_request + 1}; // one byte more, to notice what is too long
    Secret record_{longest_record};
    Secret old_password_{longest_record}; // of the accepted check
    std::string login_;                   // of the check that runs or was accepted
    bool served_ = false;
    std::string_view end_; // why the session is over; empty while it goes on
    int exit_status_ = 0;
};

} // namespace

void prepare_monitor_signals() {
    prepare_for_children();
    struct sigaction wake {};
    wake.sa_handler = [](int) {};
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGCHLD);
    for (const int number : ending_signals) {
        ::sigaction(number, &wake, nullptr);
        ::sigaddset(&blocked, number);
    }
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

int run_monitor(const Configuration& configuration, const EventLog& log,
                const std::optional<std::string>& peer, Fd network_end, pid_t network) {
    return Monitor{configuration, log, peer, std::move(network_end), network}.run();
}

} // namespace poppass
