"""The checks of `promises.py` find what they look for: effects that are in order, and one thing done to them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from engine.core.events import Event
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.sample import sample_events
from tests.acceptance.promises import Said, Shop, broken
from tests.acceptance.shipped import FOLDER, shipped
from tests.simulator.effects_read import Line, effects

SHOP = Shop.read(FOLDER)


@cache
def sample() -> tuple[Event, ...]:
    """A made-up shop."""
    return tuple(sample_events(400, 1))


def who_lives_where() -> Said:
    """What the checks must know of the customers: their zones."""
    told = {each.customer: each.data.timezone for each in sample() if each.type == "profile.updated"}
    return Said(zones={customer: zone for customer, zone in told.items() if zone})


@cache
def in_order() -> tuple[Line, ...]:
    """The effects of a sample with all shipped workflows."""
    with TemporaryDirectory() as folder:
        run_backtest(sample(), shipped(), Path(folder), Setting(all_drafts=True))
        return tuple(effects(Path(folder)))


Tampering = Callable[[list[Line], Said], Any]


def first(lines: list[Line], kind: str, **data: Any) -> Line:
    """The first effect of a kind whose data have these values."""
    return next(each for each in lines if each.kind == kind and all(each.data[k] == v for k, v in data.items()))


def again(lines: list[Line], line: Line, *, days: float, **changes: Any) -> None:
    """Put in a copy of an effect that much later, as another act."""
    data = {**line.data, "effect_id": "another", **changes}
    lines.append(replace(line, id="another", at=line.at + timedelta(days=days), data=data))
    lines.sort(key=lambda each: each.at)


def same_id(lines: list[Line], _: Said) -> None:
    """One effect id twice."""
    again(lines, first(lines, "tagged"), days=0)
    lines.append(replace(lines[-1], id=lines[0].id))


def sent_twice(lines: list[Line], _: Said) -> None:
    """One act sent a second time."""
    send = first(lines, "send.requested")
    again(lines, send, days=0, effect_id=send.data["effect_id"])


def ended_twice(lines: list[Line], _: Said) -> None:
    """One run ended a second time."""
    again(lines, first(lines, "run_ended"), days=0)


def second_run(lines: list[Line], _: Said) -> None:
    """Another marketing run, an hour after one began."""
    start = first(lines, "run_started", workflow="readers-who-dont-buy")
    again(lines, start, days=1 / 24, run="another", workflow="reconfirm-newsletter")


def too_soon(lines: list[Line], _: Said) -> None:
    """A mail six days after another one."""
    again(lines, first(lines, "send.requested", purpose="marketing"), days=6)


def at_night(lines: list[Line], _: Said) -> None:
    """A mail twelve hours later than it went."""
    send = first(lines, "send.requested")
    lines.remove(send)
    again(lines, send, days=0.5)


def said_no(lines: list[Line], said: Said) -> None:
    """A no an hour before a mail."""
    send = first(lines, "send.requested", purpose="marketing")
    said.no(send.customer, send.at - timedelta(hours=1))


def called(lines: list[Line], _: Said) -> None:
    """A person may call somebody who never permitted it."""
    again(lines, first(lines, "tagged"), days=0)
    at = next(number for number, each in enumerate(lines) if each.id == "another")
    lines[at] = replace(lines[at], kind="handed_off", data={**lines[at].data, "may": ["call"], "team": "sales"})


def offered_again(lines: list[Line], _: Said) -> None:
    """The same offer after 200 days."""
    again(lines, first(lines, "coupon_issued", name="ten_percent"), days=200)


def other_offer(lines: list[Line], _: Said) -> None:
    """Another offer after 100 days."""
    again(lines, first(lines, "coupon_issued"), days=100, name="something")


def held_out_got_it(lines: list[Line], _: Said) -> None:
    """Who is held out was written to after all."""
    held = first(lines, "send.held_out")
    lines[lines.index(held)] = replace(held, kind="send.requested")


def unasked(lines: list[Line], _: Said) -> None:
    """The questions before a stop were none."""
    run = next(each.data["run"] for each in lines if each.kind == "suppressed" and "readers" in each.data["workflow"])
    for each in lines:
        if each.kind == "send.requested" and each.data["run"] == run:
            each.data["asks"] = None


def bounced(lines: list[Line], said: Said) -> None:
    """The questions before a stop came back."""
    stop = first(lines, "suppressed", workflow="readers-who-dont-buy")
    said.bounced[stop.customer].append(stop.at - timedelta(minutes=1))


def answered_yes(lines: list[Line], said: Said) -> None:
    """A yes came a day before the stop."""
    stop = first(lines, "suppressed", workflow="readers-who-dont-buy")
    said.by[stop.customer, "newsletter"].append((stop.at - timedelta(days=1), True))


def never_dead(lines: list[Line], _: Said) -> None:
    """An address that never died was taken out of the mailing."""
    stop = first(lines, "suppressed", workflow="dead-addresses")
    lines[:] = [each for each in lines if each.kind != "address_changed" or each.customer != stop.customer]


def test_effects_in_order_break_nothing() -> None:
    """Nothing is found where nothing is wrong, and there is enough to look at."""
    assert list(broken(in_order(), SHOP, who_lives_where())) == []
    assert len(in_order()) > 2_000


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (same_id, "effects have the id"),
        (sent_twice, "was done 2 times"),
        (ended_twice, "which is over"),
        (second_run, "was open"),
        (too_soon, "in 7 days"),
        (at_night, "was written to at"),
        (said_no, "after a no"),
        (called, "never permitted it"),
        (offered_again, "ten_percent too often"),
        (other_offer, "two offers within"),
        (held_out_got_it, "is held out of"),
        (unasked, "without seven days of silence"),
        (bounced, "without seven days of silence"),
        (answered_yes, "though they said yes"),
        (never_dead, "and the address lives"),
    ],
)
def test_what_is_wrong_is_found(tampering: Tampering, found: str) -> None:
    """Each promise, broken once, is named."""
    lines, said = deepcopy(list(in_order())), who_lives_where()
    tampering(lines, said)
    assert any(found in each for each in broken(lines, SHOP, said))
