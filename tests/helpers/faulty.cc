// A program with the faults that valgrind must find, one for each name. If valgrind finds no fault
// here, it would find none anywhere.
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace {

// Hides the value from the optimiser.
char* volatile memory = nullptr;
volatile std::size_t size = 16;

int read_beyond() { return memory[size]; }

int jump_on_uninitialised() { return memory[0] == 'x' ? 1 : 0; }

} // namespace

int main(int argc, char** argv) {
    const std::string_view fault = argc > 1 ? argv[1] : "";
    memory = static_cast<char*>(std::malloc(size));
    if (fault == "uninitialised" && jump_on_uninitialised() == 1) return 1;
    std::memset(memory, 0, size);
    if (fault == "read" && read_beyond() == 'x') return 1;
    if (fault == "exec") { // a fault in a program that never ends: it execs another one
        if (read_beyond() == 'x') return 1;
        ::execl(argv[0], argv[0], "none", nullptr);
    }
    if (fault != "leak") std::free(memory);
    memory = nullptr;
    return 0;
}
