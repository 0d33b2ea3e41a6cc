// checkpw-example: the smallest check link. Its store is one word of the command line,
// LOGIN:PASSWORD. CONTRIBUTING shows it, and the suite check_link runs it.
#include "base/command_line.hh"
#include "link/check_link.hh"

#include <getopt.h>

using namespace poppass;

namespace {

class WordStore final : public CheckStore {
public:
    Result<void> take(int option, std::string_view value) override {
        if (option == 'u') user_ = value;
        return {};
    }

    Result<void> prepare(bool) override {
        if (user_.find(':') == user_.npos) return misuse("-u must be LOGIN:PASSWORD");
        return {};
    }

    Result<Answer> judge(const Question& question) override {
        const std::string_view user{user_};
        const std::size_t colon = user.find(':');
        if (question.login != user.substr(0, colon)) return Answer{Finding::unknown};
        if (question.ask == Ask::password && question.password != user.substr(colon + 1))
            return Answer{Finding::wrong};
        return Answer{Finding::right, StoredUser{.name = std::string{question.login}}};
    }

    void look_over(Report& report) override { report.ok("-u", "names a user"); }

private:
    std::string user_;
};

// The suite adds a row like this to lib/link/link_table.cc, and main is one line:
// check_link<WordStore>.
constexpr KnownLink row{"checkpw-example",
                        KnownLink::Next::either,
                        "+:u:hV",
                        {{{"native", no_argument, native_option},
                          {"virtual", required_argument, virtual_option},
                          {"check", no_argument, check_option}}},
                        "-u LOGIN:PASSWORD [--native] [--virtual ACCOUNT] [--] [PROG ARG...]"};

} // namespace

int main(int argc, char** argv) {
    return run_program(row.name, [&] {
        return run_check_link(row, {argv, static_cast<std::size_t>(argc)},
                              std::make_unique<WordStore>());
    });
}
