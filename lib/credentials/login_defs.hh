// What login.defs(5) says of passwords.
#pragma once

#include "credentials/crypt_hash.hh"

#include <string>
#include <string_view>

namespace poppass {

struct HashChoice {
    const HashMethod* method = nullptr; // nullptr: it does not say
    std::int64_t cost = 0;              // 0: the method's usual one
    std::string warning = {};           // why the method is not the one it asks for; or empty
};

class LoginDefs {
public:
    // The text of one; an empty one says nothing, as a missing file does.
    explicit LoginDefs(std::string text = {}) : text_(std::move(text)) {}

    // /etc/login.defs.
    static Result<LoginDefs> read();

    // ENCRYPT_METHOD with the bounds of its cost, the upper one where both are given. DES and MD5
    // are refused: the preferred method takes their place, with a warning. So it is with the
    // obsolete MD5_CRYPT_ENAB, which chooses between the two where ENCRYPT_METHOD is not set. A
    // method that is not known is trouble.
    Result<HashChoice> hash_choice() const;

    // The setting of that name, where it is a number; else `otherwise`.
    std::int64_t number(std::string_view name, std::int64_t otherwise) const;

    // Whether it is `yes`, in any case of letters; where it is not set, `otherwise`.
    bool enabled(std::string_view name, bool otherwise) const;

private:
    std::string text_;
};

} // namespace poppass
