// SipHash-2-4 (Aumasson and Bernstein): short strings to numbers that nobody without the key can
// foresee or make collide.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace poppass {

using SipKey = std::array<std::uint64_t, 2>;

std::uint64_t siphash(const SipKey& key, std::string_view bytes);

} // namespace poppass
