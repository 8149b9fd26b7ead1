"""One visitor who clicks for many recipients at once: a gateway that tests the links of a whole company's mail.

That needs many customers side by side, which no record has, so it is judged where events come in, over a window of
seconds in memory. Nothing of it is kept: after a restart the window is empty, and a burst cut in two may be found late.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core.engagement import MANY_RECIPIENTS
from engine.core.events import Event
from engine.core.moments import SECOND, Instant

MANY: Final = 5
WITHIN: Final = 10 * SECOND
MOST_VISITORS: Final = 10_000
"""So many visitors are remembered at a time, the latest; a visitor lasts some seconds."""

_Visitor = tuple[str, str, str]
"""Internet address, browser, and the recipients' mail domain (empty where the click does not tell it)."""


class _Visit(Struct, frozen=True):
    at: Instant
    whom: str
    event: Event


class Crowds:
    """The clicks of the last seconds, by visitor."""

    def __init__(self) -> None:
        self._visits: dict[_Visitor, list[_Visit]] = {}

    def heard(self, event: Event) -> list[Event]:
        """Take in a click as it was read; return what is to be taken in: it, and earlier ones told again as a machine's.

        A click told again has the time, link and message of the first telling, which it replaces in the record.
        """
        data = event.data
        if event.type != "email.clicked" or not data.ip or data.machine is not None:
            return [event]
        visitor = (data.ip, data.user_agent, event.email.rpartition("@")[2].casefold())
        near = [each for each in self._visits.pop(visitor, ()) if abs(each.at - event.time) <= WITHIN]
        known = len({each.whom for each in near}) >= MANY
        near.append(_Visit(event.time, event.customer or event.email or data.message_id, event))
        self._visits[visitor] = near
        if len(self._visits) > MOST_VISITORS:
            del self._visits[next(iter(self._visits))]
        if known:
            return [_by_machine(event)]
        if len({each.whom for each in near}) < MANY:
            return [event]
        earlier = [_by_machine(replace(each.event, id=f"{each.event.id}/{MANY_RECIPIENTS}")) for each in near[:-1]]
        return [_by_machine(event), *earlier]


def _by_machine(event: Event) -> Event:
    return replace(event, data=replace(event.data, machine=True, why=(*event.data.why, MANY_RECIPIENTS)))
