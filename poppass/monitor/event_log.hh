// Where the monitor's log lines go.
#pragma once

#include "base/log.hh"

namespace poppass {

class EventLog {
public:
    // Descriptor 2; or syslog (authpriv, ident poppass) where `standard_error_is_client`.
    explicit EventLog(bool standard_error_is_client) : syslog_(standard_error_is_client) {}

    void write(const LogLine& line) const;

    bool uses_syslog() const { return syslog_; }

private:
    bool syslog_;
};

// Whether descriptor 2 is a socket and the same one as 0 or 1, as inetd hands it: what is written
// there would reach the client.
bool standard_error_is_client();

} // namespace poppass
