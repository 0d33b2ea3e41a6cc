"""What the attacks share. An attack runs in a scene that no other process sees. tests/attack/run makes it."""
import contextlib
import fcntl
import os
from pathlib import Path
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

SCENE = Path(os.environ["SCENE"])
BIN, HELPERS = SCENE / "bin", SCENE / "helpers"
BOB, ANN, JOE, VMAIL = range(20001, 20005)  # accounts of /etc/passwd, each with a group of its own
ROOT = 0
FALSE = "/bin/false"

# The password "old": sha256crypt with 1000 rounds, which takes a millisecond, and yescrypt.
OLD = "$5$rounds=1000$abcdefgh$fOPT.9teUsa3z4HoDw8OvV48/qQiDGBxPmuWb2oL6aA"


# The result ----------------------------------------------------------------------------------------

def _broken(kind, error, trace):
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    os._exit(1)


sys.excepthook = _broken


def works(condition, what):
    """Ends the attack as broken if the condition is false. An attack on something that does not work
    proves nothing."""
    if not condition:
        raise AssertionError(f"does not work: {what}")


def not_run(why):
    print(f"not run: {why}", flush=True)
    os._exit(77)


def need(program):
    if shutil.which(program) is None:
        not_run(f"no {program}")


def finish(got):
    """Ends the attack. `got` lists what it got and must not get."""
    print("GOT: " + "; ".join(dict.fromkeys(map(str, got))) if got else "nothing", flush=True)
    os._exit(10 if got else 0)


# Programs ------------------------------------------------------------------------------------------

class Running:
    """A program. `record` is what it reads on descriptor 3. `fds` has, for each descriptor number of the
    program, the descriptor of ours that it gets. By default 0 is /dev/null, and 1 and 2 are files that
    we read."""

    def __init__(self, argv, record=None, fds=None, env=None, user=ROOT, closed=(), cwd=None, before=None):
        self.argv = [str(word) for word in argv]
        self._files = {number: os.memfd_create(f"descriptor{number}") for number in (1, 2)}
        given = {**self._files, **(fds or {})}
        if 0 not in given:
            given[0] = os.open("/dev/null", os.O_RDWR)
        if record is not None:
            given[3], end = os.pipe()
            os.write(end, record)
            os.close(end)
        variables = {"PATH": os.environ["PATH"], **(env or {})}
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 200) for n, fd in given.items() if n not in closed}
                os.closerange(0, 200)
                for number, fd in high.items():
                    os.dup2(fd, number)
                os.closerange(200, 1000)
                os.chdir(cwd or SCENE)
                become(user)
                if before:
                    before()
                os.execve(self.argv[0], self.argv, {k: str(v) for k, v in variables.items()})
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(126)
        for number, fd in given.items():
            if number not in (fds or {}) and fd not in self._files.values():
                os.close(fd)
        self._pidfd = os.pidfd_open(self.pid)
        self.status = None
        self.usage = None

    def __del__(self):
        for fd in (*self._files.values(), self._pidfd):
            os.close(fd)

    def _read(self, number):
        fd = self._files[number]
        return os.pread(fd, os.fstat(fd).st_size, 0)

    @property
    def out(self):
        return self._read(1)

    @property
    def err(self):
        return self._read(2)

    def is_over(self, limit=0.0):
        """Whether it ends within so many seconds."""
        if self.status is not None:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(limit * 1000):
            return False
        _, status, self.usage = os.wait4(self.pid, 0)
        self.took = time.monotonic() - self.began
        self.status = os.waitstatus_to_exitcode(status)
        return True

    def wait(self, limit=20.0):
        """Waits for its end; status is then its exit status, or minus a signal."""
        works(self.is_over(limit), f"{' '.join(self.argv)}: it does not end within {limit} s")
        return self

    def signal(self, number):
        signal.pidfd_send_signal(self._pidfd, number)


def run(argv, **more):
    limit = more.pop("limit", 20.0)
    return Running(argv, **more).wait(limit)


