"""Words and measures that all rules use: modes, purposes, standings, shares."""

from __future__ import annotations

from enum import StrEnum

from engine.core.money import Money


class Mode(StrEnum):
    """How far a workflow goes."""

    DRAFT = "draft"  #: checked, never run
    SHADOW = "shadow"  #: walks and reports, nothing leaves
    LIVE = "live"


class Purpose(StrEnum):
    """What a message is for; permission and stops are kept per purpose."""

    MARKETING = "marketing"
    NEWSLETTER = "newsletter"
    SERVICE = "service"


class Standing(StrEnum):
    """What we think of a customer."""

    PROSPECT = "prospect"  #: no order yet
    ACTIVE = "active"  #: ordered within the time that is usual
    READER = "reader"  #: reads or clicks, does not buy
    LAPSED = "lapsed"  #: no sign of life
    FORMER = "former"  #: said farewell to; written to rarely or never


class Address(StrEnum):
    """Whether mail can arrive."""

    OK = "ok"
    DOUBTFUL = "doubtful"
    DEAD = "dead"


Value = Money | int | float | bool | str
"""What a field is compared with. Money is named, since a stored set must come back with money in it, not with a list."""

Share = int
"""Parts of ten thousand: 5 % is 500. An integer, so that a hash compares with it exactly."""

WHOLE: Share = 10_000
