"""How often a customer wants to hear from us: a cap of their own, kept by the gate beside the shop's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.core.conditions import View
from engine.core.moments import Instant, Length
from engine.core.rules import Purpose

USUAL: Final = "usual"
AT_MOST_ONCE_PER: Final[dict[str, Length]] = {"monthly": Length(days=30), "quarterly": Length(days=90)}
FREQUENCIES: Final = (USUAL, *AT_MOST_ONCE_PER)
"""What customers can choose, the most mail first. `usual` is as often as the shop's caps allow."""


def own_cap_reached(view: View) -> Iterator[tuple[Instant, str]]:
    """Yield the customer's own cap where it is reached: when it is free again, and its words.

    It counts what was released on any channel, to whatever end, but for what is of service.
    """
    length = AT_MOST_ONCE_PER.get(str(view.customer.value("frequency") or ""))
    if length is None:
        return
    counted = [each.at for each in view.customer.releases if each.purpose != Purpose.SERVICE.value]
    if counted:
        yield view.zone.after(counted[-1], length), f"cap: the customer wants at most 1 per {length}"
