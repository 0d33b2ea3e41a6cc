#include "base/lines.hh"

#include "base/fd.hh"

#include <cstring>
#include <memory>
#include <string>

namespace poppass {

Result<void> each_line(int fd, std::size_t longest,
                       const std::function<bool(std::string_view, bool)>& take) {
    const std::unique_ptr<char[]> block{new char[longest]};
    std::size_t held = 0; // bytes of a line whose end was not read yet
    for (;;) {
        const auto got = read_whole(fd, {block.get() + held, longest - held});
        if (!got) return got.error();
        std::string_view bytes{block.get(), held + *got};
        const bool last = bytes.size() < longest;
        for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
            if (!take(bytes.substr(0, end), true)) return {};
            bytes.remove_prefix(end + 1);
        }
        if (last) {
            if (!bytes.empty()) take(bytes, false);
            return {};
        }
        held = bytes.size();
        if (held == longest)
            return trouble("a line is longer than " + std::to_string(longest / 1024) +
                           " kB: shorten or remove it");
        std::memmove(block.get(), bytes.data(), held);
    }
}

} // namespace poppass
