"""What customers write back, mailed to the people who answer: nobody is answered by us.

The words go by mail alone and into no table of ours. It may come twice where nobody knows whether it was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlencode

from engine.core.ids import digest
from engine.ports import Message, Sender
from engine.rendering.envelope import Desk, message_id
from engine.wiring.incoming.heads import HANDED_OVER, Head

LONGEST_TEXT: Final = 20_000
_LONGEST_SUBJECT = 200


class NotTakenError(Exception):
    """The mail to the people was not taken; the message says why."""


class HandingOver:
    """Mails replies to those who read them."""

    def __init__(
        self, address: str, sender: Sender, desk: Callable[[], Desk], console_url: str, only_to: tuple[str, ...] = ()
    ) -> None:
        """`desk` returns who writes as of now; `only_to` are patterns of addresses, none: everybody."""
        self._address, self._sender, self._desk = address, sender, desk
        self._console_url, self._only_to = console_url.rstrip("/"), only_to

    async def hand_over(self, head: Head, text: str, customer: str, *, is_a_no: bool) -> None:
        """Mail what somebody wrote.

        Raises:
            NotTakenError: it was not taken; it can be tried again.

        """
        if self._only_to and not any(fnmatchcase(self._address.casefold(), each.casefold()) for each in self._only_to):
            raise NotTakenError("sender.only_to does not let incoming.replies_to have mail")
        sent = await self._sender.send(self._message(head, text, customer, is_a_no=is_a_no))
        if sent.outcome not in ("done", "unknown"):
            said = " ".join(word for word in (sent.kind, sent.status) if word) or sent.outcome
            raise NotTakenError(f"the mail to the people who read replies was not taken: {said}")

    def _message(self, head: Head, text: str, customer: str, *, is_a_no: bool) -> Message:
        desk, number = self._desk(), digest(head.identity, "handed over")
        return Message(
            effect_id=f"reply-{number}",
            message_id=message_id(f"reply-{number}", desk.domain),
            sender_name=desk.name,
            sender_address=desk.address,
            recipient=self._address,
            subject=_one_line(f"{head.writer or 'Somebody'} wrote: {head.subject or 'no subject'}")[:_LONGEST_SUBJECT],
            text="\n".join(self._lines(head, text, customer, is_a_no=is_a_no)),
            html="",
            headers={
                **({"Reply-To": head.writer} if head.writer.isascii() else {}),
                "Auto-Submitted": "auto-generated",
                HANDED_OVER: number,
            },
            not_after=0,
        )

    def _lines(self, head: Head, text: str, customer: str, *, is_a_no: bool) -> Iterator[str]:
        who = f"{head.writer or 'somebody without an address'}" + (f" (customer {customer})" if customer else "")
        yield f"{who} wrote:"
        yield ""
        yield from (_one_line(line) for line in text.strip()[:LONGEST_TEXT].splitlines())
        yield ""
        yield "-- "
        if is_a_no:
            yield "It is a no to our mails, and they are stopped already. There was more in it, which is for you to read."
        else:
            yield "Answering this mail answers them. No mail of a workflow goes to them for as long as hold_while: reply says."
        if customer:
            yield f"Their story: {self._console_url}/customer?{urlencode({'id': customer})}"


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
