#include "monitor/rules.hh"

#include "base/exit_status.hh"

#include <algorithm>

namespace poppass {

ChainOutcome outcome_of(const ChildEnd& end) {
    switch (end.how) {
    case ChildEnd::How::exited: break;
    case ChildEnd::How::not_started: return ChainOutcome::temporary;
    case ChildEnd::How::killed:
    case ChildEnd::How::overtime: return ChainOutcome::unknown;
    }
    switch (end.value) {
    case static_cast<int>(ExitStatus::accepted): return ChainOutcome::accepted;
    case static_cast<int>(ExitStatus::misused): return ChainOutcome::misused;
    case static_cast<int>(ExitStatus::temporary): return ChainOutcome::temporary;
    default:
        // 1 is everybody's refusal, 3 to 99 are vpopmail's vchkpw's, 100 is cvm's.
        return end.value >= 1 && end.value <= 100 ? ChainOutcome::rejected : ChainOutcome::unknown;
    }
}

bool MonitorRules::begin_check() {
    forget();
    return tries_left_ > 0;
}

MonitorRules::CheckDecision MonitorRules::end_check(ChainOutcome outcome,
                                                    std::chrono::nanoseconds took) {
    if (outcome == ChainOutcome::accepted) {
        refusals_left_ = refusals_per_check;
        return {false, took};
    }
    tries_left_ = std::max(tries_left_ - 1, 0);
    if (delay_ == delay_.zero()) return {tries_left_ == 0, took};
    const std::chrono::nanoseconds delay = delay_;
    const auto delays = std::max<std::chrono::nanoseconds::rep>(
        (took + delay - std::chrono::nanoseconds{1}) / delay, 1);
    return {tries_left_ == 0, delays * delay};
}

bool MonitorRules::end_change(ChainOutcome outcome) {
    refusals_left_ = outcome == ChainOutcome::rejected ? std::max(refusals_left_ - 1, 0) : 0;
    return refusals_left_ == 0;
}

} // namespace poppass
