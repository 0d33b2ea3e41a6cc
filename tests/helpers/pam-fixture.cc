// A PAM module that does what its words say, one after the other, even what a module must not do.
// It does so in every function. PAM calls it twice for a change: the words up to `update` are for
// the first call, and those after it for the second.
//
//   into=FILE      what is told goes there, a line each
//   ask=TEXT       a hidden prompt; tells "ask TEXT=ANSWER", or "ask TEXT fails CODE"
//   echo=TEXT      the same with echo; radio=TEXT, binary=TEXT: of those styles
//   both=TEXT      an error and then a hidden prompt in one call
//   twice=TEXT     two hidden prompts in one call
//   error=TEXT, info=TEXT
//   many=N         N pieces of information in one call
//   null-text      a hidden prompt without a text
//   null-message   a message that is not there
//   no-room        a hidden prompt that takes no answer
//   no-room-info   information that takes none
//   old, new       set PAM_OLDAUTHTOK, PAM_AUTHTOK to the last answer
//   want=TEXT      returns PAM_AUTH_ERR unless the last answer is TEXT
//   user=NAME      sets PAM_USER
//   items          tells service, user and peer
//   drop           takes the effective uid of nobody for a while
//   ids            tells the three uids
//   locale         tells what the message of an error is called
//   block          tells which of ALRM, TERM, INT, HUP are blocked
//   mark=FILE      makes the file
//   await=FILE     waits until there is the file
//   hang
//   delay=MS       asks for so long a wait after a failure
//   return=CODE
//
// A `_` in a TEXT stands for a space.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_PASSWORD
#include <security/pam_modules.h>

namespace {

class Fixture {
public:
    explicit Fixture(pam_handle_t* handle) : handle_{handle} {}

