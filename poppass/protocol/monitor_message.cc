#include "protocol/monitor_message.hh"

namespace poppass {

namespace {

constexpr std::string_view check_mark = "c";
constexpr std::string_view change_mark = "n";
constexpr std::string_view forget_mark = "f";
constexpr std::string_view failure_mark = "x";
constexpr char verdict_mark = 'v';
constexpr char closing_mark = 'e';
constexpr std::string_view nul{"\0", 1};

// Takes a string and its NUL off the front. It must not be empty. Links may rely on it that no
// client can send a line end.
std::optional<std::string_view> take_string(std::string_view& bytes) {
    const std::size_t end = bytes.find('\0');
    if (end == bytes.npos || end == 0) return std::nullopt;
    const std::string_view string = bytes.substr(0, end);
    if (string.find_first_of("\r\n") != string.npos) return std::nullopt;
    bytes.remove_prefix(end + 1);
    return string;
}

struct Maker {
    Secret& into;
    bool operator()(const CheckRequest& check) const {
        return into.assign({check_mark, check.login, nul, check.password, nul});
    }
    bool operator()(const ChangeRequest& change) const {
        return into.assign({change_mark, change.new_password, nul});
    }
    bool operator()(const ForgetRequest&) const { return into.assign({forget_mark}); }
    bool operator()(const StartFailure& failure) const {
        return into.assign({failure_mark, failure.what, nul});
    }
};

} // namespace

bool make_request(Secret& into, const Request& request) { return std::visit(Maker{into}, request); }

std::optional<Request> parse_request(std::string_view message) {
    if (message.empty() || message.size() > longest_request) return std::nullopt;
    const std::string_view mark = message.substr(0, 1);
    std::string_view rest = message.substr(1);
    if (mark == forget_mark) {
        if (!rest.empty()) return std::nullopt;
        return ForgetRequest{};
    }
    const auto first = take_string(rest);
    if (!first) return std::nullopt;
    if (mark == check_mark) {
        const auto second = take_string(rest);
        if (!second || !rest.empty()) return std::nullopt;
        return CheckRequest{*first, *second};
    }
    if (!rest.empty()) return std::nullopt;
    if (mark == change_mark) return ChangeRequest{*first};
    if (mark == failure_mark) return StartFailure{*first};
    return std::nullopt;
}

Answer::Answer(const Verdict& verdict) {
    bytes_[0] = verdict_mark;
    bytes_[1] = static_cast<char>(verdict.outcome);
    bytes_[2] = verdict.last ? 1 : 0;
    size_ = 3 + verdict.reason.copy(bytes_.data() + 3, longest_reason);
}

Answer::Answer(Closing closing) : size_(2) {
    bytes_[0] = closing_mark;
    bytes_[1] = static_cast<char>(closing);
}

std::optional<std::variant<Verdict, Closing>> parse_answer(std::string_view message) {
    // char has a sign on some processors and none on others.
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(message[at]); };
    if (message.size() == 2 && message[0] == closing_mark &&
        byte(1) <= static_cast<unsigned char>(Closing::shutting_down))
        return static_cast<Closing>(byte(1));
    if (message.size() < 3 || message.size() > Answer::longest || message[0] != verdict_mark ||
        byte(1) > static_cast<unsigned char>(ChainOutcome::unknown) || byte(2) > 1)
        return std::nullopt;
    return Verdict{static_cast<ChainOutcome>(byte(1)), byte(2) == 1, message.substr(3)};
}

} // namespace poppass
