// A program with the faults that valgrind is to find, one by its name: what finds none here would
// find none anywhere.
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace {

// Out of the optimiser's sight.
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
    if (fault == "exec") { // a fault of a program that never ends: it becomes another one
        if (read_beyond() == 'x') return 1;
        ::execl(argv[0], argv[0], "none", nullptr);
    }
    if (fault != "leak") std::free(memory);
    memory = nullptr;
    return 0;
}
