"""Server processes that tests start, stop, kill and halt, and that outlive nobody.

Each server is the child of a small watching process (this file, run as a script), which reads a pipe from the test run
and ends the server when that pipe closes: so it does when pytest is killed, too. The rejected way, PR_SET_PDEATHSIG, is
Linux's alone and goes by the thread that started the server: one started in a thread of a pool would die with the pool.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

GRACE: Final = 30.0
"""How many seconds a server may take to stop when it is asked to."""


class ServerFailed(Exception):
    """A server did not start, or did not answer; the message has the end of its log."""


class ServerProcess:
    """One server: started, stopped in order, killed, halted and let go on, as often as one likes."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        user: str | None = None,
        watched: bool = True,
        temporary: Path | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            command: what to start.
            log: the file to which it writes.
            user: as whom it runs, if not as who started it.
            watched: end it with this process; if not, it goes on until somebody stops it.
            temporary: a folder that goes when the server is ended with this process.

        """
        self.log = log
        self._command, self._user, self._watched, self._temporary = list(command), user, watched, temporary
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    @property
    def runs(self) -> bool:
        """Whether it runs; a halted one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; whether it answers is for the caller to see."""
        assert not self.runs, "it runs"
        if not self._watched:
            with self.log.open("ab") as log:
                self._process = _started(self._command, log, self._user)
            self.pid = self._process.pid
            return
        temporary = str(self._temporary or "")
        command = [sys.executable, __file__, str(self.log), temporary, self._user or "", *self._command]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self._process.stdout is not None, "a pipe"
        self.pid = int(self._process.stdout.readline() or 0)
        if not self.pid:
            raise ServerFailed(f"{self._command[0]} cannot be started")

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and wait until it has; one that takes too long is killed."""
        if self.runs:
            self.signal(signal.SIGCONT)
            self.signal(sign)
            try:
                self._ended(GRACE)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.runs:
            self.signal(signal.SIGKILL)
            self._ended(None)

    def pause(self) -> None:
        """Halt it (SIGSTOP): it holds its connections, and answers nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.signal(signal.SIGCONT)

    def signal(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        if self.runs:
            os.kill(self.pid, sign)

    def failed(self, what: str) -> ServerFailed:
        """Return an exception that says what went wrong, with the end of the log."""
        return ServerFailed(f"{what}\n{self.log.read_text(errors='replace')[-3000:]}")

    def _ended(self, seconds: float | None) -> None:
        process = self._process
        assert process is not None, "it ran"
        process.wait(seconds)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


PORTS: Final = range(18_000, 32_000)
"""Below those that systems give to connections: a port of theirs might be taken while a server is down, to be started again."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on, another one each time."""
    for port in _untried:
        with socket.socket() as asked, suppress(OSError):
            asked.bind(("127.0.0.1", port))
            return port
    raise ServerFailed("there is no port left")


_untried = iter(random.SystemRandom().sample(PORTS, len(PORTS)))


def _started(command: Sequence[str], log: Any, user: str | None) -> subprocess.Popen[bytes]:
    as_user: dict[str, Any] = {}
    if user:
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **as_user
    )


def _watch(log_file: str, temporary: str, user: str, *command: str) -> NoReturn:
    """Run a server until it ends, or until nobody holds the other end of standard input any more."""
    with Path(log_file).open("ab") as log:
        server = _started(command, log, user or None)
    print(server.pid, flush=True)  # noqa: T201 - this is how it tells

    test_run_is_over = threading.Event()

    def leave_with_the_server() -> None:
        code = server.wait()
        if not test_run_is_over.is_set():
            os._exit(code & 0xFF)

    threading.Thread(target=leave_with_the_server, daemon=True).start()
    while os.read(0, 1):
        pass
    test_run_is_over.set()
    for sign, seconds in ((signal.SIGCONT, 0.0), (signal.SIGINT, 5.0), (signal.SIGKILL, 5.0)):
        if server.poll() is None:
            os.kill(server.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)
    os._exit(1)  # the other thread may be about to


if __name__ == "__main__":
    _watch(*sys.argv[1:])
