"""Honest fakes: a clock, a sender and a receiver that keep to their ports, for tests, previews and the demonstration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from engine.core.customer import Customer
from engine.core.effects import SUPPRESSED, Effect
from engine.core.moments import Instant
from engine.ports import Message, Receipt, Sent
from engine.rendering.mime import BadMessageError, mailbox


class FixedClock:
    """A clock that stands until it is set, and never goes back."""

    def __init__(self, now: Instant = 0) -> None:
        self._now = now

    def now(self) -> Instant:
        """Return the present instant."""
        return self._now

    def advance(self, microseconds: int) -> Instant:
        """Move the clock on, and return the new instant."""
        return self.set(self._now + microseconds)

    def set(self, now: Instant) -> Instant:
        """Move the clock to an instant.

        Raises:
            ValueError: it lies in the past.

        """
        if now < self._now:
            raise ValueError("a clock never goes back")
        self._now = now
        return now


class MemorySender:
    """Takes messages into a list. `script` may say otherwise for a message: another outcome, or None to take it.

    With `honours_key` a second call with the same effect id is recognised and taken once, as some mail services do.
    Calls wait while `hold()` lasts, so that a test can stand in the middle of one. `finds` answers what became of a call,
    by its effect id; without it nobody can be asked.
    """

    def __init__(
        self,
        script: Callable[[Message], Sent | None] | None = None,
        *,
        honours_key: bool = False,
        finds: Callable[[str], Sent | None] = lambda _: None,
    ) -> None:
        self.honours_key = honours_key
        self.asked: list[str] = []
        self._finds = finds
        self.accepted: list[Message] = []
        self.calls: list[str] = []
        self.most_at_once = 0
        self._script = script
        self._at_once = 0
        self._going = asyncio.Event()
        self._going.set()

    async def send(self, message: Message) -> Sent:
        """Take the message, or say what the script says."""
        self.calls.append(message.effect_id)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self._going.wait()
            scripted = self._script(message) if self._script else None
            if scripted is None:
                mailbox(message.recipient)
                self._take(message)
            return scripted or Sent("done")
        except BadMessageError as bad:
            return Sent("refused", "dead", bad.status, str(bad))
        finally:
            self._at_once -= 1

    async def find(self, effect_id: str, message_id: str) -> Sent | None:  # noqa: ARG002 - as the port has it
        """Say what `finds` says."""
        self.asked.append(effect_id)
        return self._finds(effect_id)

    async def close(self) -> None:
        """End nothing: there are no connections."""

    def hold(self) -> None:
        """Let calls wait until `go_on`."""
        self._going.clear()

    def go_on(self) -> None:
        """Let waiting calls end."""
        self._going.set()

    def _take(self, message: Message) -> None:
        known = self.honours_key and any(taken.effect_id == message.effect_id for taken in self.accepted)
        if not known:
            self.accepted.append(message)


class MemoryReceiver:
    """Takes effects into a list. `script` may say otherwise for an effect: another receipt, or None to take it.

    Calls wait while `hold()` lasts, so that a test can stand in the middle of one.
    """

    def __init__(
        self,
        name: str = "memory",
        types: Iterable[str] = (SUPPRESSED,),
        script: Callable[[Effect], Receipt | None] | None = None,
        *,
        at_once: int = 4,
    ) -> None:
        self.name, self.types, self.at_once = name, frozenset(types), at_once
        self.taken: list[Effect] = []
        self.calls: list[str] = []
        self.records: dict[str, Customer | None] = {}
        self.most_at_once = 0
        self._script = script
        self._at_once = 0
        self._going = asyncio.Event()
        self._going.set()

    def takes(self, effect: Effect) -> bool:
        """Take all there is of its types."""
        return effect.type in self.types

    async def take(self, effect: Effect, record: Customer | None) -> Receipt:
        """Take the effect, or say what the script says."""
        self.calls.append(effect.id)
        self.records[effect.customer] = record
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self._going.wait()
            scripted = self._script(effect) if self._script else None
            if scripted is None or scripted.outcome == "done":
                self.taken.append(effect)
            return scripted or Receipt("done")
        finally:
            self._at_once -= 1

    async def close(self) -> None:
        """End nothing: there are no connections."""

    def hold(self) -> None:
        """Let calls wait until `go_on`."""
        self._going.clear()

    def go_on(self) -> None:
        """Let waiting calls end."""
        self._going.set()
