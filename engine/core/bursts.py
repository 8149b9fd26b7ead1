"""Which clicks of one customer are a program's, by when they came and what else happened. Pure, and in any order.

People click one link, read, and perhaps come back. Scanners follow what is in a mail: at once or within half an hour,
all links or some, quickly one after the other. One sender's log of 836 such bursts had a median of 43 seconds after the
mail and nine links within a second, so that the time since the mail alone finds few of them; many links in a moment do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from engine.core.moments import SECOND, Instant
from engine.core.rules import EngagementRule

MANY: int = 3
"""So many links of one mail in a moment are more than a person follows."""

JUDGED = "judged"
"""The field of a mark that says why a click was found to be a machine's, by those around it."""


class Click(Struct, frozen=True, gc=False):
    """A click as it is judged: when, on which mail (0: unknown) and link, how many links that mail has (0: unknown).

    `open` says that neither its sender nor its own request told who it was.
    """

    at: Instant
    mail: int
    link: str
    links: int
    hidden: bool
    open: bool


def click_of(at: Instant, fields: dict[str, Any] | None) -> Click:
    """Return a click from what its mark keeps."""
    if fields is None:
        return Click(at, 0, "", 0, hidden=False, open=True)
    said = JUDGED not in fields and (fields.get("machine") is not None or bool(fields.get("unverified")))
    hidden = bool(fields.get("hidden"))
    return Click(
        at, fields.get("mail", 0), fields.get("link", ""), fields.get("links", 0), hidden=hidden, open=not said
    )


def judge(
    clicks: Sequence[Click], arrived: Iterable[Instant], vouching: Iterable[Instant], rule: EngagementRule
) -> list[str]:
    """Say of each click why it is a machine's; empty where nothing shows that.

    Args:
        clicks: of one customer, in any order.
        arrived: when mails came to them.
        vouching: when they did what only a person does: it shows that the latest click before it was theirs.
        rule: the times.

    """
    said = [""] * len(clicks)
    for place, click in enumerate(clicks):
        soon = [abs(click.at - at) for at in arrived if abs(click.at - at) < rule.too_fast]
        if soon:
            said[place] = f"{min(soon) // SECOND} s from the mail's arrival"
    if len(clicks) > 1:
        _judge_together(clicks, said, rule)
    for at in vouching:
        before = [
            (click.at, click.link, place)
            for place, click in enumerate(clicks)
            if click.open and at - rule.vouched_within <= click.at <= at
        ]
        if before:
            said[max(before)[2]] = ""
    return [reason if click.open else "" for click, reason in zip(clicks, said, strict=True)]


def _judge_together(clicks: Sequence[Click], said: list[str], rule: EngagementRule) -> None:
    """Judge the clicks on one mail by each other."""
    by_mail: dict[int, list[int]] = defaultdict(list)
    for place, click in enumerate(clicks):
        by_mail[click.mail].append(place)
    for places in by_mail.values():
        places.sort(key=lambda place: (clicks[place].at, clicks[place].link))
        has = max(clicks[place].links for place in places)
        if has >= MANY:
            _find_rows(clicks, places, said, rule.all_links_within, has)
        _find_rows(clicks, places, said, rule.burst_within, MANY)
        hidden = [clicks[place].at for place in places if clicks[place].hidden]
        for place in places if hidden else ():
            if min(abs(clicks[place].at - at) for at in hidden) <= rule.hidden_within:
                said[place] = "a hidden link of the same mail was followed"


def _find_rows(clicks: Sequence[Click], places: list[int], said: list[str], within: int, many: int) -> None:
    """Mark those clicks in a row that followed so many different links within a length, both ends in it."""
    most = dict.fromkeys(places, many - 1)
    for first in range(len(places) - many + 1):
        began = clicks[places[first]].at
        row = [place for place in places[first:] if clicks[place].at - began <= within]
        links = len({clicks[place].link for place in row})
        seconds = max(1, -(-(clicks[row[-1]].at - began) // SECOND))
        for place in row:
            if links > most[place]:
                most[place], said[place] = links, f"{links} links in {seconds} s"
