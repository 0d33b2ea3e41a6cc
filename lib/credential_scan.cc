#include "credential_scan.hh"

#include "crypt_hash.hh"
#include "fd.hh"

#include <algorithm>
#include <cstring>
#include <memory>

namespace poppass {

namespace {

constexpr std::size_t block_size = 65536;

// Takes the lines one by one and keeps what the result needs of them.
class Lines {
public:
    Lines(std::string_view login, std::optional<Format> format)
        : login_(login), wanted_(is_login(login)), told_(format) {}

    void take(std::string_view line, bool ends) {
        const off_t at = scan_.size;
        const auto size = static_cast<off_t>(line.size());
        scan_.size += size + (ends ? 1 : 0);
        scan_.file_ends = ends;
        const std::size_t name_end = find_separator(line);
        if (name_end == line.npos || name_end == 0 || line.front() == '#') return;
        if (!first_separator_) first_separator_ = line[name_end];
        if (!any_shadow_) any_shadow_ = has_shadow_form(line);
        if (!usual_.full())
            if (const auto entry = parse_entry(line, Format::passwd_file))
                usual_.see(hash_to_verify(entry));
        if (scan_.found.line || !wanted_ || line.substr(0, name_end) != login_) return;
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
        found.usual = usual_.hash();
        return std::move(scan_);
    }

private:
    std::string_view login_;
    bool wanted_;
    std::optional<Format> told_;
    std::optional<char> first_separator_;
    bool any_shadow_ = false;
    UsualHash usual_;
    Scan scan_;
};

} // namespace

Result<void> each_line(int fd, const std::function<void(std::string_view, bool)>& take) {
    const std::unique_ptr<char[]> block{new char[block_size]};
    std::size_t held = 0; // the start of a line whose end was not read yet
    for (;;) {
        const auto got = read_whole(fd, {block.get() + held, block_size - held});
        if (!got) return got.error();
        std::string_view bytes{block.get(), held + *got};
        const bool last = bytes.size() < block_size;
        for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
            take(bytes.substr(0, end), true);
            bytes.remove_prefix(end + 1);
        }
        if (last) {
            if (!bytes.empty()) take(bytes, false);
            return {};
        }
        held = bytes.size();
        if (held == block_size) return trouble("the credential file has a line longer than 64 kB");
        std::memmove(block.get(), bytes.data(), held);
    }
}

Result<Scan> scan_credentials(int fd, std::string_view login, std::optional<Format> format) {
    Lines lines{login, format};
    if (auto read = each_line(fd, [&](std::string_view line, bool ends) { lines.take(line, ends); });
        !read)
        return read.error();
    return std::move(lines).result();
}

} // namespace poppass