    int run(const std::vector<std::string>& words) {
        for (const auto& word : words) {
            const auto sign = word.find('=');
            const std::string key = word.substr(0, sign);
            std::string text = sign == word.npos ? "" : word.substr(sign + 1);
            if (key == "return") return std::atoi(text.c_str());
            if (key == "want") {
                if (answer_ != text) return PAM_AUTH_ERR;
                continue;
            }
            for (char& c : text)
                if (c == '_' && key != "into" && key != "mark" && key != "await") c = ' ';
            act(key, text);
        }
        return PAM_SUCCESS;
    }

private:
    void act(const std::string& key, const std::string& text) {
        if (key == "into") into_ = text;
        if (key == "ask") ask(key, {{PAM_PROMPT_ECHO_OFF, text.c_str()}});
        if (key == "echo") ask(key, {{PAM_PROMPT_ECHO_ON, text.c_str()}});
        if (key == "radio") ask(key, {{PAM_RADIO_TYPE, text.c_str()}});
        if (key == "binary") ask(key, {{PAM_BINARY_PROMPT, text.c_str()}});
        if (key == "error") ask(key, {{PAM_ERROR_MSG, text.c_str()}});
        if (key == "info") ask(key, {{PAM_TEXT_INFO, text.c_str()}});
        if (key == "both")
            ask(key, {{PAM_ERROR_MSG, text.c_str()}, {PAM_PROMPT_ECHO_OFF, text.c_str()}});
        if (key == "twice")
            ask(key, {{PAM_PROMPT_ECHO_OFF, text.c_str()}, {PAM_PROMPT_ECHO_OFF, text.c_str()}});
        if (key == "many")
            ask(key, std::vector<pam_message>(static_cast<std::size_t>(std::atoi(text.c_str())),
                                              {PAM_TEXT_INFO, "more"}));
        if (key == "null-text") ask(key, {{PAM_PROMPT_ECHO_OFF, nullptr}});
        if (key == "null-message") talk({nullptr}, &responses_);
        const pam_message prompt{PAM_PROMPT_ECHO_OFF, "Password: "};
        const pam_message information{PAM_TEXT_INFO, "Hello"};
        if (key == "no-room") tell("no-room " + std::to_string(talk({&prompt}, nullptr)));
        if (key == "no-room-info") tell(key + " " + std::to_string(talk({&information}, nullptr)));
        if (key == "old") ::pam_set_item(handle_, PAM_OLDAUTHTOK, answer_.c_str());
        if (key == "new") ::pam_set_item(handle_, PAM_AUTHTOK, answer_.c_str());
        if (key == "user") ::pam_set_item(handle_, PAM_USER, text.c_str());
        if (key == "items")
            tell("service=" + item(PAM_SERVICE) + " user=" + item(PAM_USER) +
                 " peer=" + item(PAM_RHOST));
        if (key == "drop")
            if (::seteuid(65534) != 0 || ::seteuid(0) != 0) std::abort();
        if (key == "ids") tell_ids();
        if (key == "locale") tell(std::strerror(ENOENT));
        if (key == "block") tell_blocked();
        if (key == "mark") ::close(::open(text.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
        if (key == "await")
            while (::faccessat(AT_FDCWD, text.c_str(), F_OK, AT_EACCESS) != 0) ::usleep(5'000);
        if (key == "hang")
            for (;;) ::pause();
        if (key == "delay")
            ::pam_fail_delay(handle_, static_cast<unsigned>(std::atoi(text.c_str())) * 1000);
    }

    int talk(std::vector<const pam_message*> messages, pam_response** responses) {
        const void* item = nullptr;
        if (::pam_get_item(handle_, PAM_CONV, &item) != PAM_SUCCESS) return -1;
        const auto* const conversation = static_cast<const pam_conv*>(item);
        return conversation->conv(static_cast<int>(messages.size()), messages.data(), responses,
                                  conversation->appdata_ptr);
    }

    void ask(const std::string& key, const std::vector<pam_message>& messages) {
        std::vector<const pam_message*> pointers;
        for (const auto& message : messages) pointers.push_back(&message);
        const int code = talk(pointers, &responses_);
        const auto& last = messages.back();
        const std::string name = key + " " + (last.msg == nullptr ? "(null)" : last.msg);
        if (code != PAM_SUCCESS) return tell(name + " fails " + std::to_string(code));
        for (std::size_t i = 0; i < messages.size(); ++i) {
            const char* const answer = responses_[i].resp;
            if (answer != nullptr) answer_ = answer;
            tell(name + (answer == nullptr ? "" : "=" + answer_));
            std::free(responses_[i].resp);
        }
        std::free(responses_);
    }

    std::string item(int type) const {
        const void* value = nullptr;
        ::pam_get_item(handle_, type, &value);
        return value == nullptr ? "(none)" : static_cast<const char*>(value);
    }

    void tell_ids() {
        uid_t real = 0, effective = 0, saved = 0;
        ::getresuid(&real, &effective, &saved);
        tell("ids " + std::to_string(real) + " " + std::to_string(effective) + " " +
             std::to_string(saved));
        tell("pid " + std::to_string(::getpid()));
    }

    void tell_blocked() {
        sigset_t blocked;
        ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
        std::string line = "blocked";
        for (const int number : {SIGHUP, SIGINT, SIGALRM, SIGTERM})
            if (::sigismember(&blocked, number) == 1) line += " " + std::to_string(number);
        tell(line);
    }

    void tell(std::string_view line) const {
        if (into_.empty()) return;
        const std::string text = std::string{line} + "\n";
        const int fd = ::open(into_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        (void)!::write(fd, text.data(), text.size());
        ::close(fd);
    }

    pam_handle_t* handle_;
    pam_response* responses_ = nullptr;
    std::string into_;
    std::string answer_;
};

std::vector<std::string> words_of(int count, const char** words) { return {words, words + count}; }

} // namespace

#define EXPORT extern "C" [[gnu::visibility("default")]] int

EXPORT pam_sm_authenticate(pam_handle_t* handle, int, int count, const char** words) {
    return Fixture{handle}.run(words_of(count, words));
}

EXPORT pam_sm_setcred(pam_handle_t*, int, int, const char**) { return PAM_SUCCESS; }

EXPORT pam_sm_acct_mgmt(pam_handle_t* handle, int, int count, const char** words) {
    return Fixture{handle}.run(words_of(count, words));
}

EXPORT pam_sm_chauthtok(pam_handle_t* handle, int flags, int count, const char** words) {
    std::vector<std::string> first, second;
    bool update = false;
    for (const auto& word : words_of(count, words)) {
        update = update || word == "update";
        if (!update || word.starts_with("into=")) first.push_back(word);
        if (update || word.starts_with("into=")) second.push_back(word);
    }
    return Fixture{handle}.run((flags & PAM_PRELIM_CHECK) != 0 ? first : second);
}
