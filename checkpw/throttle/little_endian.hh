// A number in a file, in the same bytes on every processor.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>

namespace poppass {

template <std::unsigned_integral Number> class LittleEndian {
public:
    LittleEndian() = default;
    LittleEndian(Number number) {
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            bytes_[i] = static_cast<unsigned char>(number >> (8 * i));
    }
    operator Number() const {
        Number number = 0;
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            number = static_cast<Number>(number | Number{bytes_[i]} << (8 * i));
        return number;
    }

private:
    std::array<unsigned char, sizeof(Number)> bytes_;
};

} // namespace poppass
