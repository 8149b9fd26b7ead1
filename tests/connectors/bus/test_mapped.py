"""Records of the shop's own topics, as connectors.yaml maps them: what becomes an event, what a dead letter, what neither."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bus import MappedTopic, Row
from connectors.bus.mapped import LARGEST
from engine.core.events import Coupon, Item, Mail, OrderCalledOff, OrderPlaced, ProfileUpdated
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.language.files import read_files
from engine.language.problems import format_problems
from tests.builders import at

MORE = """\
  shop.profiles:
    events:
      - type: profile.updated
        time: $time
        customer: $key
        data: {first_name: name.first, birthday: born, language: $header.lang}
  shop.moments:
    events:
      - type: customer.visited
        when: {field: how, is: seconds}
        time: {field: at, as: seconds}
        customer: c
      - type: customer.visited
        when: {field: how, is: microseconds}
        time: {field: at, as: microseconds}
        customer: c
      - type: customer.visited
        time: at
        customer: c
  shop.coupons:
    events:
      - type: coupon.redeemed
        when: {field: used, is: true}
        id: nr
        time: $time
        customer: c
        data: {code: code, order_id: order}
"""
EVERY_KEY = Path(__file__).parents[2] / "language" / "ok" / "connectors" / "every-key.yaml"
OWN = "events: {review.written: {means: A review, fields: {stars: number}}}"
CHECKED = read_files({"connectors.yaml": EVERY_KEY.read_text() + MORE, "events.yaml": OWN})
assert not CHECKED.problems, format_problems(CHECKED.problems, CHECKED.sources)
READER = Reader({"review.written": CHECKED.rules.own_events["review.written"]} if CHECKED.rules else {})
NOW = at("2026-02-01", "UTC")


def read(topic: str, value: Any, *, now: Instant | None = NOW, **more: Any) -> Read:
    """Read a record of a topic."""
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return MappedTopic(CHECKED.connectors[topic], READER.read).read(Row(raw, **more), f"{topic}/0/7", now)


def an_order(**changed: Any) -> dict[str, Any]:
    """An order as a shop might write it."""
    order = {
        "number": 10023,
        "revision": 2,
        "created_at": "2026-01-31T10:15:00",
        "total_cents": 4990,
        "addresses": [{"country": "DE"}],
        "lines": [{"sku": 77, "title": "Cup", "qty": "2", "price_cents": 2495}],
    }
    return {
        "status": "paid",
        "channel": "web",
        "order": order,
        "customer": {"id": 1042, "email": "ada@example.org"},
        **changed,
    }


def test_an_order_of_the_shops_own_becomes_ours() -> None:
    """Paths, joined ids, a time without a zone, cents, numbers as text, items."""
    event = read("shop.orders.v1", an_order()).event

    assert event is not None
    assert (event.id, event.source, event.type, event.customer) == ("10023-2", "shop", "order.placed", "1042")
    assert event.time == at("2026-01-31 10:15", "Europe/Berlin")
    assert event.data == OrderPlaced(
        order_id="10023",
        total=Decimal("49.90"),
        currency="EUR",
        email="ada@example.org",
        country="DE",
        items=(Item(sku="77", name="Cup", quantity=Decimal(2), price=Decimal("24.95")),),
    )


@pytest.mark.parametrize(
    "changed",
    [{"status": "open"}, {"test": True}, {"channel": "marketplace"}, {"status": None}],
)
def test_a_record_that_fits_no_event_is_left_out(changed: dict[str, Any]) -> None:
    """Neither an event nor a dead letter: the topic has more than is for us."""
    assert read("shop.orders.v1", an_order(**changed)) == Read()


def test_the_first_event_that_fits_is_made() -> None:
    """One topic may have several kinds of records; key, header and the time of writing are at hand."""
    headers = [("reason", b"changed my mind")]
    event = read(
        "shop.orders.v1", an_order(status="cancelled"), key=b"c-9", headers=headers, timestamp=1_769_900_000_123
    ).event

    assert event is not None
    assert (event.type, event.customer, event.time) == ("order.cancelled", "c-9", 1_769_900_000_123_000)
    assert event.id == "shop.orders.v1/0/7"
    assert event.data == OrderCalledOff(order_id="10023", reason="changed my mind")


@pytest.mark.parametrize(
    ("word", "kind", "reason"),
    [("open", "email.opened", "soft"), ("click", "email.clicked", "unknown"), ("bounce", "email.bounced", "dead")],
)
def test_types_and_words_go_by_tables(word: str, kind: str, reason: str) -> None:
    """The tool's words become ours; one that no table has becomes `otherwise`."""
    told = {"open": "soft", "click": "weird", "bounce": "hard"}[word]
    value = {
        "event": word,
        "event_id": "e-1",
        "ts": 1_769_900_000,
        "recipient": "ada@example.org",
        "message": {"id": "<x@y>"},
        "url": "https://shop.example/",
        "reason": told,
    }
    event = read("esp.activity", value).event

    assert event is not None
    assert (event.type, event.source, event.time) == (kind, "esp.activity", 1_769_900_000_000_000)
    assert event.data == Mail(message_id="<x@y>", email="ada@example.org", link="https://shop.example/", kind=reason)


