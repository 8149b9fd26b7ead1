"""What a back-test found, as plain figures: what `simulate --json` prints and report.html shows."""

from __future__ import annotations

import msgspec
from msgspec import Struct

STANDINGS = ("active", "reader", "lapsed", "former", "prospect")
"""The standings in the order reports show them."""

WHAT_IT_DOES_NOT_SHOW = (
    "This shows what would have been sent, not what it would have brought: nobody in this history got these mails, "
    "so nobody could react to them. What a workflow brings is measured live, against its hold-out."
)


class OfferFigures(Struct):
    """How often an offer was made, and what it costs if every one is redeemed, in the shop's currency."""

    issued: int
    cost: str


class ToldRun(Struct):
    """A run of the customer whose story is told, as a scenario of its workflow; `left_out` is what it cannot say."""

    workflow: str
    scenario: str
    left_out: list[str]


class Weekly(Struct):
    """The same figures by week, a list each with one number per week of `Report.weeks`.

    Standings are those at the end of the week; the others are counts of the week, offers' costs in smallest units.
    """

    standings: dict[str, list[int]] = {}
    entered: dict[str, list[int]] = {}
    sends: dict[str, list[int]] = {}
    offer_cost: dict[str, list[int]] = {}


class Report(Struct):
    """The figures of a back-test. Names and meaning are a contract: see `simulate` in docs/how-to/back-test.md.

    `events` are distinct ones from before the end; `history` of them lie before `--from`, `left_out` more came after
    the end. `returned` counts returns to active, `returned_without_mail` those of customers to whom nothing would have
    been sent since they fell silent. `standing_changes` is by from and to. `notes` are for people.
    """

    events: int = 0
    duplicates: int = 0
    history: int = 0
    left_out: int = 0
    dead_letters: int = 0
    stuck: int = 0
    customers: int = 0
    gone: int = 0
    first_day: str = ""
    last_day: str = ""
    days: int = 0
    timezone: str = ""
    currency: str = ""
    standings: dict[str, int] = {}
    standing_changes: dict[str, dict[str, int]] = {}
    workflows: dict[str, str] = {}
    entered: dict[str, int] = {}
    waiting: dict[str, int] = {}
    sends: dict[str, int] = {}
    held_out: int = 0
    outcomes: dict[str, dict[str, int]] = {}
    open: dict[str, int] = {}
    returned: int = 0
    returned_without_mail: int = 0
    offers: dict[str, OfferFigures] = {}
    capped: int = 0
    deferred: int = 0
    dropped: dict[str, int] = {}
    deferred_for: dict[str, int] = {}
    weeks: list[str] = []
    weekly: Weekly = msgspec.field(default_factory=Weekly)
    notes: list[str] = []
    what_it_does_not_show: str = WHAT_IT_DOES_NOT_SHOW
    events_per_second: int = 0
    story: list[str] = []
    story_as_scenarios: list[ToldRun] = []


def encoded(report: Report) -> bytes:
    """Return the report as the JSON document of `report.json`, for people to read and for programs."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
