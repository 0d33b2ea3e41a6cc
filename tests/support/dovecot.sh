# The tests with a real Dovecot source this file. It runs the installed Dovecot, 2.3 or 2.4, on
# loopback, in a directory of its own. `build` is the directory of the build.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the tests
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
for command in dovecot doveadm; do
    command -v $command >/dev/null || { echo "skipped: $command is missing"; exit 77; }
done
dir=$(mktemp -d -t poppass-dovecot.XXXXXX)
chmod 755 "$dir"
failed=0 passed=0 server=
stop() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    server=
}

is() { # NAME EXPECTED GOT: EXPECTED is a pattern
    # shellcheck disable=SC2254 # a pattern it is
    case $3 in
    $2) echo "ok $1"; passed=$((passed + 1)) ;;
    *)
        echo "FAILED $1: expected $2, got:"
        printf '%s\n' "$3"
        tail -5 "$dir/log" 2>/dev/null
        failed=$((failed + 1))
        ;;
    esac
}

set_password() { # FILE NAME PASSWORD [--add]
    printf '%s\n' "$3" |
        "$build/bin/pwadmin" -q -f "$1" -m sha512crypt -c 1000 --stdin ${4:+"$4"} "$2" ||
        echo "FAILED to set a password in $1"
}
change() { # FILE NAME OLD NEW: changes the password as a front end does
    printf '%s\0%s\0\0%s\0' "$2" "$3" "$4" |
        "$build/bin/setpw" -f "$1" -m sha512crypt -c 1000 3<&0
}

case $(dovecot --version) in
2.3.*)
    release=2.3
    general="disable_plaintext_auth = no
mail_location = maildir:~/Maildir"
    static="userdb {
  driver = static
  args = uid=65534 gid=65534 home=$dir/home
}"
    ;;
2.4.*)
    release=2.4
    general="dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir"
    static="userdb static {
  fields {
    uid = 65534
    gid = 65534
    home = $dir/home
  }
}"
    ;;
*) echo "skipped: this test does not know Dovecot $(dovecot --version)"; exit 77 ;;
esac
echo "Dovecot $release"

imap=$((20000 + RANDOM % 10000)) pop3=$((imap + 1)) lmtp=$((imap + 2))
start() { # CONFIGURATION: starts Dovecot and waits until it answers
    stop
    rm -rf "$dir/run"
    mkdir -p "$dir/run"
    cat >"$dir/conf" <<END
$general
base_dir = $dir/run
state_dir = $dir/run
log_path = $dir/log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
auth_failure_delay = 0
auth_cache_size = 0
first_valid_uid = 1
${POPPASS_SANITIZED:+default_vsz_limit = 0}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  user = root
}
service imap-login {
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = $pop3
  }
  inet_listener pop3s {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    port = $lmtp
  }
  unix_listener lmtp {
    mode = 0
  }
}
$1
END
    dovecot -F -c "$dir/conf" >>"$dir/log" 2>&1 &
    server=$!
    local i
    for ((i = 0; i < 200; ++i)); do
        [ -S "$dir/run/auth-userdb" ] && (exec 9<>"/dev/tcp/127.0.0.1/$imap") 2>/dev/null && return
        sleep 0.05
    done
    echo "Dovecot does not start:"
    cat "$dir/log"
    exit 1
}

answer_of() { # PATTERN: the first line from the connection on 9 that matches it
    local line
    while IFS= read -r -t 40 line <&9; do
        # shellcheck disable=SC2254
        case $line in
        $1) printf '%s\n' "${line%$'\r'}" && return ;;
        esac
    done
    echo "no answer"
}
login() { # NAME PASSWORD: prints the answer of IMAP, and then closes the connection
    exec 9<>"/dev/tcp/127.0.0.1/$imap" || return
    printf 'a LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n' "$(bytes "$1")" "$1" "$(bytes "$2")" "$2" >&9
    answer_of 'a *'
    exec 9>&-
}
bytes() { LC_ALL=C; echo "${#1}"; }
pop3_login() { # NAME PASSWORD
    exec 9<>"/dev/tcp/127.0.0.1/$pop3" || return
    answer_of '+OK*' >/dev/null
    printf 'USER %s\r\n' "$1" >&9
    answer_of '*' >/dev/null
    printf 'PASS %s\r\n' "$2" >&9
    answer_of '*'
    exec 9>&-
}
deliver() { # NAME SUBJECT: prints LMTP's answer to the message, or to a recipient that it refuses
    exec 9<>"/dev/tcp/127.0.0.1/$lmtp" || return
    local answer
    answer_of '220 *' >/dev/null
    printf 'LHLO localhost\r\n' >&9
    answer_of '250 *' >/dev/null
    printf 'MAIL FROM:<>\r\n' >&9
    answer_of '*' >/dev/null
    printf 'RCPT TO:<%s>\r\n' "$1" >&9
    answer=$(answer_of '*')
    case $answer in
    250*)
        printf 'DATA\r\n' >&9
        answer_of '354*' >/dev/null
        printf 'Subject: %s\r\n\r\nHello\r\n.\r\n' "$2" >&9
        answer=$(answer_of '*')
        ;;
    esac
    printf '%s\n' "$answer"
    exec 9>&-
}
look_up() { doveadm -c "$dir/conf" user "$1" 2>&1; }
test_login() {
    doveadm -c "$dir/conf" auth test "$@" >/dev/null 2>&1
    echo "$?"
}

by_passwd_file() { # FILE
    if [ "$release" = 2.3 ]; then
        printf 'passdb {\n  driver = passwd-file\n  args = scheme=CRYPT username_format=%%u %s\n}\n' "$1"
    else
        printf 'passdb passwd-file {\n  passwd_file_path = %s\n  default_password_scheme = crypt\n}\n' "$1"
    fi
}