def living(pids, limit=5.0):
    """Those of the processes that are not over within so many seconds: on a busy machine a killed
    process takes a while to end."""
    def lives(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
        except OSError:
            return False

    end = time.monotonic() + limit
    while (left := [pid for pid in pids if lives(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def become(uid):
    if uid != ROOT:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def as_user(uid, deed):
    """Runs the function as that user in a child, and returns the text that it returned."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            os.write(write_end, str(deed() or "").encode(errors="surrogateescape"))
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as end:
        text = end.read().decode(errors="surrogateescape")
    os.waitpid(pid, 0)
    return text


@contextlib.contextmanager
def meanwhile(uid, deed):
    """Runs the function as that user again and again, while the caller goes on. Yields a function that
    returns all texts that the runs returned until now, as a set."""
    log = os.memfd_create("deeds")
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            while True:
                for text in deed() or ():
                    os.write(log, f"{text}\n".encode(errors="surrogateescape"))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    try:
        yield lambda: set(os.pread(log, os.fstat(log).st_size, 0).decode(errors="surrogateescape").splitlines())
    finally:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        works(os.WIFSIGNALED(status), "what goes on meanwhile")


# Links and files -----------------------------------------------------------------------------------

def check_record(login, password):
    return b"\0".join([_bytes(login), _bytes(password), b"", b""])


def set_record(login, old, new):
    return b"\0".join([_bytes(login), _bytes(old), b"", _bytes(new), b""])


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def write(path, content, owner=ROOT, mode=0o600):
    path = Path(path)
    path.write_bytes(_bytes(content))
    os.chmod(path, mode)
    os.chown(path, owner, owner)
    return path


def directory(path, owner=ROOT, mode=0o755):
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, mode)
    os.chown(path, owner, owner)
    return path


def script(path, text, owner=ROOT):
    return write(path, "#!/bin/sh\n" + text, owner, 0o755)


def shadow(*logins):
    return "".join(f"{login}:{OLD}:19000::::::\n" for login in logins)


def fixture(*words):
    """A link that does what its words say."""
    return [str(HELPERS / "link-fixture"), *map(str, words)]


def who(outcome):
    """The ids with which a next-link ran, as `{'uids': '0 0 0', ...}`; empty if it did not run."""
    lines = outcome.out.decode(errors="replace").splitlines()
    if "next-link" not in lines:
        return {}
    lines = lines[lines.index("next-link") + 1:]
    return dict(line.partition(" ")[::2] for line in lines if not line.startswith("environment "))


NEXT_LINK = HELPERS / "next-link"


# Sessions ------------------------------------------------------------------------------------------

class Session(Running):
    """poppass has one end of a socket pair, and we have the other."""

    def __init__(self, check, change=(FALSE,), env=None, program=BIN / "poppass", **more):
        self.client, theirs = socket.socketpair()
        self.client.settimeout(20)
        self.replies = []
        self._rest = b""
        variables = {"PASSWORD_COMMAND": shlex.join(map(str, change)), "POPPASS_DELAY": "0",
                     "POPPASS_TRIES": "1000", **(env or {})}
        super().__init__([program, "test.example", *check], env=variables,
                         fds={0: theirs.fileno(), 1: theirs.fileno()}, **more)
        theirs.close()
        self.greeting = self.reply()

    def send(self, data):
        """Returns False if poppass reads no more."""
        try:
            self.client.sendall(_bytes(data))
        except OSError:
            return False
        return True

    def reply(self):
        """Returns the next line without its line end, or an empty text at the end of file."""
        while b"\n" not in self._rest:
            try:
                block = self.client.recv(65536)
            except ConnectionResetError:  # poppass ended before it read all; its output comes after this
                block = self.client.recv(65536)
            if not block:
                line, self._rest = self._rest, b""
                return line.decode(errors="surrogateescape")
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        self.replies.append(line + b"\n")
        return line.decode(errors="surrogateescape").removesuffix("\r")

    def ask(self, line):
        self.send(_bytes(line) + b"\r\n")
        return self.reply()

    def all_replies(self):
        """Reads to the end of file."""
        while self.reply():
            pass
        return self.replies

    def check(self, login, password):
        self.ask(b"user " + _bytes(login))
        return self.ask(b"pass " + _bytes(password))

    def network(self):
        """The process number of the network side."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return int(children.read_text().split()[0])

    def end(self):
        self.client.close()
        return self.wait()
