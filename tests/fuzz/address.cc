// Clients' addresses, as super-servers write them, and the ranges that the guard spares. Lines of
// the input: a range, an address.
#include "fuzz/target.hh"
#include "link/address_range.hh"
#include "link/peer.hh"

#include <arpa/inet.h>

namespace poppass::fuzz {

namespace {

// Of a text that parse_address gave.
bool is_ipv4(const std::string& address) {
    in_addr bytes;
    return ::inet_pton(AF_INET, address.c_str(), &bytes) == 1;
}

void check_address(const std::string& address) {
    must(parse_address(address) == address, "an address is given in one form");
    must(!has_control(address) && address.find_first_of("[]% ") == address.npos, "a plain one");
    in6_addr bytes{};
    const bool v4 = is_ipv4(address);
    must(v4 || ::inet_pton(AF_INET6, address.c_str(), &bytes) == 1, "that is an address");
    must(v4 || !IN6_IS_ADDR_V4MAPPED(&bytes), "IPv4 is never mapped into IPv6");
    if (v4)
        must(parse_address("::ffff:" + address) == address, "and mapped back where it was");
    else
        must(parse_address("[" + address + "]") == address, "brackets go");

    const auto own = AddressRange::parse(address);
    must(own && own->contains(address), "an address is a range of one");
    const auto all = AddressRange::parse(v4 ? "0.0.0.0/0" : "::/0");
    const auto none = AddressRange::parse(v4 ? "::/0" : "0.0.0.0/0");
    must(all && all->contains(address) && none && !none->contains(address),
         "it is among all of its kind, and not among the others");

    const std::string counted = counted_address(address);
    if (is_loopback_address(address))
        return must(counted == "127.0.0.1", "all loopback addresses are one");
    if (v4) return must(counted == address, "an IPv4 address counts by itself");
    if (is_ipv4(counted)) return must(address.starts_with("64:ff9b::"), "only NAT64 has one in it");
    const auto network = AddressRange::parse(counted);
    must(network && network->contains(address), "an IPv6 address counts in its /64");
    must(counted.ends_with("/64") &&
             counted_address(counted.substr(0, counted.size() - 3)) == counted,
         "which is the same for all of it");
    bytes.s6_addr[15] = static_cast<unsigned char>(~bytes.s6_addr[15]);
    char other[INET6_ADDRSTRLEN];
    ::inet_ntop(AF_INET6, &bytes, other, sizeof other);
    const auto neighbour = parse_address(other);
    if (neighbour && !is_ipv4(*neighbour) && !is_loopback_address(*neighbour))
        must(counted_address(*neighbour) == counted, "its neighbours' too");
}

} // namespace

void try_input(std::string_view input) {
    const std::string_view range_text = take(input);
    const auto range = AddressRange::parse(range_text);
    if (!range) must(range.error().status == ExitStatus::misused, "what is no range is misuse");
    const std::string_view first = range_text.substr(0, range_text.find('/'));
    if (const auto address = parse_address(first)) {
        check_address(*address);
        must(!range || range->contains(*address), "a range contains the address it is named by");
        if (range && first.size() < range_text.size())
            must(std::stoi(std::string{range_text.substr(first.size() + 1)}) <=
                     (is_ipv4(*address) ? 32 : 128),
                 "and is no longer than that");
    } else {
        must(!range, "a range begins with an address");
    }
    if (const auto address = parse_address(input)) {
        check_address(*address);
        if (range) (void)range->contains(*address);
    }
}

} // namespace poppass::fuzz
