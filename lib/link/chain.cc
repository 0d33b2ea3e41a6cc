#include "link/chain.hh"

#include "base/fd.hh"
#include "process/program.hh"

#include <fcntl.h>
#include <unistd.h>

namespace poppass {

Result<Convention> choose_convention(Chain next, bool declared_native) {
    if (declared_native) {
        if (next.empty()) return misuse("a native chain needs a program to run");
        return Convention::native;
    }
    if (next.empty() || base_name(next.back()) == "false") return Convention::fallback;
    return misuse(
        "it is not clear when to run the next program: end the chain in /bin/false to run it for "
        "users that are not known here, or give --native (or set NATIVE_CHECKPASSWORD) to run it "
        "for a user whose password is right");
}

Result<void> put_record(Secret& record) {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    // A pipe holds at least 4096 bytes, so this never waits for a reader.
    if (auto done = write_whole(pipe->write_end.get(), record.view()); !done) return done;
    record.wipe();
    pipe->write_end.reset();
    // dup2 onto itself would leave close-on-exec set.
    if (pipe->read_end.get() == 3) {
        if (::fcntl(3, F_SETFD, 0) != 0) return system_trouble("prepare descriptor 3");
        pipe->read_end.release();
    } else if (retried([&] { return ::dup2(pipe->read_end.get(), 3); }) != 3) {
        return system_trouble("prepare descriptor 3");
    }
    return {};
}

Error run_next_with_record(Chain next, Secret& record) {
    if (const auto done = put_record(record); !done) return done.error();
    return run_next(next);
}

Error run_next(Chain next) {
    const auto path = find_program(next.front());
    if (!path) return path.error();
    ::execve(path->c_str(), next.data(), environ);
    if (errno == ENOEXEC || errno == EACCES)
        return Error{ExitStatus::misused, "run " + *path, errno};
    return system_trouble("run", *path);
}

} // namespace poppass
