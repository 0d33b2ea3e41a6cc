#include "base/siphash.hh"

#include <doctest/doctest.h>
#include <string>

using namespace poppass;

TEST_CASE("siphash gives the values of its authors") {
    const SipKey authors{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string bytes;
    CHECK(siphash(authors, bytes) == 0x726fdb47dd0e0e31);
    for (char c = 0; c < 15; ++c) bytes += c;
    CHECK(siphash(authors, bytes.substr(0, 1)) == 0x74f839c593dc67fd);
    CHECK(siphash(authors, bytes.substr(0, 8)) == 0x93f5f5799a932462);
    CHECK(siphash(authors, bytes) == 0xa129ca6149be45e5);
}
