// SipHash-2-4 (Aumasson and Bernstein) turns a short string into a number. Without the key nobody
// can predict the numbers, or find two strings with the same number.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace poppass {

using SipKey = std::array<std::uint64_t, 2>;

std::uint64_t siphash(const SipKey& key, std::string_view bytes);

} // namespace poppass
