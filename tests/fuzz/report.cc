// Reports of links. Lines of the input: how many bytes the subject has; then the subject and, up to
// the end, the text of one finding. The whole input is tried as a report too.
#include "link/report.hh"

#include "fuzz/target.hh"

#include <algorithm>

namespace poppass::fuzz {

namespace {

// What is read from a report can be written, and read again, without a change.
void check_read(std::string_view json) {
    Report report;
    if (!report.add_json(json)) {
        must(report.lines().empty(), "what is no report adds nothing");
        return;
    }
    Report again;
    must(static_cast<bool>(again.add_json(report.as_json())), "a report can be read");
    must(again.as_json() == report.as_json(), "a report is read as it was written");
}

} // namespace

void try_input(std::string_view input) {
    check_read(input);
    const std::size_t size = take_number(input);
    const std::string_view subject = input.substr(0, std::min(size, input.size()));
    Report report;
    report.warn(subject, std::string{input.substr(subject.size())});
    std::string text = report.as_text();
    must(text.ends_with('\n'), "a finding is a line");
    text.pop_back();
    must(!has_control(text), "a finding shows no control byte");
    const std::string json = report.as_json();
    must(is_utf8(json), "a report is UTF-8");
    check_read(json);
}

} // namespace poppass::fuzz
