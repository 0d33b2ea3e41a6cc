// The findings about a set-up. A link reports on its own part (LINK --check), and poppass-check on
// the whole.
#pragma once

#include "base/result.hh"

#include <string>
#include <string_view>
#include <vector>

namespace poppass {

// A finding that it has already is not added again.
class Report {
public:
    enum class Level { ok, warning, error };
    struct Line {
        Level level;
        std::string subject; // a setting, a program, a file
        std::string text;    // what was found, and what to do about it

        bool operator==(const Line&) const = default;
    };

    void ok(std::string_view subject, std::string text) {
        add({Level::ok, std::string{subject}, std::move(text)});
    }
    void warn(std::string_view subject, std::string text) {
        add({Level::warning, std::string{subject}, std::move(text)});
    }
    void fail(std::string_view subject, std::string text) {
        add({Level::error, std::string{subject}, std::move(text)});
    }

    const std::vector<Line>& lines() const { return lines_; }

    // One finding a line: `warning  SUBJECT: TEXT`, fit for a terminal: a control byte is shown as
    // \xHH.
    std::string as_text() const;

    // A JSON array (RFC 8259) of objects with the members level, subject and text, one a line.
    // Bytes that are not UTF-8 become U+FFFD.
    std::string as_json() const;

    // Adds the findings of another report from its as_json(). Anything else is an error, and adds
    // nothing.
    Result<void> add_json(std::string_view json);

    // 0, 1 with warnings, 2 with errors.
    int exit_status() const;

private:
    void add(Line line);

    std::vector<Line> lines_;
};

} // namespace poppass
