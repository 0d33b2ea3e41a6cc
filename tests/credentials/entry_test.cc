#include "credentials/entry.hh"

#include <doctest/doctest.h>

using namespace poppass;

namespace {

constexpr Days now = 20'000;

Entry shadow(std::string_view line) {
    const auto entry = parse_entry(line, Format::shadow);
    REQUIRE(entry);
    return *entry;
}

Entry passwd_file(std::string_view line) {
    const auto entry = parse_entry(line, Format::passwd_file);
    REQUIRE(entry);
    return *entry;
}

} // namespace

TEST_CASE("a shadow line and its fields") {
    const Entry entry = shadow("joe:$6$salt$hash:19000:1:90:7:14:21000:5");
    CHECK(entry.format == Format::shadow);
    CHECK(entry.separator == ':');
    CHECK(entry.name == "joe");
    CHECK(entry.hash == "$6$salt$hash");
    CHECK(entry.scheme.empty());
    CHECK_FALSE(entry.locked);
    CHECK(entry.aging.changed == 19000);
    CHECK(entry.aging.minimum == 1);
    CHECK(entry.aging.maximum == 90);
    CHECK(entry.aging.warning == 7);
    CHECK(entry.aging.inactive == 14);
    CHECK(entry.aging.expires == 21000);
}

TEST_CASE("fields that are empty or negative have no value") {
    for (const std::string line :
         {"joe:x:::::::", "joe:x:-1:-1:-1:-1:-1:-1:-1", "joe:x:-2:-99:-1:-1:-1:-1:"}) {
        CAPTURE(line);
        const Aging aging = shadow(line).aging;
        CHECK_FALSE(aging.changed);
        CHECK_FALSE(aging.minimum);
        CHECK_FALSE(aging.maximum);
        CHECK_FALSE(aging.inactive);
        CHECK_FALSE(aging.expires);
    }
    CHECK(shadow("joe:x:0::::::").aging.changed == 0);
}

TEST_CASE("what has the form of shadow(5), and what has not") {
    const struct {
        std::string line;
        bool shadow;
    } cases[] = {
        {"joe:x:::::::", true},
        {"joe:x:19000:0:99999:7:::", true},
        {"joe::19000:0:99999:7:::", true},
        {"+::::::::", true},
        {"joe:x:-1:-1:-1:-1:-1:-1:-1", true},
        {"joe:x::::::", false},   // eight
        {"joe:x::::::::", false}, // ten
        {"joe:x:a::::::", false},
        {"joe:x:1.5::::::", false},
        {"joe:x: 1::::::", false},
        {"joe:x:1 ::::::", false},
        {"joe:x:+1::::::", false},
        {"joe:x:--1::::::", false},
        {"joe:x:-::::::", false},
        {"joe:x:::::::a", false},
        {"joe:x:::::::\r", true}, // malformed, and yet no line of a passwd-file
        {"joe:x:0x10::::::", false},
        {"joe:x:1234567890123456789::::::", false}, // no overflow, ever
        {"joe:x:123456789012345678::::::", true},
        {"joe:{CRYPT}x:1000:1000:::::", false},
        {"joe:{CRYPT}x:1000:1000::/home/joe:/bin/sh", false},
        {"joe:x:1000:1000:Joe:/home/joe:/bin/sh:a:b", false},
        {"joe|x|1|2|3|4|5|6|7", false},
        {"joe|{CRYPT}x|a:b:1:2:3:4:5:6:7", false}, // the name ends at the bar
        {"joe", false},
        {"", false},
        {"::::::::", true}, // the form, though no name
    };
    for (const auto& [line, is_shadow] : cases) {
        CAPTURE(line);
        CHECK(has_shadow_form(line) == is_shadow);
    }
}

TEST_CASE("shadow lines that are malformed") {
    for (const std::string line :
         {"", "joe", "joe:x", ":x:::::::", "#joe:x:::::::", "+joe:x:::::::", "-joe:x:::::::",
          "joe:x::::::", "joe:x:a::::::", "joe:x\r:::::::", "joe:x:::::::\r",
          "jo\te:x:::::::", "j|e:x:::::::"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_entry(line, Format::shadow));
    }
    CHECK_FALSE(parse_entry(std::string{"joe:x\0y:::::::", 14}, Format::shadow));
}

