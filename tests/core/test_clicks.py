"""Clicks in a customer's record: judged by each other, held until they can be, judged anew when more is known."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.bursts import JUDGED
from engine.core.customer import MARKS_KEPT, Customer, Mark, decode, encode
from engine.core.events import Event
from engine.core.facts import fold
from engine.core.marks import CLICKED, with_marks
from engine.core.merging import join
from engine.core.moments import HOUR, MINUTE, SECOND
from engine.core.rules import Standing
from tests.builders import PLAIN, START, Play, event

MAIL = "<0123456789abcdef@shop.example>"


def click(seconds: float, link: str = "a", **data: Any) -> Event:
    """A click on a link of the mail, so long after the start."""
    data = {"message_id": MAIL, "link": f"https://shop.example/{link}", **data}
    return event(CLICKED, START + int(seconds * SECOND), "ada", f"{seconds}{link}", **data)


def told(kind: str, seconds: float, **data: Any) -> Event:
    """Another event, so long after the start."""
    return event(kind, START + int(seconds * SECOND), "ada", f"{kind}{seconds}", **data)


def folded(*events: Event, into: Customer | None = None) -> Customer:
    """A record with these events in it."""
    customer = copy.copy(into) if into else Customer("ada", codes_given=(("WB-1", "ten_percent"),))
    for each in events:
        fold(customer, each, PLAIN, None, [])
    return customer


def why(customer: Customer) -> list[str]:
    """Why each click, in order of time, is a machine's; empty for a person's."""
    return [_why(mark) for mark in customer.trail.get(CLICKED, ())]


def _why(mark: Mark) -> str:
    fields = mark.fields or {}
    assert bool(fields.get("machine")) == bool(fields.get(JUDGED) or fields.get("why")), "no verdict without a reason"
    return str(fields.get(JUDGED) or fields.get("why") or "")


THREE = (click(100, "a"), click(101, "b"), click(102, "c"))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([click(100)], [""]),
        ([told("email.sent", 0), click(9)], ["9 s from the mail's arrival"]),
        ([told("email.sent", 0), click(10)], [""]),
        ([told("email.sent", 0), told("email.delivered", 100), click(103)], ["3 s from the mail's arrival"]),
        ([click(97), told("email.delivered", 100)], ["3 s from the mail's arrival"]),
        ([*THREE], ["3 links in 2 s"] * 3),
        ([click(100, "a"), click(101, "a"), click(102, "a")], ["", "", ""]),
        ([click(100, "a"), click(101, "b")], ["", ""]),
        ([click(100, "a"), click(103, "b"), click(106, "c")], ["", "", ""]),
        ([click(100, "a"), click(102, "b"), click(105, "c")], ["3 links in 5 s"] * 3),
        ([*THREE, click(4000, "a")], [*["3 links in 2 s"] * 3, ""]),
        (
            [click(100, "a", links=3), click(130, "b", links=3), click(160, "c", links=3)],
            ["3 links in 60 s"] * 3,
        ),
        ([click(100, "a", links=4), click(130, "b", links=4), click(160, "c", links=4)], ["", "", ""]),
        ([click(100, "a", links=2), click(130, "b", links=2)], ["", ""]),
        (
            [click(100, "a"), click(500, "h", hidden=True, machine=True, why=("hidden_link",)), click(1100, "b")],
            [
                "a hidden link of the same mail was followed",
                "hidden_link",
                "a hidden link of the same mail was followed",
            ],
        ),
        ([click(100, "h", hidden=True, machine=True, why=("hidden_link",)), click(701, "b")], ["hidden_link", ""]),
        (
            [
                click(100, "a", message_id="<x@y>"),
                click(101, "b"),
                click(102, "c", message_id="<z@y>"),
            ],
            ["", "", ""],
        ),
        ([*THREE, told("customer.logged_in", 900)], ["3 links in 2 s", "3 links in 2 s", ""]),
        ([*THREE, told("newsletter.confirmed", 900)], ["3 links in 2 s", "3 links in 2 s", ""]),
        ([*THREE, told("customer.logged_in", 4000)], ["3 links in 2 s"] * 3),
        ([told("email.sent", 0), click(3), told("order.placed", 900, coupon="WB-1")], [""]),
        (
            [told("email.sent", 0), click(3), told("order.placed", 900, coupon="SPRING")],
            ["3 s from the mail's arrival"],
        ),
        ([told("email.sent", 0), click(3), told("order.placed", 900)], ["3 s from the mail's arrival"]),
        ([told("email.sent", 0), click(3, machine=False)], [""]),
        ([click(100, "a", machine=False), click(101, "b"), click(102, "c")], ["", "3 links in 2 s", "3 links in 2 s"]),
    ],
)
def test_clicks_are_judged_by_what_is_around_them(events: list[Event], expected: list[str]) -> None:
    """Too soon, too many, beside a hidden link: a program's; what only a person does shows that the last one was theirs."""
    customer = folded(*events)
    assert why(customer) == expected
    human = [mark.at for mark, reason in zip(customer.trail[CLICKED], expected, strict=True) if not reason]
    assert customer.life.get("click", 0) == max(human, default=0)
    assert decode(encode(customer)) == customer


