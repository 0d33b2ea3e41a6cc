// Where the monitor's log lines go.
#pragma once

#include "base/log.hh"

namespace poppass {

class EventLog {
public:
    // Lines go to descriptor 2, or to syslog (authpriv, ident poppass) where
    // `standard_error_is_client`.
    explicit EventLog(bool standard_error_is_client) : syslog_(standard_error_is_client) {}

    void write(const LogLine& line) const;

    bool uses_syslog() const { return syslog_; }

private:
    bool syslog_;
    // Whether the syslog daemon read the last line. One that reads nothing any more holds a session
    // up once, however many lines its links write.
    mutable bool reads_ = true;
};

// Whether descriptor 2 is the same socket as 0 or 1, as inetd passes it. What is written there
// would reach the client.
bool standard_error_is_client();

} // namespace poppass
