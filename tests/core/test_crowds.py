"""One visitor who clicks for many recipients at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from engine.core.crowds import MOST_VISITORS, Crowds
from engine.core.customer import Customer
from engine.core.engagement import MANY_RECIPIENTS
from engine.core.events import Event
from engine.core.facts import fold
from engine.core.moments import SECOND
from tests.builders import PLAIN, START, event


def click(number: int, seconds: int = 0, **data: Any) -> Event:
    """A click by one visitor, for a customer."""
    told = {"message_id": f"<m{number}@x>", "link": "a", "ip": "192.0.2.1", "user_agent": "Firefox"}
    told |= {"email": f"c{number}@company.example", **data}
    return event("email.clicked", START + seconds * SECOND, f"c{number}", f"e-{number}-{seconds}", **told)


def by_machine(events: list[Event]) -> list[str]:
    """The ids of those that are marked."""
    return [each.id for each in events if each.data.machine and MANY_RECIPIENTS in each.data.why]


def test_one_visitor_for_five_recipients_is_a_machine() -> None:
    """The fifth recipient of a domain within ten seconds tells; the four before are told again, later ones are marked."""
    crowds = Crowds()
    for number in range(4):
        assert by_machine(crowds.heard(click(number, number))) == []
    assert by_machine(crowds.heard(click(4, 4))) == ["e-4-4", *(f"e-{n}-{n}/{MANY_RECIPIENTS}" for n in range(4))]
    assert by_machine(crowds.heard(click(5, 5))) == ["e-5-5"]


def test_who_is_no_crowd() -> None:
    """One person's many clicks, other browsers, other domains, more than ten seconds, and clicks without an address."""
    others: tuple[Callable[[int], Event], ...] = (
        lambda number: click(0, number),
        lambda number: click(number, number, user_agent=f"Firefox {number}"),
        lambda number: click(number, number, email=f"a@{number}.example"),
        lambda number: click(number, 3 * number),
        lambda number: click(number, number, ip=""),
    )
    for other in others:
        crowds = Crowds()
        assert [by_machine(crowds.heard(other(number))) for number in range(8)] == [[]] * 8


def test_a_click_told_again_replaces_the_first_telling() -> None:
    """The record has one click then, a machine's, and no sign of life by it."""
    customer = Customer("c0")
    first = click(0)
    fold(customer, first, PLAIN, None, [])
    assert customer.life
    before = copy.copy(customer)
    crowds = Crowds()
    for number in range(4):
        crowds.heard(click(number))
    again = crowds.heard(click(4))[1]
    fold(customer, again, PLAIN, None, [])
    assert before.life, "the record before is as it was"
    assert customer.life == {}
    (mark,) = customer.trail["email.clicked"]
    assert mark.fields is not None
    assert mark.fields["machine"]


def test_visitors_are_forgotten() -> None:
    """Memory is bounded, whoever comes."""
    crowds = Crowds()
    for number in range(MOST_VISITORS + 100):
        crowds.heard(click(number, ip=f"{number}"))
    assert len(crowds._visits) == MOST_VISITORS
