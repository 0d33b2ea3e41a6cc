// Ranges of client addresses, and what one client's range is. Pure.
#pragma once

#include "base/result.hh"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace poppass {

class AddressRange {
public:
    // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; anything else is misuse.
    static Result<AddressRange> parse(std::string_view text);

    // `address` as parse_address gives it.
    bool contains(std::string_view address) const;

private:
    bool v6_ = false;
    unsigned length_ = 0; // in bits
    std::array<unsigned char, 16> bytes_{};
};

// The name that failures of an address are counted under. An IPv6 address stands for its /64
// network, because that is what one client has: "2001:db8:0:1::/64". A NAT64 address stands for the
// IPv4 address in it, and every loopback address for 127.0.0.1, because a user of this machine can
// choose any of them. `address` as parse_address gives it.
std::string counted_address(std::string_view address);

// The network that a login under attack admits or not: "192.0.2.0/24", "2001:db8:1::/48".
std::string counted_network(std::string_view address);

} // namespace poppass