HAPPENINGS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.builds(
        lambda link, mail, links: (CLICKED, {"link": link, "message_id": mail, "links": links}),
        st.sampled_from("abcd"),
        st.sampled_from(["<m1@x>", "<m2@x>"]),
        st.sampled_from([0, 3]),
    ),
    st.sampled_from(
        [
            (CLICKED, {"link": "h", "message_id": "<m1@x>", "hidden": True, "machine": True}),
            (CLICKED, {"link": "a", "message_id": "<m1@x>", "machine": False}),
            (CLICKED, {"link": "a", "message_id": "<m1@x>", "unverified": True}),
            ("email.sent", {}),
            ("email.delivered", {}),
            ("customer.logged_in", {}),
            ("newsletter.confirmed", {}),
            ("order.placed", {"coupon": "WB-1"}),
            ("coupon.redeemed", {"code": "WB-1", "order_id": "o-7"}),
        ]
    ),
)


@st.composite
def pasts(draw: st.DrawFn) -> list[Event]:
    """Some clicks and what tells of them, each at a second of its own."""
    drawn = draw(st.lists(HAPPENINGS, max_size=12))
    spans = st.integers(0, 20) | st.integers(0, 1500)
    times = draw(st.lists(spans, min_size=len(drawn), max_size=len(drawn), unique=True))
    made = []
    for (kind, data), seconds in zip(drawn, times, strict=True):
        extra: dict[str, Any] = {"order_id": f"o-{seconds}"} if kind == "order.placed" else {}
        made.append(told(kind, seconds, **{**data, **extra}))
    return made


def engagement(customer: Customer) -> Any:
    """What must be alike, whatever the order. Of several orders with one code the first that is heard of counts."""
    return customer.trail.get(CLICKED), customer.life, customer.last_reaction


def one_code(past: list[Event]) -> list[Event]:
    """The events with one use of the code alone: a code is used once."""
    uses = [each for each in past if each.type in ("order.placed", "coupon.redeemed")]
    return [each for each in past if each not in uses[1:]]


@given(past=pasts().map(one_code), data=st.data())
def test_the_verdict_does_not_depend_on_the_order_of_arrival(past: list[Event], data: st.DataObject) -> None:
    """Clicks, arrivals, log-ins and orders come to the same verdicts and the same last click, however they are shuffled."""
    shuffled = data.draw(st.permutations(past))
    assert engagement(folded(*past)) == engagement(folded(*shuffled))


@given(past=pasts().map(one_code), data=st.data())
def test_two_records_join_to_the_verdicts_of_one(past: list[Event], data: st.DataObject) -> None:
    """A scanner's ten clicks spread over two records of a person are ten once the records are joined."""
    halves: tuple[list[Event], list[Event]] = ([], [])
    for each in past:
        halves[data.draw(st.integers(0, 1))].append(each)
    mine = folded(*halves[0])
    join(mine, folded(*halves[1]), PLAIN, [])
    assert engagement(mine) == engagement(folded(*past))


# Settling ------------------------------------------------------------------------------------------------------------

READS = """
workflow: reads
title: For who clicks
owner: Test
mode: live
enter_when_all:
  - event: email.clicked
    within: 30d
again_after: 30d
stages:
  only:
    title: One stage
    steps:
      - wait: 1d
    until_any:
      - event: email.clicked
        then: again
    end: done
  again:
    title: A second click
    end: again
"""