TEST_CASE("a passwd-file line and its fields") {
    const Entry entry = passwd_file(
        "joe@example.org:{SHA512-CRYPT}$6$salt$hash:5000:5001:Joe:/home/joe:/bin/sh:quota=1:2:3");
    CHECK(entry.format == Format::passwd_file);
    CHECK(entry.separator == ':');
    CHECK(entry.name == "joe@example.org");
    CHECK(entry.scheme == "{SHA512-CRYPT}");
    CHECK(entry.hash == "$6$salt$hash");
    CHECK(entry.uid == "5000");
    CHECK(entry.gid == "5001");
    CHECK(entry.home == "/home/joe");
    CHECK(entry.shell == "/bin/sh");
    CHECK_FALSE(entry.aging.changed);

    const Entry piped =
        passwd_file("joe@example.org|{CRYPT}$y$j9T$s$h|userdb_quota_rule=*:storage=1");
    CHECK(piped.separator == '|');
    CHECK(piped.name == "joe@example.org");
    CHECK(piped.scheme == "{CRYPT}");
    CHECK(piped.hash == "$y$j9T$s$h");
    // The next field has attributes, not a uid.
    CHECK(piped.uid.empty());
    CHECK(piped.home.empty());
}

TEST_CASE("passwd-file lines may end early") {
    const Entry two = passwd_file("joe:$1$salt$hash");
    CHECK(two.hash == "$1$salt$hash");
    CHECK(two.scheme.empty());
    CHECK(two.uid.empty());
    CHECK(two.shell.empty());
    CHECK(passwd_file("joe:").hash.empty());
    CHECK(passwd_file("joe:{CRYPT}").hash.empty());
    CHECK(passwd_file("joe:{CRYPT}").scheme == "{CRYPT}");
    CHECK(passwd_file("joe:x:1:2:g:h").home == "h");
    CHECK_FALSE(parse_entry("joe", Format::passwd_file));
    CHECK_FALSE(parse_entry("joe:{CRYPT", Format::passwd_file));
    CHECK_FALSE(parse_entry(":x", Format::passwd_file));
    CHECK_FALSE(parse_entry("", Format::passwd_file));
}

TEST_CASE("locks stand before the hash, in a passwd-file after the prefix") {
    const struct {
        std::string line;
        Format format;
        bool locked;
        std::string hash;
    } cases[] = {
        {"joe:!$1$s$h:::::::", Format::shadow, true, "$1$s$h"},
        {"joe:!!$1$s$h:::::::", Format::shadow, true, "$1$s$h"},
        {"joe:!:::::::", Format::shadow, true, ""},
        {"joe:!*:::::::", Format::shadow, true, "*"},
        {"joe:*:::::::", Format::shadow, false, "*"},
        {"joe:{CRYPT}!$1$s$h", Format::passwd_file, true, "$1$s$h"},
        {"joe:{CRYPT}!", Format::passwd_file, true, ""},
        {"joe:!$1$s$h", Format::passwd_file, true, "$1$s$h"},
        {"joe:!{CRYPT}$1$s$h", Format::passwd_file, true, "{CRYPT}$1$s$h"},
    };
    for (const auto& [line, format, locked, hash] : cases) {
        CAPTURE(line);
        const auto entry = parse_entry(line, format);
        REQUIRE(entry);
        CHECK(entry->locked == locked);
        CHECK(entry->hash == hash);
    }
}

