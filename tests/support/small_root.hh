// A root directory of its own, for programs that read /etc: static programs can run there.
#pragma once

#include "support/program.hh"

namespace poppass::test {

class SmallRoot {
public:
    // With /etc/passwd, /etc/group and these programs of the build in /.
    explicit SmallRoot(const std::vector<std::string>& programs);

    // Whether programs can run there: we are root, and they are static. Says what is missing.
    bool usable() const;

    std::string path(std::string_view inside) const { return tree_.path() + std::string{inside}; }
    void write(std::string_view inside, std::string_view bytes, mode_t mode = 0644) const;
    std::string read(std::string_view inside) const { return read_file(path(inside)); }
    void make_directory(std::string_view inside, Ids owner = {0, 0}, mode_t mode = 0755) const;

    // Runs a program with this root; argv[0] is a path inside.
    Outcome run(Program program) const;

    // Accounts of its /etc/passwd; all of group "mail" (64100) and "users" (64101) but root and
    // bin.
    static constexpr Ids joe{64001, 64002};
    static constexpr Ids ann{64003, 64003};

private:
    TemporaryDirectory tree_;
    std::string first_program_;
};

} // namespace poppass::test
