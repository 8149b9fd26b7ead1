"""The sample shop: what is fixed about it, and that it is the same whenever it is made up again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
import pytest

from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, zone
from engine.core.reading import Reader, encode
from engine.core.rulebook import Rules
from engine.core.rules import Mode
from engine.core.shop import Shop as ShopState
from engine.language.folder import read_folder
from engine.runtimes.simulator.sample import DAYS, START, Shop, sample_events, sample_lines
from engine.runtimes.simulator.world import World

ROOT = Path(__file__).parents[3]
BERLIN = zone("Europe/Berlin")


@cache
def history() -> tuple[Event, ...]:
    """A sample large enough for its means."""
    return tuple(sample_events(4000, seed=7))


@pytest.mark.parametrize(
    ("kinds", "machine", "mean", "within"),
    [
        ({"order.placed"}, None, 3, 0.05),
        ({"email.sent"}, None, 12, 0.02),
        ({"email.opened"}, None, 4, 0.05),
        ({"email.opened"}, True, 2, 0.08),
        ({"email.clicked"}, None, 1, 0.08),
        ({"profile.updated"}, None, 1, 0),
        ({"consent.given"}, None, 1, 0.04),
    ],
)
def test_the_means_are_as_fixed(kinds: set[str], machine: bool | None, mean: float, within: float) -> None:  # noqa: FBT001 - a table's column
    """A customer has in the mean what figures elsewhere are compared by."""
    found = sum(event.type in kinds and (machine is None or event.data.machine is machine) for event in history())
    assert found / 4000 == pytest.approx(mean, rel=within)


def test_the_others_are_of_all_kinds() -> None:
    """Besides, a fifth of an event for each customer: bounces, noes, tickets, log-ins, orders called off."""
    usual = {"order.placed", "email.sent", "email.opened", "email.clicked", "profile.updated", "consent.given"}
    others = Counter(event.type for event in history() if event.type not in usual)
    assert sum(others.values()) / 4000 == pytest.approx(0.2, rel=0.1)
    assert others.keys() == {
        "email.bounced",
        "email.unsubscribed",
        "email.complained",
        "customer.logged_in",
        "newsletter.confirmed",
        "order.cancelled",
        "order.refunded",
        "ticket.opened",
        "ticket.solved",
    }


def test_it_is_a_mix_of_people() -> None:
    """German and English, mostly in Berlin's zone, at domains for examples, each with an address of their own."""
    people = [event.data for event in history() if event.type == "profile.updated"]
    assert {person.language for person in people} == {"de", "en"}
    zones = Counter(person.timezone for person in people)
    assert zones["Europe/Berlin"] / len(people) > 0.5
    assert len(zones) > 3
    assert len({person.email for person in people}) == len(people)
    assert {person.email.rpartition("@")[2] for person in people} == {"example.org", "example.com", "example.net"}


def test_it_is_in_order_and_within_its_time() -> None:
    """Events come in the order of time, none before the first day or after the last, each with an id of its own."""
    times = [event.time for event in history()]
    assert times == sorted(times)
    assert BERLIN.day(times[0]) >= START
    assert BERLIN.day(times[-1]) <= START + DAYS
    assert len({(event.source, event.id) for event in history()}) == len(times)


