#include "support/users_file.hh"

#include <ctime>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass::test {

UsersFile::UsersFile(std::string content, mode_t mode) : before(std::move(content)) {
    write_file(path, before, mode);
}

void UsersFile::date_ahead() const {
    const timespec times[] = {{0, UTIME_OMIT}, {std::time(nullptr) + 60, 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) throw std::runtime_error{"utimensat"};
}

bool UsersFile::has_new() const { return ::access((path + ".new").c_str(), F_OK) == 0; }

Program UsersFile::call(std::string_view program, const std::vector<std::string>& words) const {
    Program call{.argv = {built(program), "-f", path},
                 .environment = {{"POPPASS_FILE", std::nullopt}}};
    call.argv.insert(call.argv.end(), words.begin(), words.end());
    return call;
}

Outcome UsersFile::pwadmin(std::vector<std::string> words, const std::string& input) const {
    words.insert(words.begin(), {"-m", "sha256crypt", "-c", "1000"});
    auto program = call("pwadmin", words);
    program.input = input;
    return run(program);
}

bool UsersFile::is_password(const std::string& login, const std::string& password) const {
    auto program = call("checkpw", {"--allow-expired"});
    program.record = login + '\0' + password + bytes("\0\0\0");
    const auto outcome = run(program);
    if (!outcome.err.empty()) throw std::runtime_error{outcome.err};
    return outcome.status == 0;
}

} // namespace poppass::test
