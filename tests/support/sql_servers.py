"""SQL servers of a script's own, for tests and measurements. They need root, and the servers' packages."""
import csv
import io
import os
import pwd
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
from glob import glob


def run(argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=600, **more)


def must(argv, **more):
    outcome = run(argv, **more)
    if outcome.returncode != 0:
        raise RuntimeError(f"{argv[0]}: {outcome.stdout}{outcome.stderr}")
    return outcome.stdout


class Sqlite:
    """A file; it has no accounts."""
    name, account = "sqlite", None

    def __init__(self, directory):
        self.path = directory / "database"

    def stop(self):
        pass

    def make(self, _database, fixture):
        self.path.unlink(missing_ok=True)
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path)
        connection.executescript(fixture)
        connection.close()
        return f"{self.path}"

    def select(self, sql):
        connection = sqlite3.connect(self.path)
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, map(str, row))) for row in cursor]
        connection.close()
        return rows

    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class Server:
    """A server on a socket of its own. It ends when its script does. What it commits is on the disk."""

    def __init__(self, directory, owner):
        self.directory, self.owner, self.database = directory / self.name, owner, None
        self.directory.mkdir(mode=0o700)
        user = pwd.getpwnam(owner)
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        self.process = None

    def as_owner(self, *argv):
        return ["setpriv", f"--reuid={self.owner}", f"--regid={self.owner}", "--clear-groups",
                "--pdeathsig=KILL", *map(str, argv)]

    def start(self, *argv):
        log = open(self.directory / "log", "w")
        self.process = subprocess.Popen(self.as_owner(*argv), stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL, cwd="/")
        end = time.monotonic() + 60
        while run(self.client("-e" if self.name == "mysql" else "-c", "SELECT 1")).returncode:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError((self.directory / "log").read_text())
            time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.send_signal(self.end_signal)
            self.process.wait(60)

    def make(self, database, fixture):
        last, self.database = self.database, None
        if last:
            self.execute(f"DROP DATABASE {last};\nDROP {self.account};")
        self.execute(self.create.format(database))
        self.database = database
        self.execute(fixture)
        return f"{self.address.format(self.directory)} user=poppass dbname={database}"

    def execute(self, sql):
        must(self.client(), input=sql)


class Mysql(Server):
    name, account = "mysql", "USER poppass@localhost"
    end_signal, address = signal.SIGTERM, "socket={0}/socket"
    create = "CREATE DATABASE {} CHARACTER SET utf8mb4"
    tables = ("SELECT table_name AS name FROM information_schema.tables "
              "WHERE table_schema = DATABASE()")

    def __init__(self, directory):
        super().__init__(directory, "mysql")
        data = self.directory / "data"
        must(self.as_owner("mariadb-install-db", "--no-defaults", f"--datadir={data}",
                           f"--tmpdir={self.directory}", "--skip-test-db",
                           "--auth-root-authentication-method=normal"), cwd="/")
        self.start(shutil.which("mariadbd"), "--no-defaults", f"--datadir={data}",
                   f"--tmpdir={self.directory}", f"--socket={self.directory}/socket",
                   f"--pid-file={self.directory}/pid", "--skip-networking", "--skip-log-bin")

    def client(self, *argv):
        return ["mariadb", "--no-defaults", "-u", "root", "-S", f"{self.directory}/socket",
                "--batch", *argv, *([self.database] if self.database else [])]

    def select(self, sql):
        text = must(self.client("-e", sql))
        rows = [line.split("\t") for line in text.splitlines()]
        return [dict(zip(rows[0], row)) for row in rows[1:]]


class Pgsql(Server):
    name, account = "pgsql", "ROLE poppass"
    end_signal, address = signal.SIGINT, "host={0}"
    create = "CREATE DATABASE {}"
    tables = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"

    def __init__(self, directory):
        super().__init__(directory, "postgres")
        self.programs = programs = sorted(glob("/usr/lib/postgresql/*/bin"))[-1]
        data = self.directory / "data"
        must(self.as_owner(f"{programs}/initdb", "-D", data, "-A", "scram-sha-256", "-U", "postgres",
                           "-E", "UTF8", "--locale=C.UTF-8", "-N", f"--pwfile={self.password()}"),
             cwd="/")
        (data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        self.start(f"{programs}/postgres", "-D", data, "-k", self.directory, "-c",
                   "listen_addresses=")

    def password(self):
        path = self.directory / "superuser"
        path.write_text(secrets.token_hex(16))
        shutil.chown(path, self.owner)
        return path

    def client(self, *argv):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory), "-U",
                "postgres", "-d", self.database or "postgres", *argv]

    def select(self, sql):
        return list(csv.DictReader(io.StringIO(must(self.client("--csv", "-P", "null=\\N", "-c",
                                                                sql)))))


SERVERS = {"sqlite": (Sqlite, lambda: True),
           "mysql": (Mysql, lambda: shutil.which("mariadbd") and shutil.which("mariadb")),
           "pgsql": (Pgsql, lambda: glob("/usr/lib/postgresql/*/bin/initdb"))}
