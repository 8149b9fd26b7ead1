"""A mail server in a process of its own, which keeps every message it says 250 to, and says so on standard output.

It does not look at the Message-ID or at anything else of a message: what comes twice is kept twice. The line on standard
output follows the answer at once, so that whoever reads it can kill the sender before that has noted the answer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

TAKEN = "250 taken"


class Keeper:
    """Keeps messages as files, numbered in the order they were taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take the message."""
        assert isinstance(envelope.content, bytes)
        self._number += 1
        part = self._folder / "part"
        part.write_bytes(envelope.content)
        part.rename(self._folder / f"{self._number:06}.eml")  # whoever looks finds whole messages
        return f"{TAKEN} as {self._number}"


class Announcing(SMTP):
    """Tells of each message right after the answer to it has left."""

    async def push(self, status: AnyStr) -> None:
        """Answer, then tell."""
        try:
            await super().push(status)
        finally:  # what was to be answered with 250 counts as taken, even if nobody is there to hear it
            if str(status).startswith(TAKEN):
                print(str(status).rpartition(" ")[2], flush=True)  # noqa: T201 - this is how it tells


async def main(folder: Path) -> None:
    """Serve until the process is ended."""
    keeper = Keeper(folder)
    server = await asyncio.get_running_loop().create_server(
        lambda: Announcing(keeper, loop=asyncio.get_running_loop(), hostname="mail.test"), "127.0.0.1", 0
    )
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - as above
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
