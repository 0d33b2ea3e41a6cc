#include "sql/host.hh"

#include "account/accounts.hh"
#include "base/network.hh"
#include "base/settings.hh"
#include "link/peer.hh"
#include "process/path_walk.hh"

#include <grp.h>
#include <memory>
#include <netdb.h>

namespace poppass {

namespace {

// A group that may write is as good as none if it is the owner's own and has no other members, as
// in Debian's /run/postgresql.
void overlook_private_group(struct stat& directory) {
    const auto owner = find_account(directory.st_uid);
    const group* const entry = ::getgrgid(directory.st_gid);
    if (!owner || !*owner || (*owner)->gid != directory.st_gid || entry == nullptr) return;
    for (const char* const* member = entry->gr_mem; *member != nullptr; ++member)
        if (*member != (*owner)->name) return;
    directory.st_mode &= ~static_cast<mode_t>(S_IWGRP);
}

// An error if others than root and the socket's owner could put another one in its place.
Result<void> judge_socket(const std::string& path) {
    auto walked = follow_path(path);
    if (!walked) return walked.error();
    const uid_t owner = walked->status.st_uid;
    for (Component& component : walked->way) {
        overlook_private_group(component.status);
        if (auto good = judge_on_way(component, walked->path, owner); !good) return good;
    }
    // Where everybody can write, a sticky bit helps only as long as the server runs.
    struct stat last {};
    if (::fstat(walked->directory.get(), &last) != 0) return system_trouble("look at", path);
    overlook_private_group(last);
    return judge_directory_of(walked->path, owner, last);
}

} // namespace

Result<SqlHost> SqlHost::parse(std::string_view word) {
    const Error wrong = misuse("not a host: " + std::string{word});
    if (word.starts_with('/')) return SqlHost{std::string{word}, {}};
    const bool bracketed = word.starts_with('[');
    const std::size_t end = bracketed ? word.find(']') : word.find(':');
    if (bracketed && end == word.npos) return wrong;
    SqlHost host{std::string{bracketed ? word.substr(1, end - 1) : word.substr(0, end)}, {}};
    std::string_view rest = end == word.npos ? "" : word.substr(end + (bracketed ? 1 : 0));
    // More colons: an address of IPv6 without brackets.
    if (!bracketed && rest.find(':', 1) != rest.npos) return SqlHost{std::string{word}, {}};
    if (!rest.empty()) {
        if (rest.front() != ':' || !parse_number("port", rest.substr(1), 1, 65535)) return wrong;
        host.port = rest.substr(1);
    }
    return host.name.empty() ? Result<SqlHost>{wrong} : Result<SqlHost>{host};
}

std::string SqlHost::text() const {
    const bool v6 = !is_socket() && name.find(':') != name.npos;
    const std::string shown = v6 ? "[" + name + "]" : name;
    return port.empty() ? shown : shown + ":" + port;
}

void warn_of_port(const std::string& name, std::string_view address, unsigned port,
                  Report& report) {
    constexpr unsigned first_free_port = 1024; // below, only root can listen
    if (is_loopback_address(address) && port >= first_free_port)
        report.warn(name, "while the server is down, any account can listen on this port, and say "
                          "that any password is right: use a socket, or tls = verify");
}

void warn_of_socket(const std::string& name, const std::string& path, Report& report) {
    if (const auto safe = judge_socket(path); !safe)
        report.warn(name, safe.error().message() + "; it could say that any password is right");
}

Result<std::vector<SqlAddress>> find_addresses(const SqlHost& host) {
    hurry_resolver();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failed = ::getaddrinfo(host.name.c_str(), nullptr, &hints, &list);
    if (failed == EAI_SYSTEM) return system_trouble("find the address");
    if (failed != 0) return trouble("find the address: " + std::string{::gai_strerror(failed)});
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, ::freeaddrinfo};
    // Whoever forges an answer of DNS must not switch TLS off.
    const auto literal = parse_address(host.name);
    const bool local = literal ? is_loopback_address(*literal) : host.name == "localhost";
    std::vector<SqlAddress> addresses;
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
        char text[NI_MAXHOST];
        if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) == 0)
            addresses.push_back({text, local && is_loopback(entry->ai_addr)});
    }
    if (addresses.empty()) return trouble("find the address: it has none");
    return addresses;
}

} // namespace poppass
