#include "monitor/event_log.hh"

#include "base/fd.hh"

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

namespace poppass {

EventLog::EventLog(bool standard_error_is_client) : syslog_(standard_error_is_client) {
    if (syslog_) ::openlog("poppass", LOG_PID, LOG_AUTHPRIV);
}

void EventLog::write(const LogLine& line) const {
    const std::string_view text = line.text();
    if (syslog_) {
        ::syslog(LOG_INFO, "%.*s", static_cast<int>(text.size()), text.data());
        return;
    }
    char bytes[LogLine::longest];
    const std::size_t size = text.copy(bytes, sizeof bytes - 1);
    bytes[size] = '\n';
    // There is nobody left to tell where this fails.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, bytes, size + 1);
}

bool standard_error_is_client() {
    struct stat error {};
    if (::fstat(STDERR_FILENO, &error) != 0 || !S_ISSOCK(error.st_mode)) return false;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
        struct stat client {};
        if (::fstat(fd, &client) == 0 && client.st_dev == error.st_dev &&
            client.st_ino == error.st_ino)
            return true;
    }
    return false;
}

} // namespace poppass
