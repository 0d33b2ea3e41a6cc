"""A network side that was taken over: it sends the monitor the messages that an attack chooses."""
from attack import *

GOOD, BAD = ("joe", "old"), ("joe", "guess")
FORGET = b"f"


def check(login, password):
    return b"c" + _nul(login) + _nul(password)


def change(new="new"):
    return b"n" + _nul(new)


def _nul(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


class TakenOver(Session):
    """Its links accept the password "old" and record what they get."""

    def __init__(self, check_words=("password", "old"), change_words=(), env=None, **more):
        self.place = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
        super().__init__(fixture("record", self.place / "checks", *check_words),
                         fixture("record", self.place / "changes", *change_words),
                         {"POPPASS_TRIES": "3", **(env or {})}, program=HELPERS / "taken-over", **more)

    def tell(self, message):
        self.send(f"send {message.hex()}\n")

    def ask_all(self, messages):
        """Sends each message, waits for its answer, and ends. The session also ends if a message is a
        violation."""
        for message in messages:
            self.tell(message)
            if message != FORGET:
                self.send("take\n")
        self.send("exit 0\n")
        self.wait()

    def ask_monitor(self, message):
        """Returns the monitor's answer."""
        self.tell(message)
        self.send("take\n")
        return bytes.fromhex(self.reply().removeprefix("200 "))

    def _records(self, name, strings):
        path = self.place / name
        words = path.read_bytes().split(b"\0")[:-1] if path.exists() else []
        return [words[i:i + strings] for i in range(0, len(words), strings)]

    def checks(self):
        """[login, password] of each check that ran."""
        return [record[:2] for record in self._records("checks", 4)]

    def changes(self):
        """[login, old password, new password] of each change that ran."""
        return [[a, b, d] for a, b, c, d in self._records("changes", 4)]


def control():
    """An honest order of requests works."""
    side = TakenOver()
    side.ask_monitor(check(*GOOD))
    side.ask_monitor(change())
    side.send("exit 0\n")
    side.wait()
    works(side.changes() == [[b"joe", b"old", b"new"]], "a check and a change")
