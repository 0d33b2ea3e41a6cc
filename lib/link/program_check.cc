#include "link/program_check.hh"

#include "base/fd.hh"
#include "base/file_mode.hh"
#include "base/settings.hh"
#include "base/text.hh"
#include "process/program.hh"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace poppass {

namespace {

constexpr int most_scripts = 5; // as deep as Linux goes

// Debian lets this group write in /usr/local.
constexpr gid_t staff = 50;

bool is_for_staff(const Component& component) {
    const bool everybody = (component.status.st_mode & S_IWOTH) != 0;
    return component.status.st_uid == 0 && component.status.st_gid == staff && !everybody &&
           others_write(component.status) && (component.path + "/").starts_with("/usr/local/");
}

// Who, other than root and the account of this process, could put another program at the end of
// this path, or one where there is none; empty: nobody.
std::string find_danger_on_way(const WalkedPath& walked) {
    for (const Component& component : walked.way) {
        auto good = judge_on_way(component, walked.path, ::geteuid());
        if (good && walked.missing && &component == &walked.way.back())
            good = judge_directory_of(walked.path, ::geteuid(), component.status);
        if (!good && !is_for_staff(component)) return good.error().message();
    }
    return {};
}

std::string find_danger(const WalkedPath& walked, const Purpose& purpose) {
    const uid_t owner = walked.status.st_uid;
    if (owner != 0 && owner != ::geteuid())
        return walked.path + " belongs to uid " + std::to_string(owner) + ", who " +
               std::string{purpose.harm} + ": chown root " + walked.path;
    if (others_write(walked.status))
        return walked.path + " can be written by others than its owner, who " +
               std::string{purpose.harm} + ": chmod go-w " + walked.path;
    return find_danger_on_way(walked);
}

// What somebody could do to a path in PATH where there is no program now; empty: nothing.
Result<std::string> find_danger_of_none(const std::string& path) {
    auto walked = follow_path(path);
    bool above = false; // whether a directory of it is missing
    for (std::string part = path; !walked && walked.error().system_error == ENOENT; above = true) {
        part.erase(part.find_last_of('/'));
        walked = follow_path(part);
    }
    if (!walked) return walked.error();
    if (walked->missing) return find_danger_on_way(*walked);
    if (above) return "a symbolic link below " + walked->path + " leads to nothing: remove it";
    return find_danger(*walked, for_check);
}

// Whether a search of PATH by execvp(3) depends on the working directory.
bool has_relative_entry(std::string_view path) {
    for (;;) {
        if (!path.starts_with('/')) return true;
        const std::size_t colon = path.find(':');
        if (colon == path.npos) return false;
        path.remove_prefix(colon + 1);
    }
}

// The program that the words after `#!` let env run; empty: they do not tell.
std::string program_of_env(const std::vector<std::string>& words) {
    if (words.size() < 2) return {};
    // Without -S env gets one word, the rest of the line.
    if (words[1].front() != '-') return words.size() == 2 ? words[1] : std::string{};
    if (!words[1].starts_with("-S")) return {};
    std::vector<std::string> split{words.begin() + 2, words.end()};
    if (words[1].size() > 2) split.insert(split.begin(), words[1].substr(2));
    const auto program = std::find_if(split.begin(), split.end(), [](const std::string& word) {
        return word.find('=') == word.npos;
    });
    if (program == split.end() || program->find_first_of("-\"'\\$") == 0) return {};
    return *program;
}

// The words after `#!`.
std::vector<std::string> split_blanks(std::string_view line) {
    constexpr std::string_view blanks = " \t";
    std::vector<std::string> words;
    for (std::size_t begin, end = 0; (begin = line.find_first_not_of(blanks, end)) != line.npos;) {
        end = std::min(line.find_first_of(blanks, begin), line.size());
        words.emplace_back(line.substr(begin, end - begin));
    }
    return words;
}

} // namespace

bool is_end(std::string_view word) {
    const std::string_view name = base_name(word);
    return name == "true" || name == "false";
}

std::string find_danger(const std::string& path) {
    const auto walked = follow_path(path);
    return walked ? find_danger(*walked, for_check) : walked.error().message();
}

void ProgramCheck::check_program(const Purpose& purpose, const std::string& path) {
    const auto walked = follow_path(path);
    if (!walked) return report_.fail(path, walked.error().message());
    if (const auto danger = find_danger(*walked, purpose); !danger.empty())
        return report_.fail(path, danger);
    warn_of_staff(walked->way);
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, 256> start{};
    if (!fd)
        return report_.warn(path, "cannot be read here, so it was not looked at: check as root");
    const auto got = read_whole(fd.get(), start);
    const std::string_view text{start.data(), got ? *got : 0};
    if (text.starts_with("#!"))
        check_interpreter(purpose, text.substr(2, text.find('\n') - 2));
    else if (!text.starts_with("\177ELF"))
        return report_.fail(path, "is no program (neither ELF nor #!): begin a script with #! "
                                  "and its interpreter");
    if (!is_end(path)) report_.ok(path, "runs for the " + std::string{purpose.name});
}

void ProgramCheck::warn_of_staff(const std::vector<Component>& way) {
    for (const Component& component : way) {
        const auto& path = component.path;
        if (!is_for_staff(component)) continue;
        report_.warn(path, "can be written by the group staff, whose members could learn every "
                           "password: chmod g-w " +
                               path + ", or keep the group empty");
    }
}

void ProgramCheck::check_interpreter(const Purpose& purpose, std::string_view line) {
    const auto words = split_blanks(line);
    if (words.empty()) return report_.fail("#!", "names no interpreter: write its path");
    if (scripts_ == most_scripts)
        return report_.fail(words[0], "is a script of too many scripts: begin it with #! and "
                                      "a program");
    if (!words[0].starts_with('/'))
        return report_.fail(words[0], "is looked for in whatever directory the script is "
                                      "started in: write its path after #!");
    ++scripts_;
    check(purpose, words[0]);
    if (base_name(words[0]) == "env") check_env(purpose, words);
    --scripts_;
}

void ProgramCheck::check_env(const Purpose& purpose, const std::vector<std::string>& words) {
    const std::string program = program_of_env(words);
    if (program.empty())
        return report_.fail(words[0], "cannot be told what it runs for this script: write the "
                                      "path of that program after #!");
    if (has_relative_entry(environment("PATH").value_or("/bin")))
        report_.fail("PATH", "has an entry that begins without a slash, where env looks for `" +
                                 program + "' too: remove it");
    check(purpose, program);
}

bool ProgramCheck::check(const Purpose& purpose, const std::string& word) {
    const auto path = find_program(
        word, [this](const std::string& passed_over) { check_passed_over(passed_over); });
    if (path)
        check_program(purpose, *path);
    else
        report_.fail(word, path.error().message() + ": install it, or write where it is");
    return static_cast<bool>(path);
}

// Somebody may put a program where this process looks for one first.
void ProgramCheck::check_passed_over(const std::string& path) {
    if (std::find(passed_over_.begin(), passed_over_.end(), path) != passed_over_.end()) return;
    passed_over_.push_back(path);
    const std::string directory = path.substr(0, path.find_last_of('/'));
    const auto danger = find_danger_of_none(path);
    if (!danger)
        report_.fail("PATH", danger.error().message() + ": take " + directory + " out");
    else if (!danger->empty())
        report_.fail("PATH", *danger + ", or take " + directory + " out");
    else if (const auto walked = follow_path(path))
        warn_of_staff(walked->way);
}

} // namespace poppass