def test_a_word_that_the_table_of_types_does_not_have_is_left_out() -> None:
    """The tool tells more than we ask for."""
    assert read("esp.activity", {"event": "processed"}) == Read()
    assert read("esp.activity", {}) == Read()


def test_an_event_of_the_shops_own_is_made_as_well() -> None:
    """Those of events.yaml, with their fields."""
    event = read("shop.reviews", {"at": 1_769_900_000_000, "user": "c-1", "rating": 4}).event

    assert event is not None
    assert (event.type, event.data) == ("review.written", {"stars": 4})


def test_a_profiles_null_means_forget_and_what_is_absent_stays() -> None:
    """The difference between the two survives the mapping."""
    event = read("shop.profiles", {"name": {"first": None}}, key=b"c-1", timestamp=1).event

    assert event is not None
    assert event.data == ProfileUpdated(first_name=None)


@pytest.mark.parametrize(
    ("how", "value", "micros"),
    [
        ("seconds", 1_769_900_000, 1_769_900_000_000_000),
        ("seconds", "1769900000.5", 1_769_900_000_500_000),
        ("seconds", 1769900000.25, 1_769_900_000_250_000),
        ("microseconds", 1_769_900_000_000_001, 1_769_900_000_000_001),
        ("text", "2026-01-31T10:15:00Z", at("2026-01-31 10:15", "UTC")),
    ],
)
def test_times_are_read_in_each_form(how: str, value: object, micros: int) -> None:
    """Numbers since 1970, with fractions, as text or as numbers; RFC 3339."""
    event = read("shop.moments", {"how": how, "at": value, "c": "c-1"}).event

    assert event is not None
    assert event.time == micros


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        ("shop.orders.v1", b"{not json", "no JSON"),
        ("shop.orders.v1", b"[]", "no JSON object"),
        ("shop.orders.v1", b'{"a":' * 5_000, "nested too deep"),
        ("shop.orders.v1", b'{"status":"' + b"x" * LARGEST + b'"}', "longer than"),
        ("shop.orders.v1", an_order(order={"created_at": "2026-01-31T10:15:00"}), "id: nothing stands at order.number"),
        ("shop.moments", {"how": "seconds", "at": 1_769_900_000_000, "c": "c-1"}, "far away"),
        ("shop.moments", {"how": "seconds", "at": "soon", "c": "c-1"}, "no number"),
        ("shop.moments", {"how": "", "at": 17, "c": "c-1"}, "say as: seconds"),
        ("shop.moments", {"how": "", "at": "2026-01-31T10:15:00", "c": "c-1"}, "time"),
        ("shop.moments", {"how": "", "c": "c-1"}, "time: nothing stands at at"),
        ("shop.moments", {"how": "", "at": "2026-01-31T10:15:00Z"}, "nobody to find"),
        (
            "shop.moments",
            {"how": "", "at": "2026-01-31T10:15:00Z", "c": ["c-1"]},
            "customer: what stands at c is a list",
        ),
        (
            "shop.orders.v1",
            an_order(order={**an_order()["order"], "total_cents": 49.9}),
            "no whole number of minor units",
        ),
        (
            "shop.orders.v1",
            an_order(order={**an_order()["order"], "lines": {"sku": 1}}),
            "items: what stands at order.lines is no list",
        ),
        ("shop.orders.v1", an_order(order={**an_order()["order"], "lines": [{"qty": []}]}), "items[0].quantity"),
        ("shop.coupons", {"used": True, "nr": 1, "c": "c-1"}, "as connectors.yaml maps shop.coupons"),
    ],
)
def test_what_fits_and_cannot_be_read_is_a_dead_letter_that_names_the_path(
    topic: str, value: object, reason: str
) -> None:
    """The raw bytes are those of the record, and the reason holds no value of it."""
    found = read(topic, value, timestamp=5)

    assert found.event is None
    assert found.dead is not None
    assert reason in found.dead.reason
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert raw.startswith(found.dead.raw)
    assert found.dead.origin == f"{topic}/0/7"


def test_true_and_numbers_are_words_too() -> None:
    """A condition asks for them as they are written in JSON."""
    event = read("shop.coupons", {"used": True, "nr": 5, "c": "c-1", "code": "WB-1", "order": 17}, timestamp=5).event

    assert event is not None
    assert (event.id, event.data) == ("5", Coupon(code="WB-1", order_id="17"))
    assert read("shop.coupons", {"used": "yes"}) == Read()


def test_a_tombstone_is_nothing() -> None:
    """A record without a value only deletes its key."""
    assert read("shop.orders.v1", None, key=b"c-1") == Read()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["order", "status", "number", "at", "c", "how", "event", "lines"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(set(CHECKED.connectors) - {"shop.cloud"})),
    st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_record_ends_in_an_exception(topic: str, raw: bytes) -> None:
    """Whatever stands in a topic: an event, a dead letter with a reason, or nothing."""
    found = read(topic, raw)

    assert found.dead is None or found.dead.reason
