// The settings of login.defs(5) that concern passwords.
#pragma once

#include "hash/crypt_hash.hh"

#include <string>
#include <string_view>

namespace poppass {

struct HashChoice {
    const HashMethod* method = nullptr; // nullptr: the file names none
    std::int64_t cost = 0;              // 0: the method's usual one
    std::string warning = {};           // why it is not the method that the file names; or empty
};

class LoginDefs {
public:
    // From the text of such a file. An empty text means the same as a missing file.
    explicit LoginDefs(std::string text = {}) : text_(std::move(text)) {}

    // /etc/login.defs.
    static Result<LoginDefs> read();

    // The method of ENCRYPT_METHOD, and its cost: the upper bound if both bounds are given. DES and
    // MD5 are refused, and the preferred method takes their place, with a warning. So does it for
    // the obsolete MD5_CRYPT_ENAB, which chooses between these two if ENCRYPT_METHOD is not set. An
    // unknown method is trouble.
    Result<HashChoice> hash_choice() const;

    // The setting of that name if it is a number; else `otherwise`.
    std::int64_t number(std::string_view name, std::int64_t otherwise) const;

    // Whether the setting is `yes`, in any case of letters; `otherwise` if it is not set.
    bool enabled(std::string_view name, bool otherwise) const;

private:
    std::string text_;
};

} // namespace poppass
