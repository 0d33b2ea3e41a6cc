#include "support/strace.hh"

#include <stdexcept>

namespace poppass::test {

bool have_strace() {
#ifdef POPPASS_SANITIZED
    return false;
#endif
    try {
        return run({.argv = {"strace", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"}})
                   .status == 0;
    } catch (const std::exception&) {
        return false;
    }
}

std::map<std::string, int> count_calls(std::string_view trace) {
    std::map<std::string, int> counts;
    for (std::size_t at = 0; at < trace.size(); at = trace.find('\n', at) + 1) {
        const auto name = trace.substr(at, trace.find('(', at) - at);
        if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == name.npos)
            ++counts[std::string{name}];
        if (trace.find('\n', at) == trace.npos) break;
    }
    return counts;
}

std::vector<std::string> with_fault(const std::string& name, const std::string& fault, int when) {
    return {"strace",    "-qq", "-o",
            "/dev/null", "-e",  "inject=" + name + ":" + fault + ":when=" + std::to_string(when)};
}

} // namespace poppass::test
