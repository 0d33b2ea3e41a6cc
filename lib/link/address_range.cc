#include "link/address_range.hh"

#include "base/settings.hh"
#include "link/peer.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace poppass {

namespace {

struct Parsed {
    bool v6 = false;
    std::array<unsigned char, 16> bytes{};
};

// The bytes of an address as parse_address gives it.
Parsed parse_bytes(const std::string& address) {
    Parsed parsed;
    parsed.v6 = ::inet_pton(AF_INET, address.c_str(), parsed.bytes.data()) != 1;
    if (parsed.v6) ::inet_pton(AF_INET6, address.c_str(), parsed.bytes.data());
    return parsed;
}

void clear_after(std::array<unsigned char, 16>& bytes, unsigned length) {
    for (unsigned bit = length; bit < 128; ++bit)
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80 >> bit % 8));
}

std::string text_of(const Parsed& address) {
    char text[INET6_ADDRSTRLEN];
    ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
    return text;
}

std::string network(Parsed address, unsigned length) {
    clear_after(address.bytes, length);
    return text_of(address).append("/").append(std::to_string(length));
}

// The address that stands for the client.
Parsed find_client(std::string_view address) {
    if (is_loopback_address(address)) return parse_bytes("127.0.0.1");
    const Parsed parsed = parse_bytes(std::string{address});
    constexpr std::array<unsigned char, 12> nat64{0, 0x64, 0xff, 0x9b}; // 64:ff9b::/96, RFC 6052
    if (!parsed.v6 || !std::equal(nat64.begin(), nat64.end(), parsed.bytes.begin())) return parsed;
    Parsed v4;
    std::copy(parsed.bytes.begin() + nat64.size(), parsed.bytes.end(), v4.bytes.begin());
    return v4;
}

} // namespace

Result<AddressRange> AddressRange::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return misuse("not ADDRESS or ADDRESS/LENGTH: " + std::string{text});
    const Parsed parsed = parse_bytes(*address);
    AddressRange range;
    range.v6_ = parsed.v6;
    range.bytes_ = parsed.bytes;
    range.length_ = range.v6_ ? 128 : 32;
    if (slash != text.npos) {
        const auto length = parse_number("LENGTH of " + std::string{text}, text.substr(slash + 1),
                                         0, range.length_);
        if (!length) return length.error();
        range.length_ = static_cast<unsigned>(*length);
    }
    clear_after(range.bytes_, range.length_);
    return range;
}

bool AddressRange::contains(std::string_view address) const {
    Parsed parsed = parse_bytes(std::string{address});
    clear_after(parsed.bytes, length_);
    return parsed.v6 == v6_ && parsed.bytes == bytes_;
}

std::string counted_address(std::string_view address) {
    const Parsed client = find_client(address);
    return client.v6 ? network(client, 64) : text_of(client);
}

std::string counted_network(std::string_view address) {
    const Parsed client = find_client(address);
    return network(client, client.v6 ? 48 : 24);
}

} // namespace poppass