TEST_CASE("which schemes are those of crypt(3), in any case of letters") {
    for (const char* const scheme : {"", "{CRYPT}", "{crypt}", "{SHA512-CRYPT}", "{Sha256-Crypt}",
                                     "{BLF-CRYPT}", "{MD5-CRYPT}", "{DES-CRYPT}"})
        CHECK(is_crypt_scheme(scheme));
    for (const char* const scheme :
         {"{}", "{", "}", "{PLAIN}", "{SSHA}", "{SSHA512}", "{ARGON2ID}", "{PBKDF2}", "{MD5}",
          "{PLAIN-MD5}", "{SCRAM-SHA-256}", "{CRYPT.B64}", "{CRYPT }", "{CRYPTO}", "{CRYP}"})
        CHECK_FALSE(is_crypt_scheme(scheme));
    CHECK(hash_to_verify(parse_entry("joe:{SSHA}aaaa", Format::passwd_file)).empty());
    CHECK(hash_to_verify(parse_entry("joe:{CRYPT}aaaa", Format::passwd_file)) == "aaaa");
    CHECK(hash_to_verify(std::nullopt).empty());
}

TEST_CASE("names that may be looked up and written") {
    for (const std::string name : {"joe", "joe@example.org", "Joe Bloggs", "j#e", "j+e", "j-e", "0",
                                   "j\xc3\xb6rg", "!", "$6$", "{CRYPT}", ".", "../x"})
        CHECK(is_login(name));
    for (const std::string name : {"", "#joe", "+joe", "-joe", "+", "-", "joe:", ":", "j:e", "j|e",
                                   "joe\n", "\njoe", "j\re", "j\te", "j\x01", "j\x7f"}) {
        CAPTURE(name);
        CHECK_FALSE(is_login(name));
    }
    CHECK_FALSE(is_login({"joe\0", 4}));
}

TEST_CASE("a name ends at the first separator, whichever of the two it is") {
    CHECK(find_separator("joe:x|y") == 3);
    CHECK(find_separator("joe|x:y") == 3);
    CHECK(find_separator(":x") == 0);
    for (const std::string line : {"", "joe", "# a comment", "\r"})
        CHECK(find_separator(line) == std::string_view::npos);
}

TEST_CASE("a new hash changes its field and the date, and no other byte") {
    const Entry entry = shadow("joe:!$6$salt$hash:19000:1:-1:007::21000:");
    CHECK(replace_hash(entry, "", "$y$new", now) == "joe:$y$new:20000:1:-1:007::21000:");
    // If the clock is wrong, no date is written: 0 would mean that the password must be changed.
    CHECK(replace_hash(entry, "", "$y$new", 0) == "joe:$y$new::1:-1:007::21000:");
    CHECK(replace_hash(entry, "", "$y$new", -5) == "joe:$y$new::1:-1:007::21000:");
    CHECK(replace_field(entry, Field::expires, "5") == "joe:!$6$salt$hash:19000:1:-1:007::5:");
    CHECK(replace_field(entry, Field::name, "ann") == "ann:!$6$salt$hash:19000:1:-1:007::21000:");

    const auto change = [](std::string_view line, std::string_view scheme) {
        return replace_hash(passwd_file(line), scheme, "NEW", now);
    };
    CHECK(change("joe:{BLF-CRYPT}old:1:2:g: h :s:e:f|g", "{BLF-CRYPT}") ==
          "joe:{BLF-CRYPT}NEW:1:2:g: h :s:e:f|g");
    CHECK(change("joe:{BLF-CRYPT}!old", "{CRYPT}") == "joe:{CRYPT}NEW");
    CHECK(change("joe|old|a:b", "") == "joe|NEW|a:b");
    CHECK(change("joe:", "") == "joe:NEW");
    CHECK(change("joe:old:\r", "") == "joe:NEW:\r");
}

TEST_CASE("lines for new users") {
    CHECK(make_line(Format::shadow, ':', "joe", "HASH", now) == "joe:HASH:20000:0:99999:7:::");
    CHECK(make_line(Format::passwd_file, ':', "joe", "HASH", now) == "joe:{CRYPT}HASH");
    CHECK(make_line(Format::passwd_file, '|', "joe", "HASH", now) == "joe|{CRYPT}HASH");
    CHECK(has_shadow_form(make_line(Format::shadow, ':', "joe", "HASH", now)));
    CHECK(has_shadow_form(make_line(Format::shadow, ':', "joe", "HASH", 0)));
}

