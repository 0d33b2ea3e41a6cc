#include "monitor/event_log.hh"

#include "base/fd.hh"

#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

namespace poppass {

namespace {

// The message that syslog(3) would send, but for its time, which every receiver knows. syslog(3)
// itself would add printf and time zones to this static program, 158 kB. Returns false if the
// daemon reads nothing: at once, or after a second if `may_wait`.
bool send_to_syslog(std::string_view text, bool may_wait) {
    std::string message = "<" + std::to_string(LOG_AUTHPRIV | LOG_INFO) + ">poppass[" +
                          std::to_string(::getpid()) + "]: ";
    message += text;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view{_PATH_LOG}.copy(address.sun_path, sizeof address.sun_path - 1);
    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const timeval patience{1, 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return ::sendto(socket.get(), message.data(), message.size(),
                    MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT),
                    reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0 ||
           errno != EAGAIN;
}

} // namespace

void EventLog::write(const LogLine& line) const {
    const std::string_view text = line.text();
    if (syslog_) {
        reads_ = send_to_syslog(text, reads_);
        return; // where this fails, there is nobody left to tell
    }
    char bytes[LogLine::longest];
    const std::size_t size = text.copy(bytes, sizeof bytes - 1);
    bytes[size] = '\n';
    // Where this fails, there is nobody left to tell.
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
