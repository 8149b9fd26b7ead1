"""What a customer's answer does: the block list first, durably, then the event that tells the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from engine.core.causes import CAUSES
from engine.core.events import Event, InvitationAnswered, Mail, NewsletterAnswer, SurveyAnswered
from engine.core.links import Link
from engine.core.moments import MINUTE, Instant
from engine.core.permission import STOPPABLE
from engine.core.reading import encode
from engine.core.rules import Purpose
from engine.listeners.choosing import Choice
from engine.listeners.intake import Intake
from engine.listeners.objections import Objections
from engine.ports import Clock

log = structlog.get_logger(__name__)

Block = Callable[[Sequence[bytes]], Awaitable[None]]
"""Puts keys on the block list, or takes them off it; returns after the commit."""


class Answers:
    """Takes in what customers say on the public pages."""

    def __init__(
        self, intake: Intake, block: Block, unblock: Block, objections: Objections, clock: Clock, page: str
    ) -> None:
        """`page` is the public URL, kept as part of the proof of a consent."""
        self._intake, self._block, self._unblock, self._clock, self._page = intake, block, unblock, clock, page
        self._objections = objections

    async def stop(self, link: Link) -> None:
        """Stop messages of the link's purpose.

        Once the block list has it the "no" counts, so it is answered even if the event does not get through.
        """
        await self._block(link.blocks)
        data = Mail(message_id=link.effect_id, purpose=link.purpose)
        await self._try(self._event(link, "email.unsubscribed", data))

    async def confirm(self, link: Link, wording: str, ip: str) -> None:
        """Confirm the newsletter. `wording` is what the customer said yes to; with `ip` it is kept as proof."""
        if link.purpose == Purpose.NEWSLETTER:  # what is confirmed is the newsletter: a no to offers stays
            await self._unblock(link.blocks)
        proof = {"wording": wording, "ip": ip, "page": f"{self._page}/confirm", "mail": link.effect_id}
        await self._take(self._event(link, "newsletter.confirmed", NewsletterAnswer(proof=proof)))

    async def answer(self, link: Link, *, yes: bool, wording: str, ip: str) -> None:
        """Answer the question of a message, which is whether they still want them: a no stops, a yes confirms."""
        if yes:
            await self.confirm(link, wording, ip)
        else:
            await self.stop(link)
        await self._try(self._replied(link, yes=yes))

    async def reply(self, link: Link, *, yes: bool) -> None:
        """Answer an invitation, or whatever else a message asked: it says nothing of mail, so it changes none."""
        await self._take(self._replied(link, yes=yes))

    async def say_why(self, link: Link, reason: str) -> None:
        """Answer the survey. A reason that is no cause (`other`) is an answer all the same."""
        cause = reason if reason in CAUSES else ""
        said = SurveyAnswered(survey=link.asks, answers={"reason": reason}, cause=cause)
        await self._take(self._event(link, "survey.answered", said))

    async def choose(self, link: Link, choice: Choice, wordings: Mapping[str, str], ip: str, address: str) -> None:
        """Take in what a customer chose on their page.

        Args:
            link: the page's.
            choice: what changed.
            wordings: the sentence beside each box that they ticked.
            ip: where from, kept with the wording as proof.
            address: theirs, if it is known: a no holds for it as well.

        """
        stopped = [purpose for purpose in choice.no if purpose in STOPPABLE]
        if stopped:
            await self._objections.heard_no(address, link.customer, purposes=stopped)
        for purpose in stopped:
            said = Mail(message_id=link.effect_id, purpose=purpose)
            await self._try(self._chosen(link, "email.unsubscribed", purpose, said))
        for purpose in choice.no:
            if purpose not in stopped:
                await self._take(self._chosen(link, "consent.withdrawn", purpose, {"purpose": purpose}))
        for purpose in choice.yes:
            proof = {
                "wording": wordings[purpose],
                "ip": ip,
                "page": f"{self._page}/preferences",
                "mail": link.effect_id,
            }
            given = {"purpose": purpose, "basis": "express", "proof": proof}
            await self._take(self._chosen(link, "consent.given", purpose, given))
        wishes = {"frequency": choice.frequency, "channel": choice.channel}
        if changed := {name: value for name, value in wishes.items() if value}:
            await self._take(self._chosen(link, "profile.updated", "-".join(changed.values()), changed))

    def _chosen(self, link: Link, kind: str, about: str, data: object) -> Event:
        """Return the event of a choice; each is one of its own, for minds are changed within a minute."""
        now = self._clock.now()
        return Event(f"{link.effect_id}.{kind}.{about}.{now}", "winback", kind, now, link.customer, data)

    def _replied(self, link: Link, *, yes: bool) -> Event:
        said = InvitationAnswered(invitation=link.asks, answer="yes" if yes else "no")
        return self._event(link, "invitation.answered", said)

    async def _try(self, event: Event) -> None:
        """Take in an event that comes on top of what has already been made durable."""
        try:
            await self._take(event)
        except Exception:
            log.exception("an answer counts, but its event did not get to the record", type=event.type, id=event.id)

    async def _take(self, event: Event) -> None:
        (result,) = await self._intake.take([encode(event)], "a public page")
        if result.status == "dead_letter":
            log.error("an answer became a dead letter", type=event.type, reason=result.reason)

    def _event(self, link: Link, kind: str, data: object) -> Event:
        """Return the event of an answer. Repeats within a minute are one; a later "no" is never taken for an old one."""
        now: Instant = self._clock.now()
        return Event(f"{link.effect_id}.{kind}.{now // MINUTE}", "winback", kind, now, link.customer, data)
