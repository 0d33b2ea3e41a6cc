// A root directory of its own, for programs that read /etc. Static programs can run there.
#pragma once

#include "support/program.hh"

namespace poppass::test {

class SmallRoot {
public:
    // Makes it with /etc/passwd, /etc/group, and these programs of the build in /.
    explicit SmallRoot(const std::vector<std::string>& programs);

    // Whether programs can run there: we must be root, and they must be static. Reports what is
    // missing.
    bool usable() const;

    std::string path(std::string_view inside) const { return tree_.path() + std::string{inside}; }
    void write(std::string_view inside, std::string_view bytes, mode_t mode = 0644) const;
    std::string read(std::string_view inside) const { return read_file(path(inside)); }
    void make_directory(std::string_view inside, Ids owner = {0, 0}, mode_t mode = 0755) const;

    // Runs a program in this root. argv[0] is a path inside.
    Outcome run(Program program) const;

    // Accounts of its /etc/passwd. joe is in the groups "mail" (64100) and "users" (64101), ann in
    // "mail" only.
    static constexpr Ids joe{64001, 64002};
    static constexpr Ids ann{64003, 64003};

private:
    TemporaryDirectory tree_;
    std::string first_program_;
};

} // namespace poppass::test
