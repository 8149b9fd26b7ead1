"""A mail service in a process of its own, as Postmark is, which keeps every message it takes, and says so on standard output.

It does not look at ids: what comes twice is kept twice. The line on standard output follows the answer at once.
"""

from __future__ import annotations

import asyncio
import sys
from email.message import EmailMessage
from pathlib import Path

from aiohttp import web

from engine.listeners.serving import serve
from tests.mail_service_servers import PostmarkServer


class Counting(PostmarkServer):
    """Keeps messages as files, numbered in the order they were taken."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def _send(self, request: web.Request) -> web.Response:
        answer = await super()._send(request)
        number, taken = len(self.taken), self.taken[-1]
        mail = EmailMessage()
        mail["To"], mail["Subject"] = taken.recipient, taken.subject
        mail.set_content(taken.text)
        part = self._folder / "part"
        part.write_bytes(mail.as_bytes())
        part.rename(self._folder / f"{number:06}.eml")
        try:
            await answer.prepare(request)
            await answer.write_eof()
        finally:
            print(number, flush=True)  # noqa: T201 - this is how it tells
        return answer


async def main(folder: Path) -> None:
    """Serve until the process is ended."""
    service = Counting(folder)
    app = web.Application(middlewares=[service.troubled])
    app.add_routes(service.routes())
    running = await serve(app, "127.0.0.1", 0)
    print(f"port {running.port}", flush=True)  # noqa: T201 - as above
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
