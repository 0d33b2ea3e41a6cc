#include "credentials/scan.hh"

#include "base/lines.hh"

namespace poppass {

namespace {

// Is given each line, and keeps what the result needs.
class Lines {
public:
    Lines(std::string_view login, std::optional<Format> format, DummyHashes* dummies)
        : login_(login), wanted_(is_login(login)), told_(format), dummies_(dummies) {}

    void take(std::string_view line, bool ends) {
        const off_t at = scan_.size;
        const auto size = static_cast<off_t>(line.size());
        scan_.size += size + (ends ? 1 : 0);
        scan_.file_ends = ends;
        if (knows_file() && !(wanted_ && line.starts_with(login_))) return;
        const std::size_t name_end = find_separator(line);
        if (name_end == line.npos || name_end == 0 || line.front() == '#') return;
        if (!first_separator_) first_separator_ = line[name_end];
        if (!any_shadow_) any_shadow_ = has_shadow_form(line);
        if (dummies_ != nullptr) dummies_->see(hash_to_count(line, name_end));
        if (!wanted_ || line.substr(0, name_end) != login_) return;
        if (scan_.found.line) {
            scan_.found.repeated = true;
            return;
        }
        scan_.found.line = line;
        scan_.line_at = at;
        scan_.line_size = size;
        scan_.line_ends = ends;
    }

    Scan result() && {
        const bool shadow = any_shadow_ || !first_separator_;
        Found& found = scan_.found;
        found.format = told_.value_or(shadow ? Format::shadow : Format::passwd_file);
        if (found.format == Format::passwd_file) found.separator = first_separator_.value_or(':');
        return std::move(scan_);
    }

private:
    // Whether all is known that the result says about the file. Then lines of other users can be
    // skipped.
    bool knows_file() const { return first_separator_ && (any_shadow_ || told_) && !dummies_; }

    std::string_view login_;
    bool wanted_;
    std::optional<Format> told_;
    DummyHashes* dummies_;
    std::optional<char> first_separator_;
    bool any_shadow_ = false;
    Scan scan_;
};

} // namespace

Result<Scan> scan_credentials(int fd, std::string_view login, std::optional<Format> format,
                              DummyHashes* dummies) {
    Lines lines{login, format, dummies};
    const auto read = each_line(fd, longest_line, [&](std::string_view line, bool ends) {
        lines.take(line, ends);
        return true;
    });
    if (!read) return read.error();
    return std::move(lines).result();
}

} // namespace poppass
