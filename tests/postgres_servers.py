"""Real PostgreSQL servers on loopback, with the settings a new installation has (fsync and all)."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from tests.server_processes import ServerFailed, ServerProcess, free_port

USER: Final = "winback"
READY: Final = 120.0

_numbers = count(1)


class NoPostgresHere(Exception):
    """This machine cannot run PostgreSQL; the message says what is missing and how to get it."""


class Server:
    """One server; the same port and data however often it is started: `with Server() as server: server.database()`."""

    def __init__(self, *, folder: Path | None = None, port: int | None = None, watched: bool = True) -> None:
        """Lay out a server; nothing runs yet.

        Args:
            folder: where data lies; left out, a temporary folder that goes with the server.
            port: left out, a free one.
            watched: end the server with this process, whatever becomes of it.

        Raises:
            NoPostgresHere: it is not installed.

        """
        where = programs()
        self._initdb = where / "initdb"
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="winback-postgres-"))
        self.port = port or free_port()
        self._user = _not_root()
        self._data = self.folder / "data"
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        command = [str(where / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        goes = self.folder if self._temporary else None
        log = self.folder / "log"
        self._process = ServerProcess(command, log, user=self._user, watched=watched, temporary=goes)

    @property
    def pid(self) -> int:
        """The process, for signals of one's own."""
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Return where a database of it is, as PostgreSQL's clients take it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str = "") -> str:
        """Make an empty database, under a name of its own if none is given, and return its URL; one that is there stays."""
        name = name or f"winback_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection, suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database that `database` made, whoever is still connected to it."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Start it, and wait until it takes connections.

        Raises:
            ServerFailed: it ended, or took too long; the message has the end of its log.

        """
        if not self._data.exists():
            self._lay_out()
        self._process.start()
        end = time.monotonic() + READY
        while not self._answers():
            if not self._process.runs:
                raise self._process.failed("PostgreSQL ended")
            if time.monotonic() > end:
                raise self._process.failed(f"PostgreSQL takes no connection after {READY:.0f} s")
            time.sleep(0.05)  # noqa: TID251 - a process of another program: it can only be asked again

    def stop(self) -> None:
        """Stop it in order: whoever is connected is cut off; a temporary folder stays until `close`."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """Kill it (SIGKILL to its first process; the others end when they notice)."""
        self._process.kill()

    def pause(self) -> None:
        """Halt its first process (SIGSTOP): new connections are not answered."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._process.resume()

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it at once, and remove its temporary folder."""
        self._process.stop(signal.SIGQUIT if self._temporary else signal.SIGINT)
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.close()

    def _lay_out(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        as_user: dict[str, Any] = {}
        if self._user:
            them = pwd.getpwnam(self._user)
            os.chown(self.folder, them.pw_uid, them.pw_gid)
            as_user = {"user": them.pw_uid, "group": them.pw_gid, "extra_groups": []}
        command = [str(self._initdb), "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **as_user)
        if done.returncode != 0:
            raise ServerFailed(f"initdb: {done.stderr.strip()}")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def programs() -> Path:
    """Return the folder with PostgreSQL's programs; Debian keeps those of the server off the path.

    Raises:
        NoPostgresHere: there are none.

    """
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not installed:
        raise NoPostgresHere("there is no postgres: install it (on Debian and Ubuntu: apt-get install postgresql)")
    return installed[-1].parent


def _not_root() -> str | None:
    """Return as whom the server runs: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgresHere("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
