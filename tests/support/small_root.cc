#include "support/small_root.hh"

#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass::test {

SmallRoot::SmallRoot(const std::vector<std::string>& programs) : first_program_{programs.at(0)} {
    ::chmod(tree_.path().c_str(), 0755);
    make_directory("/etc");
    make_directory("/home");
    make_directory("/tmp", {0, 0}, 01777);
    write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                         "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
                         "+nis::::::\n"
                         "joe:x:64001:64002:Joe,,,:/home/joe:/bin/bash\n"
                         "joe:x:0:0:a second one:/:/bin/sh\n"
                         "ann:x:64003:64003::/home/ann:\n"
                         "homeless:x:64004:64004::/home/nowhere:/bin/sh\n");
    write("/etc/group", "root:x:0:\n"
                        "+:::\n"
                        "joe:x:64002:\n"
                        "mail:x:64100:ann,joe\n"
                        "users:x:64101:joe\n"
                        "other:x:64102:joey,jo\n");
    make_directory("/home/joe", joe, 0700);
    make_directory("/home/ann", ann, 0700);
    for (const auto& program : programs) write("/" + program, read_file(built(program)), 0755);
}

bool SmallRoot::usable() const {
    if (missing(::geteuid() == 0, "root")) return false;
    bool runs = false;
    try {
        runs = run({.argv = {"/" + first_program_, "--version"}}).status == 0;
    } catch (const std::runtime_error&) {
        // "No such file" is about the interpreter: the program is not static.
    }
    return !missing(runs, "static programs");
}

void SmallRoot::write(std::string_view inside, std::string_view bytes, mode_t mode) const {
    write_file(path(inside), bytes, mode);
    if (::chmod(path(inside).c_str(), mode) != 0) throw std::runtime_error{"chmod"};
}

void SmallRoot::make_directory(std::string_view inside, Ids owner, mode_t mode) const {
    const auto name = path(inside);
    if (::mkdir(name.c_str(), mode) != 0 || ::chmod(name.c_str(), mode) != 0)
        throw std::runtime_error{"make " + name};
    if (::geteuid() == 0 && ::chown(name.c_str(), owner.uid, owner.gid) != 0)
        throw std::runtime_error{"give " + name};
}

Outcome SmallRoot::run(Program program) const {
    const auto before = program.before_exec;
    program.before_exec = [&, before] {
        if (::chroot(tree_.path().c_str()) != 0 || ::chdir("/") != 0) ::_exit(126);
        if (before) before();
    };
    return test::run(program);
}

} // namespace poppass::test