def clicks(play: Play, link: str = "a", **data: Any) -> None:
    """Let the customer's mail be clicked."""
    play.happens(CLICKED, **{"message_id": MAIL, "link": link, **data})


def began(play: Play) -> int:
    """How many runs have begun."""
    return sum(each.type == "winback.run_started" for each in play.effects)


def test_a_click_counts_when_it_has_settled() -> None:
    """Nothing comes of a click for a minute; then it enters workflows, and is heard by runs, at that instant."""
    play = Play(READS)
    at = play.now
    clicks(play)
    assert began(play) == 0
    assert not play.customer().life
    play.until(at + MINUTE - 1)
    assert began(play) == 0
    play.passes("1min")
    assert began(play) == 1
    assert play.customer().life == {"click": at}
    assert play.customer().held == ()
    (start,) = [each for each in play.effects if each.type == "winback.run_started"]
    assert start.time == at + MINUTE


def test_a_run_hears_a_click_that_has_settled() -> None:
    """`until_any` hears the click of a person, a minute later, and never that of a program."""
    play = Play(READS)
    clicks(play)
    play.passes("2min")
    for link in "abc":
        clicks(play, link)
    play.passes("2min")
    assert [each.data["outcome"] for each in play.effects if each.type == "winback.run_ended"] == []
    clicks(play)
    play.passes("2min")
    assert [each.data["outcome"] for each in play.effects if each.type == "winback.run_ended"] == ["again"]


def test_three_links_at_once_are_nobodys() -> None:
    """The first clicks of a burst are held long enough to be found: nobody enters, and no life is shown."""
    play = Play(READS)
    for link in "abc":
        clicks(play, link)
    play.passes("1d")
    assert began(play) == 0
    assert not play.customer().life
    assert {_why(mark) for mark in play.customer().trail[CLICKED]} == {"3 links in 1 s"}


def test_what_a_service_vouches_for_counts_at_once() -> None:
    """A click that its sender calls a person's need not settle; nor does one that came in late or as history."""
    play = Play(READS)
    clicks(play, machine=False)
    assert began(play) == 1


def test_a_click_found_out_later_makes_no_reader() -> None:
    """Who was a reader by a click that turns out to be a program's is lapsed again, and that is told."""
    play = Play()
    play.orders()
    play.passes("100d")
    assert play.customer().standing is Standing.LAPSED
    clicks(play)
    play.passes("2min")
    assert play.customer().standing is Standing.READER
    clicks(play, "hidden", hidden=True, machine=True)
    assert play.customer().standing is Standing.LAPSED
    assert "click" not in play.customer().life


def test_a_held_click_keeps_an_account_open() -> None:
    """Clicks that are held are no life yet; merged into another record they are held there, and settle there."""
    play = Play(READS)
    clicks(play)
    held = play.customer().held
    other = Customer("bob")
    join(other, play.customer(), PLAIN, [])
    assert other.held == held
    assert held[0].due == play.now + MINUTE
    assert (held[0].data.ip, held[0].data.user_agent) == ("", "")


@given(past=pasts().map(one_code), late=st.lists(st.sampled_from([0, 5, 40, 120]), min_size=12, max_size=12))
def test_held_and_settled_comes_to_the_same_as_folded(past: list[Event], late: list[int]) -> None:
    """What is taken in live, each a little late, gives the record that folding it as history gives, a while later."""
    play = Play()
    told_late = sorted(zip(past, late, strict=False), key=lambda pair: (pair[0].time + pair[1] * SECOND, pair[0].id))
    record = folded(*past, into=Customer("ada"))
    for each, seconds in told_late:
        play.until(max(play.now, each.time + seconds * SECOND + 1))
        play.world.take(each, play.now)
    play.until(START + HOUR)
    assert engagement(play.customer() if past else Customer("ada")) == engagement(record)


def test_repetitions_of_a_program_push_out_no_proof() -> None:
    """A program that asks for the links of one mail again and again leaves the hidden link of another mail known."""
    proof = Mark(1, {"mail": 1, "hidden": True, "machine": True})
    others = tuple(Mark(2 + number, {"mail": 2, "hidden": bool(number % 2), "machine": True}) for number in range(40))
    marks: tuple[Mark, ...] = (proof,)
    for each in others:
        marks = with_marks(CLICKED, marks, (each,))
    assert proof in marks
    assert len(marks) <= MARKS_KEPT