def test_it_is_the_same_again() -> None:
    """The same arguments give the same bytes, another seed others."""
    first, again, other = (b"".join(sample_lines(50, seed, days=365)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_smaller_sample_is_part_of_a_greater_one() -> None:
    """What a customer does depends on the seed and the number alone."""
    small, great = (list(sample_events(customers, 3, days=365)) for customers in (20, 60))
    first = {f"c-{number:06d}" for number in range(20)}
    assert small == [event for event in great if event.customer in first]


def test_its_lines_are_read_without_complaint() -> None:
    """Each line reads as the event it was written from."""
    reader = Reader()
    for event in history()[::17]:
        assert reader.read(encode(event)).event == event


def test_a_third_enters_a_shipped_workflow() -> None:
    """With all shipped workflows live, at least a third of the customers enter one; all but two are entered by somebody."""
    rules = read_folder(ROOT / "workflows").rules
    assert rules is not None
    live = {name: msgspec.structs.replace(switch, mode=Mode.LIVE) for name, switch in rules.switches.items()}
    entered: set[str] = set()
    workflows: set[str] = set()

    def sink(effect: Effect) -> None:
        if effect.type == "winback.run_started":
            entered.add(effect.customer)
            workflows.add(effect.data["workflow"])

    world = World(Rules(msgspec.structs.replace(rules, switches=live), ShopState(), key=b"key"), sink=sink)
    world.play(sample_events(400, seed=5))
    assert len(entered) > 400 / 3
    assert set(rules.workflows) - workflows == {"loyalty-members", "renew-permission", "confirm-newsletter"}


# Day by day ----------------------------------------------------------------------------------------------------------


def mail(number: int, day: int, customer: int, **data: object) -> Effect:
    """A mail of winback, handed over at ten on a day."""
    told = {"template": "coupon_offer", "customer": {"id": f"c-{customer:06d}"}, **data}
    return Effect(SEND_REQUESTED, BERLIN.at(day, 10 * HOUR), f"c-{customer:06d}", f"effect-{number}", told)


@dataclass
class Life:
    """Some days of the shop in which each of its customers gets a mail, and what came of it."""

    asks: str = ""
    answers: list[Event] = field(default_factory=list)
    others: list[Event] = field(default_factory=list)

    def lived(self) -> Life:
        """Live them."""
        shop, middle = Shop(600, 9, days=365), START + 300
        for day in range(START, middle):
            shop.day(day)
        sends = [
            mail(number, middle - 1, number, asks=self.asks, offer={"code": f"WB-{number}"}) for number in range(600)
        ]
        for day in range(middle, middle + 30):
            for event in shop.day(day, sends if day == middle else ()):
                assert BERLIN.day(event.time) == day
                (self.answers if event.id.startswith("effect-") else self.others).append(event)
        return self


def test_people_answer_their_mails() -> None:
    """Some click, some of those order with their code, some say no; nobody answers before the day they are asked about."""
    life = Life().lived()
    kinds = Counter(event.type for event in life.answers)
    assert 30 < kinds["order.placed"] == kinds["coupon.redeemed"] < kinds["email.clicked"] < 300
    assert kinds["email.unsubscribed"] > 0
    assert kinds["newsletter.confirmed"] == 0
    for event in life.answers:
        if event.type == "order.placed":
            assert event.data.coupon == f"WB-{int(event.customer.removeprefix('c-'))}"
        assert Reader().read(encode(event)).event == event


def test_a_question_is_answered_by_a_confirmation() -> None:
    """To a mail that asks, a yes is a confirmation and no order."""
    kinds = Counter(event.type for event in Life(asks="still_interested").lived().answers)
    assert kinds["newsletter.confirmed"] > 30
    assert kinds["order.placed"] == 0


def test_who_said_no_gets_no_newsletter() -> None:
    """After a no to winback the shop's own newsletter stops too."""
    life = Life().lived()
    said_no = {event.customer: event.time for event in life.answers if event.type == "email.unsubscribed"}
    after = [event for event in life.others if event.time > said_no.get(event.customer, 1 << 62) + DAY]
    assert not [event for event in after if event.type == "email.sent"]


def test_a_life_repeats_itself() -> None:
    """The same seed and the same mails give the same answers; mails to strangers and other effects give none."""
    assert Life().lived() == Life().lived()
    shop = Shop(3, 9, days=365)
    strangers = [mail(1, START, 999_999), mail(2, START, 1)]
    held_out = msgspec.structs.replace(strangers[1], type="winback.send.held_out")
    assert shop.day(START, [strangers[0], held_out]) == Shop(3, 9, days=365).day(START)
