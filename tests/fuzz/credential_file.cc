// A credential file, looked up and changed as setpw and pwadmin do. Lines of the input: what to do,
// the login, a new hash; the rest is the file.
//
// What to do is a letter (h: a new hash, or a new line; l: lock; r: remove; k: keep; e: an error;
// o: as h, while somebody else writes the file), one for the format (s: shadow; p: passwd-file;
// else as the file says), and, to bring the rest to the end of what is read at once, a number of kB
// and one of bytes: a comment of that length comes first.
#include "credentials/file.hh"

#include "base/fd.hh"
#include "fuzz/target.hh"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace poppass::fuzz {

namespace {

constexpr std::size_t longest_line_read = 65535;

// One for all inputs.
class Directory {
public:
    Directory() {
        std::string name = std::filesystem::temp_directory_path() / "poppass-fuzz.XXXXXX";
        must(::mkdtemp(name.data()) != nullptr, "a temporary directory");
        path_ = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string file(const char* name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

void write_content(const std::string& path, std::string_view bytes) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    must(file && write_whole(file.get(), bytes), "write a file");
}

std::string read_content(const std::string& path) {
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string bytes(std::filesystem::file_size(path), '\0');
    const auto size = read_whole(file.get(), bytes);
    must(file && size && *size == bytes.size(), "read a file");
    return bytes;
}

struct Place {
    std::size_t at;
    std::size_t size;
};

// The user's line as the page has it: the first whose name is the login.
std::optional<Place> find_line(std::string_view content, std::string_view login) {
    if (login.empty() || login[0] == '#' || login[0] == '+' || login[0] == '-') return std::nullopt;
    for (std::size_t at = 0; at < content.size();) {
        const std::string_view rest = content.substr(at);
        const std::string_view line = rest.substr(0, rest.find('\n'));
        const std::size_t name_end = line.find_first_of(":|");
        if (name_end != line.npos && line.substr(0, name_end) == login && !has_control(login))
            return Place{at, line.size()};
        at += line.size() + 1;
    }
    return std::nullopt;
}

bool has_long_line(std::string_view content) {
    while (!content.empty())
        if (take(content).size() > longest_line_read) return true;
    return false;
}

// What the change does to the line; nothing: it stays.
std::optional<Edit> edit_for(char deed, const Found& found, std::string_view login,
                             std::string_view hash) {
    constexpr Days today = 19'000;
    const auto entry = found.entry();
    if (deed == 'r' && found.line) return Edit{Edit::What::remove};
    if (deed == 'l' && entry)
        return Edit{Edit::What::write,
                    replace_field(*entry, Field::hash,
                                  std::string{entry->scheme}.append("!").append(entry->hash))};
    if (deed != 'h' && deed != 'o') return std::nullopt;
    if (entry)
        return Edit{Edit::What::write,
                    replace_hash(*entry, entry->scheme.empty() ? "" : "{CRYPT}", hash, today)};
    if (found.line || !is_login(login)) return std::nullopt;
    return Edit{Edit::What::write, make_line(found.format, found.separator, login, hash, today)};
}

std::string expected_content(const std::string& content, const std::optional<Place>& place,
                             const Edit& edit) {
    if (!place) {
        const bool ends = content.empty() || content.back() == '\n';
        return content + (ends ? "" : "\n") + edit.line + "\n";
    }
    const std::string before = content.substr(0, place->at);
    const std::string after = content.substr(place->at + place->size);
    if (edit.what == Edit::What::write) return before + edit.line + after;
    return before + (after.empty() ? "" : after.substr(1));
}

// The format as the page has it.
void check_format(const Found& found, std::string_view content) {
    std::optional<char> separator;
    bool shadow = false;
    while (!content.empty()) {
        const std::string_view line = take(content);
        const std::size_t name_end = line.find_first_of(":|");
        if (name_end == line.npos || name_end == 0 || line[0] == '#') continue;
        separator = separator.value_or(line[name_end]);
        shadow = shadow || has_shadow_form(line);
    }
    must((found.format == Format::shadow) == (shadow || !separator),
         "lines say the format, comments do not");
    if (found.format == Format::passwd_file)
        must(found.separator == separator, "and the first of them the separator");
}

void check_scan(const std::string& path, std::string_view login, std::optional<Format> format,
                const std::string& content, const std::optional<Place>& place) {
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const auto scan = scan_credentials(file.get(), login, format);
    must(static_cast<bool>(scan) == !has_long_line(content), "only too long a line is trouble");
    if (!scan) return;
    must(scan->size == static_cast<off_t>(content.size()), "all of the file is read");
    must(scan->file_ends == (content.empty() || content.back() == '\n'),
         "its last line feed is seen");
    if (format)
        must(scan->found.format == format, "the format is what was told");
    else
        check_format(scan->found, content);
    must(scan->found.line.has_value() == place.has_value(), "a user is found if there");
    if (!place) return;
    must(*scan->found.line == content.substr(place->at, place->size),
         "the first line is the user's");
    must(scan->line_at == static_cast<off_t>(place->at) &&
             scan->line_size == static_cast<off_t>(place->size) &&
             scan->line_ends == (place->at + place->size < content.size()),
         "and where it stands");
}

void check_changed(const CredentialFile& file, std::string_view login, std::string_view hash,
                   char deed, Format format) {
    const auto found = file.find(login);
    must(static_cast<bool>(found), "a changed file can be read");
    if (deed == 'r') return;
    must(found->format == format, "a changed file keeps its format");
    const auto entry = found->entry();
    must(entry.has_value(), "a changed line is found, and parses");
    if (deed == 'l')
        must(entry->locked, "a locked line is locked");
    else
        must(entry->hash == hash && !entry->locked && entry->name == login, "a new hash is there");
}

} // namespace

void try_input(std::string_view input) {
    static const Directory directory;
    const std::string path = directory.file("users");

    std::string_view plan = take(input);
    const std::string_view words = take(plan, ' ');
    const char deed = words.empty() ? 'k' : words[0];
    const char told = words.size() < 2 ? ' ' : words[1];
    const auto format = told == 's'   ? std::optional{Format::shadow}
                        : told == 'p' ? std::optional{Format::passwd_file}
                                      : std::nullopt;
    const std::size_t padding =
        std::size_t{take_number(plan, ' ')} % 130 * 1024 + take_number(plan);
    const std::string_view login = take(input);
    std::string hash = "$5$";
    for (const char c : take(input))
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '$') hash += c;
    std::string content = padding == 0 ? "" : "#" + std::string(padding, '-') + "\n";
    content += input;

