#include "link/report.hh"

#include <doctest/doctest.h>

using namespace poppass;

TEST_CASE("a report as text: one line a finding, and nothing that a terminal obeys") {
    Report report;
    report.ok("file", "is good");
    report.warn("f\x1b[1m\xc2\x9b", "caf\xc3\xa9 \xff\n");
    CHECK(report.as_text() == "ok       file: is good\n"
                              "warning  f\\x1b[1m\\x9b: caf\xc3\xa9 \\xff\\x0a\n");
}

TEST_CASE("a report as JSON: UTF-8 as it is, and nothing else above ASCII") {
    Report report;
    CHECK(report.as_json() == "[\n]\n");
    report.fail("a\"b\\c", "caf\xc3\xa9 \xf0\x9f\x98\x80 \xff\xc0\xaf\xed\xa0\x80\n\x7f\xc2\x85");
    CHECK(report.as_json() ==
          "[\n  {\"level\": \"error\", \"subject\": \"a\\\"b\\\\c\", \"text\": \"caf\xc3\xa9 "
          "\xf0\x9f\x98\x80 "
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u000a\\u007f\\"
          "u0085\"}\n]\n");
}

TEST_CASE("a finding is told once") {
    Report report;
    report.ok("a", "b");
    report.warn("a", "b");
    report.ok("a", "c");
    REQUIRE(report.lines().size() == 3);
    report.ok("a", "b");
    REQUIRE(report.add_json(Report{report}.as_json()));
    CHECK(report.lines().size() == 3);
}

TEST_CASE("the status is that of the worst line") {
    Report report;
    CHECK(report.exit_status() == 0);
    report.ok("a", "b");
    CHECK(report.exit_status() == 0);
    report.fail("a", "b");
    report.warn("a", "b");
    CHECK(report.exit_status() == 2);
}

TEST_CASE("a report is read back as it was written") {
    Report report;
    report.ok("a", "b");
    report.warn("\"\\\n", "caf\xc3\xa9\x7f\xc2\x85,}]");
    report.fail("", "");
    Report other;
    REQUIRE(other.add_json(report.as_json()));
    CHECK(other.as_json() == report.as_json());
    CHECK(other.lines().size() == 3);
    REQUIRE(other.add_json("[\n]\n"));
    CHECK(other.lines().size() == 3);
}

TEST_CASE("text that is no report adds nothing") {
    Report good;
    good.warn("a", "b");
    const std::string json = good.as_json();
    for (std::size_t size = 0; size < json.size(); ++size) {
        CAPTURE(size);
        Report report;
        CHECK_FALSE(report.add_json(json.substr(0, size)));
        CHECK(report.lines().empty());
    }
    for (const std::string& bad : {json + " ", "x" + json,
                                   std::string{"[\n  {\"level\": \"odd\", "
                                               "\"subject\": \"\", \"text\": \"\"}\n]\n"},
                                   std::string{"[\n  {\"level\": \"ok\", \"subject\": \"\\u00zz\", "
                                               "\"text\": \"\"}\n]\n"}}) {
        CAPTURE(bad);
        Report report;
        CHECK_FALSE(report.add_json(bad));
        CHECK(report.lines().empty());
    }
}
