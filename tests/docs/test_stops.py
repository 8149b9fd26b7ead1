"""The table of stops says what the gate does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.core.customer import Customer, Permission
from engine.core.moments import DAY
from engine.core.reading import Reader
from engine.core.rules import Standing
from tests.builders import START, Play

PAGE = Path(__file__).parents[2] / "docs/reference/stops.md"
COLUMNS = {
    "marketing mail": ("marketing", "email"),
    "newsletter mail": ("newsletter", "email"),
    "marketing letter": ("marketing", "letter"),
    "marketing call": ("marketing", "phone"),
    "service mail": ("service", "email"),
}


def _template(column: int) -> str:
    return "receipt" if column == len(COLUMNS) - 1 else f"hello_{column}"


SENDS = "".join(
    f"      - send: {_template(number)}\n        purpose: {purpose}\n        channel: {channel}\n      - wait: 30d\n"
    for number, (purpose, channel) in enumerate(COLUMNS.values())
)
WORKFLOW = f"""
workflow: sends
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: never
leave_when_any:
  - event: email.unsubscribed
    where: {{list: another}}
stages:
  only:
    steps:
{SENDS}    end: done
"""
STOPPING = """
workflow: stopping
enter_when_all:
  - event: customer.logged_in
    within: 1d
again_after: never
stages:
  only:
    steps:
      - {step}
    end: done
"""


def _happened(kind: str, /, **data: Any) -> Callable[[Play], None]:
    return lambda play: None if play.happens(kind, **data) == "accepted" else pytest.fail(kind)


def _said_in_part(play: Play) -> None:
    raw = b'{"specversion":"1.0","id":"1","source":"s","type":"consent.withdrawn","time":"2026-01-05T09:00:00Z","subject":"ada","data":{"purp'
    told = Reader().read(raw, now=play.now).event
    assert told is not None
    play.world.take(told, play.now)


def _walked(play: Play) -> None:
    play.happens("customer.logged_in")


def _walked_after_a_bounce(play: Play) -> None:
    play.happens("email.bounced", kind="dead", status="5.1.1")
    _walked(play)


AFTER: dict[str, tuple[str, Callable[[Play], None]]] = {
    "`suppress: newsletter`": ("suppress: newsletter", _walked),
    "`suppress: marketing`": ("suppress: marketing", _walked),
    "`suppress: marketing` at a dead address": ("suppress: marketing", _walked_after_a_bounce),
    "`standing: former`": ("standing: former", _walked),
    "`email.unsubscribed`": ("tag: nothing", _happened("email.unsubscribed")),
    "`email.unsubscribed` from the newsletter": ("tag: nothing", _happened("email.unsubscribed", purpose="newsletter")),
    "`email.unsubscribed` from marketing": ("tag: nothing", _happened("email.unsubscribed", purpose="marketing")),
    "`email.complained`": ("tag: nothing", _happened("email.complained")),
    "`account.closed`": ("tag: nothing", _happened("account.closed")),
    "`consent.withdrawn` for marketing by email": ("tag: nothing", _happened("consent.withdrawn", purpose="marketing")),
    "`consent.withdrawn` for marketing by phone": (
        "tag: nothing",
        _happened("consent.withdrawn", purpose="marketing", channel="phone"),
    ),
    "`consent.withdrawn` for marketing by letter": (
        "tag: nothing",
        _happened("consent.withdrawn", purpose="marketing", channel="letter"),
    ),
    "`consent.withdrawn` for the newsletter": ("tag: nothing", _happened("consent.withdrawn", purpose="newsletter")),
    "`consent.withdrawn` that cannot be read whole": ("tag: nothing", _said_in_part),
    "`hand_off.answered` with the result never": ("tag: nothing", _happened("hand_off.answered", result="never")),
    "`email.bounced`, beyond doubt": ("tag: nothing", _happened("email.bounced", kind="dead", status="5.1.1")),
    "`customer.ended`, `customer.erased`": ("tag: nothing", _happened("customer.ended")),
}


def _rows() -> dict[str, dict[str, str]]:
    lines = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def _somebody(customer_id: str) -> Customer:
    """A customer who permitted everything, and can be reached everywhere."""
    allowed = {
        f"{purpose}/{channel}": Permission(given=True, at=START - DAY, basis="express")
        for purpose in ("marketing", "newsletter", "tracking")
        for channel in ("email", "letter", "phone")
    }
    profile = {name: (f"{name}@shop.example", 0) for name in ("email", "postal", "phone")}
    return Customer(customer_id, epoch=1, permission=allowed, profile=profile)


@pytest.mark.parametrize("after", AFTER)
def test_each_row_is_what_the_gate_does(after: str) -> None:
    """Five sends, one of each kind, after the stop: those that go are those of which the table says so."""
    step, stops = AFTER[after]
    play = Play(WORKFLOW, STOPPING.format(step=step), newcomer=_somebody)
    play.happens("customer.visited", "other")
    stops(play)
    assert step != "standing: former" or play.customer().standing is Standing.FORMER
    play.happens("customer.visited")
    play.passes("200d")
    sent = {
        each.data["template"] for each in play.effects if each.customer == "ada" and each.type.endswith("requested")
    }
    goes = {name: "goes" if _template(number) in sent else "stops" for number, name in enumerate(COLUMNS)}
    assert goes == _rows()[after]


def test_every_row_is_tried() -> None:
    """The table has no row that nothing compares with the gate."""
    assert list(_rows()) == list(AFTER)
