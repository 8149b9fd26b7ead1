"""A listener that a mail server hands reports and replies to: LMTP (RFC 2033) or SMTP, for our own addresses alone.

It answers after what follows from a mail is durable. It never sends anything itself, so it can be no relay and make no loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.incoming.taking import NotNowError, Take

log = structlog.get_logger(__name__)

MOST_RECIPIENTS = 20
_IDLE = 60.0  # seconds


class Listener:
    """Takes mail for the addresses that are ours."""

    def __init__(
        self, host: str, port: int, ours: Collection[str], take: Take, *, speaks: str = "lmtp", most_bytes: int
    ) -> None:
        """`ours` are addresses; behind each one's part before the @ there may be a plus and anything."""
        self.name = "listen"
        self._place, self._ours, self._take = (host, port), tuple(ours), take
        self._protocol, self._most = LMTP if speaks == "lmtp" else SMTP, most_bytes
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Begin to listen; return the port.

        Raises:
            OSError: the address is taken or may not be used.

        """
        host, port = self._place
        self._server = await asyncio.get_running_loop().create_server(self._connection, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _connection(self) -> SMTP:
        return self._protocol(
            self,
            hostname="winback",
            ident="winback",
            data_size_limit=self._most,
            enable_SMTPUTF8=True,
            timeout=_IDLE,
            loop=asyncio.get_running_loop(),
        )

    # What aiosmtpd calls ---------------------------------------------------------------------------------------------

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take mail for our own addresses."""
        if not any(is_for(address, own) for own in self._ours):
            return "550 5.1.1 no mail is taken for this address"
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take the mail in, and answer when it is."""
        raw = envelope.original_content or b""
        try:
            await self._take(raw, envelope.rcpt_tos, "incoming/listen")
            said = "250 2.0.0 OK"
        except NotNowError as error:
            log.warning("a mail is not taken in now; it is to come again", why=str(error))
            said = "451 4.3.0 not now"
        once_each = len(envelope.rcpt_tos) if self._protocol is LMTP else 1
        return "\r\n".join([said] * once_each)


def is_for(address: str, own: str) -> bool:
    """Say whether mail to an address is for one of ours: itself, with a plus and a token, wrapped by BATV or a forwarder."""
    local, _, domain = address.casefold().rpartition("@")
    own_local, _, own_domain = own.casefold().rpartition("@")
    last = local.rpartition("=")[2] if local.startswith(("prvs=", "srs0=", "srs1=", "srs0+", "srs1+")) else local
    return domain == own_domain and last.partition("+")[0] == own_local
