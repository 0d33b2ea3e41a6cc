// The main of every suite: doctest's main, and three rules of our own. A case that asserts nothing
// fails. A suite without cases fails. A suite that lacked something it needs exits 77 if nothing
// else failed.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "support/program.hh"

#include <csignal>
#include <cstdio>

namespace {

struct Rules final : doctest::IReporter {
    static inline unsigned cases = 0;
    static inline unsigned idle = 0;

    explicit Rules(const doctest::ContextOptions&) {}
    void test_case_start(const doctest::TestCaseData& data) override {
        current_ = &data;
        missing_before_ = poppass::test::missing_things().size();
    }
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        ++cases;
        if (stats.numAssertsCurrentTest > 0 ||
            poppass::test::missing_things().size() > missing_before_)
            return;
        ++idle;
        std::printf("%s(%u): the case \"%s\" asserts nothing\n", current_->m_file.c_str(),
                    current_->m_line, current_->m_name);
    }
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}

private:
    const doctest::TestCaseData* current_ = nullptr;
    std::size_t missing_before_ = 0;
};

REGISTER_LISTENER("rules", 1, Rules);

} // namespace

int main(int argc, char** argv) {
    // If a program ends early, its pipe must not end the suite. Process resets this for programs.
    std::signal(SIGPIPE, SIG_IGN);
    doctest::Context context{argc, argv};
    const int failed = context.run();
    if (context.shouldExit() || failed != 0) return failed;
    if (Rules::cases == 0) std::puts("no case was run");
    if (Rules::cases == 0 || Rules::idle > 0) return 1;
    for (const auto& thing : poppass::test::missing_things())
        std::printf("skipped for want of %s\n", thing.c_str());
    return poppass::test::missing_things().empty() ? 0 : 77;
}
