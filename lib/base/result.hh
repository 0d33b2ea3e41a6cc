// Result<T>: a value, or an Error that says which exit status the trouble deserves and why.
#pragma once

#include "base/exit_status.hh"

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace poppass {

// What went wrong. `what` names an action and its object ("open /etc/poppass/users") and never
// contains a password. `system_error` is an errno value, or 0 where no system call failed.
struct Error {
    ExitStatus status = ExitStatus::temporary;
    std::string what;
    int system_error = 0;

    std::string message() const {
        return system_error == 0 ? what : what + ": " + std::strerror(system_error);
    }
};

inline Error misuse(std::string what) { return Error{ExitStatus::misused, std::move(what), 0}; }

// Trouble without an errno.
inline Error trouble(std::string what) { return Error{ExitStatus::temporary, std::move(what), 0}; }

// Trouble that errno explains; call it before anything else can change errno.
inline Error system_trouble(std::string_view deed, std::string_view object = {}) {
    const int saved = errno;
    std::string what{deed};
    if (!object.empty()) what.append(" ").append(object);
    return Error{ExitStatus::temporary, std::move(what), saved};
}

template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() { return *std::get_if<0>(&state_); }
    const T& operator*() const { return *std::get_if<0>(&state_); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }
    Error& error() { return *std::get_if<1>(&state_); }
    const Error& error() const { return *std::get_if<1>(&state_); }

private:
    std::variant<T, Error> state_;
};

template <> class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    explicit operator bool() const { return !failed_; }
    Error& error() { return error_; }
    const Error& error() const { return error_; }

private:
    Error error_;
    bool failed_ = false;
};

} // namespace poppass
