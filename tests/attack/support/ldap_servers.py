"""Directory servers for the attacks: slapd with our entries, and a server whose answers an attack chooses."""
from attack import *

SUFFIX, PEOPLE = "dc=example,dc=org", "ou=people,dc=example,dc=org"
URI = "ldap://127.0.0.1:3890"
BY_DN = ["-H", URI, "-D", f"uid=%u,{PEOPLE}"]
BY_SEARCH = ["-H", URI, "-b", SUFFIX, "-q", "(uid=%u)"]


def entry(uid, password, more=""):
    return (f"dn: uid={uid},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: x\n"
            f"userPassword: {password}\n{more}\n")


class Slapd:
    def __init__(self, *entries):
        for path in "/usr/sbin/slapd", "/usr/lib/ldap/back_mdb.so", "/etc/ldap/schema/inetorgperson.schema":
            if not os.path.exists(path):
                not_run(f"no {path}")
        need_link("checkpw-ldap")
        place = directory(SCENE / "slapd")
        directory(place / "data", mode=0o700)
        schemas = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
        write(place / "conf", f"{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\nthreads 2\nlogLevel none\n"
              f"database mdb\nmaxsize 4194304\nsuffix {SUFFIX}\nrootdn cn=manager,{SUFFIX}\nrootpw manager\n"
              f"directory {place}/data\nindex uid eq\n")
        write(place / "entries", f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: x\n\n"
              f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n" + "".join(entries))
        done = run(["/usr/sbin/slapd", "-T", "add", "-q", "-f", place / "conf", "-l", place / "entries"])
        works(done.status == 0, f"slapadd: {done.err}")
        self.process = Running(["/usr/sbin/slapd", "-f", place / "conf", "-h", URI, "-d", "0"])
        for _ in range(500):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 3890)).close()
                return
            time.sleep(0.02)
        works(False, f"slapd: {self.process.err}")


def need_link(name):
    if not (BIN / name).exists():
        not_run(f"no {name} in this build")


# BER, as RFC 4511 wants it.

def ber(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def message(number, operation):
    return ber(0x30, ber(2, bytes([number])) + operation)


def result(tag, code, text=b"", more=b""):
    return ber(tag, ber(10, bytes([code])) + ber(4, b"") + ber(4, text) + more)


BIND, EXTENDED = 0x61, 0x78
REFERRAL = 0xa3


class FakeServer:
    """Answers each request with what answer(number, operation tag) returns: bytes, or a list of pieces,
    after each of which it pauses. None closes the connection. `heard` has all bytes that it got."""

    def __init__(self, answer, port=3890, address="127.0.0.1", pause=0.0):
        need_link("checkpw-ldap")
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(16)
        self._log = os.memfd_create("heard")
        self._pid = os.fork()
        if self._pid:
            with contextlib.suppress(PermissionError):
                os.setpgid(self._pid, self._pid)
            listener.close()
            return
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            client, _ = listener.accept()
            os.write(self._log, b"<connection>")
            if os.fork() == 0:
                listener.close()
                with contextlib.suppress(Exception):
                    self._talk(client, answer, pause)
                os._exit(0)
            client.close()

    def _talk(self, client, answer, pause):
        while request := client.recv(65536):
            os.write(self._log, request)
            at = request.find(b"\x02", 1)
            pieces = answer(request[at + 2], request[at + 3])
            if pieces is None:
                return
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                client.sendall(piece)
                time.sleep(pause)
        time.sleep(0.1)

    @property
    def heard(self):
        return os.pread(self._log, os.fstat(self._log).st_size, 0)

    def end(self):
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