TEST_CASE("whether the user may log in, as pam_unix decides") {
    const struct {
        std::string line;
        Standing expected;
    } cases[] = {
        {"joe:h:::::::", Standing::usable},
        {"joe:h:19999:0:99999:7:::", Standing::usable},
        {"joe:!h:::::::", Standing::locked},
        {"joe:!:::::::", Standing::locked},
        {"joe:*:::::::", Standing::locked},
        {"joe::::::::", Standing::locked},
        {"joe:!h:0::::0:1:", Standing::locked}, // locked counts first
        // The account expires on its day, and day 0 is one.
        {"joe:h::::::20001:", Standing::usable},
        {"joe:h::::::20000:", Standing::expired},
        {"joe:h::::::19999:", Standing::expired},
        {"joe:h::::::0:", Standing::expired},
        {"joe:h::::::-1:", Standing::usable},
        {"joe:h:0:::::1:", Standing::expired}, // before must_change
        // Must change: a last change of 0, or more than maximum days ago.
        {"joe:h:0::::::", Standing::must_change},
        {"joe:h:0:0:99999::::", Standing::must_change},
        {"joe:h:19990::10::::", Standing::usable},
        {"joe:h:19989::10::::", Standing::must_change},
        {"joe:h:19999::0::::", Standing::must_change},
        {"joe:h:20000::0::::", Standing::usable},
        {"joe:h:1::-1::::", Standing::usable},
        {"joe:h:1::::::", Standing::usable},
        // Inactive: more than that many days later.
        {"joe:h:19985::10::5::", Standing::must_change},
        {"joe:h:19984::10::5::", Standing::inactive},
        {"joe:h:19984::10::-1::", Standing::must_change},
        {"joe:h:19989::10::0::", Standing::inactive},
        {"joe:h:19984::::5::", Standing::usable}, // no maximum, no inactivity
        // If the last change is empty or in the future, the password does not age.
        {"joe:h:::10::5::", Standing::usable},
        {"joe:h:20001::0::0::", Standing::usable},
        {"joe:h:-1::10::5::", Standing::usable},
        // Sums do not overflow.
        {"joe:h:1::123456789012345678::123456789012345678::", Standing::usable},
        {"joe:h:123456789012345678::1::::", Standing::usable},
    };
    for (const auto& [line, expected] : cases) {
        CAPTURE(line);
        CHECK(standing(shadow(line), now) == expected);
    }
    CHECK(standing(passwd_file("joe:{CRYPT}h"), now) == Standing::usable);
    CHECK(standing(passwd_file("joe:{CRYPT}!h"), now) == Standing::locked);
    CHECK(standing(passwd_file("joe:{CRYPT}"), now) == Standing::locked);
    CHECK(standing(passwd_file("joe:"), now) == Standing::locked);
}

TEST_CASE("whether the dates let the user change the password") {
    const struct {
        std::string line;
        Changeable expected;
    } cases[] = {
        {"joe:h:::::::", Changeable::yes},
        {"joe:h:20000:0:99999::::", Changeable::yes},
        {"joe:h:20000:1:99999::::", Changeable::too_young},
        {"joe:h:19999:1:99999::::", Changeable::yes},
        {"joe:h:19991:10:::::", Changeable::too_young},
        {"joe:h:19990:10:::::", Changeable::yes},
        {"joe:h:0:10:::::", Changeable::yes}, // must be changed, and so may be
        {"joe:h::10:::::", Changeable::yes},  // aging is off
        {"joe:h:20001:10:::::", Changeable::yes},
        {"joe:h:1:10:9::::", Changeable::never},
        {"joe:h:1:10:10::::", Changeable::yes},
        {"joe:h::10:9::::", Changeable::never},
        {"joe:h:1:10:-1::::", Changeable::yes},
        {"joe:h:1::0::::", Changeable::yes},
        {"joe:h:20000:123456789012345678:::::", Changeable::too_young},
    };
    for (const auto& [line, expected] : cases) {
        CAPTURE(line);
        CHECK(changeable(shadow(line).aging, now) == expected);
    }
}