    write_content(path, content);
    const auto place = find_line(content, login);
    check_scan(path, login, format, content, place);

    const auto file = CredentialFile::open({.path = path, .format = format});
    must(static_cast<bool>(file), "the file can be opened");
    Format before = Format::shadow;
    std::string expected = content;
    bool edited = false;
    const auto changed = file->change(login, [&](const Found& found) -> Result<Edit> {
        before = found.format;
        must(found.line.has_value() == place.has_value(), "the editor is shown the user's line");
        const auto edit = edit_for(deed, found, login, hash);
        if (deed == 'e') return trouble("an error");
        if (!edit) return Edit{};
        edited = true;
        expected = expected_content(content, place, *edit);
        if (deed == 'o') write_content(path, expected = content + "other:x\n");
        return *edit;
    });
    const bool fails = deed == 'e' || (deed == 'o' && edited) || has_long_line(content);
    must(static_cast<bool>(changed) == !fails, "a change succeeds, but not over another one");
    must(!changed || *changed == (edited ? Change::made : Change::none), "if there is one to make");
    must(read_content(path) == expected, "every other line stays, byte for byte");
    must(::access((path + ".new").c_str(), F_OK) != 0, "nothing is left behind");
    if (edited && changed) check_changed(*file, login, hash, deed, before);
}

} // namespace poppass::fuzz
