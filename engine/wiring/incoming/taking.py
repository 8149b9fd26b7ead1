"""One mail that came in: read, joined, told as events, handed to a person where one wrote; or set aside.

What it says is durable when `take` returns: a "no" is on the block list first, then the events are taken in as from
everywhere else, then the people have the words. Nothing is ever answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from connectors.bounces import read
from connectors.incoming import NotNowError
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.core.whose import mail_key
from engine.listeners import Intake, Objections
from engine.listeners.intake import Submit
from engine.ports import Clock
from engine.wiring.incoming.handing_over import HandingOver
from engine.wiring.incoming.heads import head_of
from engine.wiring.incoming.joining import joined
from engine.wiring.incoming.telling import WRITTEN, Came, events
from engine.wiring.secret import Secrets

log = structlog.get_logger(__name__)

Find = Callable[[str], Awaitable[str]]
"""Returns the customer known under an identity key, empty for nobody."""

SET_ASIDE, NOTHING = "set_aside", "nothing"
KINDS: Final = ("bounce", "complaint", "delivered", "no", "reply", "auto_reply", NOTHING, SET_ASIDE)
"""What a mail that came in can be, as the metrics count them."""

_KEPT_OF_POISON = 1_000_000  # bytes


def came_in(raw: bytes, recipients: Sequence[str], secrets: Secrets, now: Instant) -> Came:
    """Read a mail and join it, as far as it says by itself whose it is."""
    head, report = head_of(raw), read(raw)
    about = joined(
        raw,
        secrets,
        recipients=(*recipients, *report.about.envelope_recipients),
        envelope_id=report.about.envelope_id,
        message_ids=report.about.message_ids,
    )
    return Came(head, report, about, now)


class IncomingMail:
    """Takes mails in, whichever way they come."""

    def __init__(
        self,
        secrets: Secrets,
        intake: Intake,
        objections: Objections,
        submit: Submit,
        find: Find,
        people: HandingOver,
        clock: Clock,
        *,
        own: frozenset[str] = frozenset(),
        counted: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take mails in.

        Args:
            secrets: what we sign with.
            intake: takes events in.
            objections: blocks who says no.
            submit: takes what must be set aside.
            find: knows customers.
            people: get what customers write.
            clock: the time of day.
            own: addresses of the shop's own, in small letters.
            counted: hears what each mail was, one of `KINDS`.

        """
        self._secrets, self._intake, self._objections, self._submit = secrets, intake, objections, submit
        self._find, self._people, self._clock, self._own, self._counted = find, people, clock, own, counted

    async def take(self, raw: bytes, recipients: Sequence[str], origin: str) -> None:
        """Take one mail in; what nothing can be made of is set aside with the dead letters.

        Raises:
            NotNowError: the engine, the books or the mail server cannot be used now: bring it again.

        """
        try:
            came = came_in(raw, recipients, self._secrets, self._clock.now())
        except Exception as error:  # noqa: BLE001 - one mail that breaks us must not hold up all others
            await self._set_aside(raw, origin, error)
            return
        try:
            kind = await self._follow(came, origin)
        except Exception as error:
            raise NotNowError(f"{type(error).__name__}: {error}") from error
        self._counted(kind)

    async def _follow(self, came: Came, origin: str) -> str:
        came = await self._with_customer(came)
        made = list(events(came, self._secrets.blocks, self._own))
        if made:
            await self._intake.take([encode(each) for each in made], origin, self._objections.heed)
        if came.is_for_people:
            await self._people.hand_over(came.head, came.report.text, came.customer, is_a_no=came.is_a_no)
        return came.kind if made or came.is_from_a_person else NOTHING

    async def _with_customer(self, came: Came) -> Came:
        """Find whose the mail is that it is about, else, of what somebody wrote, who that is."""
        about, writer = came.about, came.head.writer
        if about is not None and not about.customer:
            about = replace(about, customer=await self._find(f"message:{about.effect_id}"))
        customer = about.customer if about is not None else ""
        if not customer and writer and came.report.kind in WRITTEN:
            customer = await self._find(mail_key(writer))
        return replace(came, about=about, customer=customer)

    async def _set_aside(self, raw: bytes, origin: str, error: Exception) -> None:
        log.error("a mail that came in cannot be handled; it is among the dead letters", why=type(error).__name__)
        letter = DeadLetter(raw[:_KEPT_OF_POISON], f"a mail that cannot be handled: {type(error).__name__}", origin)
        try:
            await self._submit([letter], [origin])
        except Exception as failed:
            raise NotNowError(f"{type(failed).__name__}: {failed}") from failed
        self._counted(SET_ASIDE)
