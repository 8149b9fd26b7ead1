"""Reading: what is taken, what is a dead letter and why, and how a "no" is heard through noise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.engagement import told_apart
from engine.core.events import DATA, SAYS_NO, Consent, Event, Item, Mail, OrderPlaced, ProfileUpdated
from engine.core.marks import BY_ANYBODY
from engine.core.moments import DAY, Instant, instant
from engine.core.reading import MOST_BYTES, TOO_LATE, Reader, encode
from engine.core.rules import OwnEvent

REVIEW = OwnEvent(
    "review.written",
    "The customer wrote a review.",
    {"sku": "text", "stars": "number", "worth": "money", "seen": "day"},
)
READER = Reader({"review.written": REVIEW})
AT: Instant = 1_769_850_900_000_000  # 2026-01-31T10:15:00+01:00


def order(**changes: Any) -> bytes:
    """An order as a shop sends it; `data` is merged, a value of ... takes the field away."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "ord-10023",
        "source": "shop",
        "type": "order.placed",
        "time": "2026-01-31T10:15:00+01:00",
        "subject": "c-1042",
        "data": {"order_id": "10023", "total": "49.90", "currency": "EUR"},
    }
    data = changes.pop("data", {})
    event |= changes
    if isinstance(data, dict):
        event["data"] = {key: value for key, value in (event["data"] | data).items() if value is not ...}
    else:
        event["data"] = data
    return json.dumps({key: value for key, value in event.items() if value is not ...}).encode()


def taken(raw: bytes, now: Instant | None = None) -> Event:
    """The event in some bytes that must be taken without complaint."""
    read = READER.read(raw, now=now)
    assert read.dead is None, read.dead
    assert read.event is not None
    return read.event


def refused(raw: bytes, now: Instant | None = None) -> str:
    """Why some bytes are refused."""
    read = READER.read(raw, "orders.jsonl:17", now)
    assert read.event is None
    assert read.dead is not None
    assert (read.dead.raw, read.dead.origin) == (raw, "orders.jsonl:17")
    return read.dead.reason


def test_the_example_of_the_contract() -> None:
    """An order in a CloudEvent becomes an event with its time, customer and exact total."""
    event = taken(order(data={"email": "ada@example.org", "coupon": "WB-7K2M9Q"}))
    data = OrderPlaced("10023", Decimal("49.90"), "EUR", email="ada@example.org", coupon="WB-7K2M9Q")
    assert event == Event("ord-10023", "shop", "order.placed", AT, "c-1042", data)


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("0.1", "0.1"),
        ("49.90", "49.90"),
        ("1e2", "100"),
        ("0", "0"),
        ("-0.00", "0"),
        ("123456789012.34", "123456789012.34"),
        ('"0.1"', "0.1"),
        ('"1E+2"', "100"),
        ('"49.9000000000000000000000000000000000"', "49.90"),
    ],
)
def test_totals_are_read_exactly(written: str, exact: str) -> None:
    """A total may be a string or a JSON number, and is never a float on its way."""
    raw = order().replace(b'"49.90"', written.encode())
    assert taken(raw).data.total == Decimal(exact)
    # The same through the second look, which a null asks for.
    assert taken(raw.replace(b'"data": {', b'"data": {"coupon": null, ')).data.total == Decimal(exact)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + order(),
        order() + b"\r\n",
        b"  " + order() + b" \t",
        order(unknown={"nested": [1, 2]}, data={"unknown": True}),
        order(data={"coupon": None, "items": None, "email": None}),
        order(source=None),
        order(source=...),
        order(data={"x": "[" * 40 + "{" * 40}),
        order(data={"items": [{}] * 200}),
        order(time="2026-01-31t09:15:00z"),
        order(time="2026-01-31 10:15:00+01:00"),
    ],
)
def test_what_is_no_problem(raw: bytes) -> None:
    """A BOM, line ends, unknown fields, nulls for optional fields and brackets in text are no problem."""
    event = taken(raw)
    assert (event.time, event.customer, event.data.total) == (AT, "c-1042", Decimal("49.90"))


def test_null_in_a_profile_means_forget() -> None:
    """A null in profile.updated is kept, since it forgets the field; an absent field stays as it was."""
    event = taken(order(type="profile.updated", data={"phone": None, "first_name": "Ada"}, subject="c", source=None))
    assert event.data == ProfileUpdated(first_name="Ada", phone=None)


def test_items_may_hold_nulls() -> None:
    """A null in an order's item is taken for absent too."""
    raw = order(data={"items": [{"sku": "a", "name": None, "price": None, "quantity": 2}]})
    assert taken(raw).data.items == (Item(sku="a", quantity=Decimal(2)),)


REFUSALS: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b" \r\n", "empty"),
    (b"order 17", "not JSON"),
    (order()[:-5], "ends in the middle"),
    (order() + order(), "not JSON at byte"),
    (b"[" + order() + b"]", "a list where one event"),
    (b'"order.placed"', "text where one event"),
    (b"17", "a number where one event"),
    (b"null", "null where one event"),
    (order().replace(b"c-1042", b"c-\xff"), "not UTF-8 at byte"),
    (order(unknown="ab").replace(b"ab", b"\xe4"), "not UTF-8 at byte"),
    (b"\xff\xfe" + order().decode().encode("utf-16-le"), "UTF-16"),
    (order(subject="a\0b"), "U+0000"),
    (order().replace(b'"49.90"', b"NaN"), "NaN"),
    (order().replace(b'"49.90"', b"-Infinity"), "Infinity"),
    (order(data={"total": "NaN"}), "data.total: this is not an amount"),
    (order(data={"total": "Infinity"}), "data.total: this is not an amount"),
    (order(data={"total": "1E+999999"}), "data.total: this is not an amount"),
    (order(data={"total": "1E+999999999999"}), "data.total: this is not an amount"),
    (order().replace(b'"49.90"', b"1E+999999"), "data.total: this is not an amount"),
    (order(data={"total": "1E-999999"}), "data.total: more digits"),
    (order(data={"total": 10**14}), "data.total: this is not an amount"),
    (order(data={"total": "49.901"}), "data.total: more digits after the point than EUR has (2)"),
    (order(data={"total": "49.90000000000000000000000000000000001"}), "more digits"),
    (order(data={"total": "1.5", "currency": "JPY"}), "more digits after the point than JPY has (0)"),
    (order(data={"total": "-0.01"}), "data.total is negative"),
    (order(data={"total": "much"}), "data.total must be a number"),
    (order(data={"total": True}), "data.total must be a number, not true or false"),
    (order(data={"total": ...}), "data.total is missing"),
    (order(data={"total": None}), "data.total is missing"),
    (order(data={"currency": "EURO"}), "did you mean EUR?"),
    (order(data={"currency": "eur"}), "did you mean EUR?"),
    (order(data={"currency": "XAU"}), "data.currency is none that ISO 4217 knows"),
    (order(data={"currency": ""}), "data.currency is empty"),
    (order(data={"items": {}}), "data.items must be a list, not an object"),
    (order(data={"items": [{"price": "1E+999999"}]}), "data.items[0].price is out of range"),
    (order(data={"items": [{}, {"quantity": "NaN"}]}), "data.items[1].quantity is out of range"),
    (order(data={"order_id": 10023}), "data.order_id must be text, not a whole number"),
    (order(data={"order_id": ""}), "data.order_id is empty"),
    (order(data=[]), "data must be an object, not a list"),
    (order(data=None), "data is missing"),
    (order(id=...), "id is missing"),
    (order(id=None), "id is missing"),
    (order(id=""), "id is empty"),
    (order(id=17), "id must be text, not a whole number"),
    (order(subject=1042), "subject must be text"),
    (order(subject=...), "nobody to find"),
    (order(subject=""), "nobody to find"),
    (order(type=...), "type is missing"),
    (order(type=5), "type must be text, not a number"),
    (order(type="order.place"), "unknown type 'order.place'; did you mean order.placed?"),
    (order(type="reviews.written"), "did you mean review.written?"),
    (order(type="x"), "unknown type 'x'"),
    (order(time=...), "time is missing"),
    (order(time=None), "time is missing"),
    (order(time="2026-01-31T10:15:00"), "time has no time zone: write it as 2026-01-31T10:15:00+01:00"),
    (order(time="2026-01-31"), "time is not a time with date, clock and zone"),
    (order(time="yesterday"), "time is not a time with date"),
    (order(time=AT), "time must be a time, not a whole number"),
    (order(time="0001-01-01T00:00:00Z"), "before 1970 or after 2199"),
    (order(time="1969-12-31T23:59:59Z"), "before 1970 or after 2199"),
    (order(time="2200-01-01T00:00:00Z"), "before 1970 or after 2199"),
    (order(time="9999-12-31T23:59:59-14:00"), "before 1970 or after 2199"),
    (order(padding="x" * MOST_BYTES), "longer than 1,000,000 bytes"),
    (order(data={"x": json.loads("[" * 31 + "]" * 31)}), "nested deeper than 32 levels"),
    (b"[" * 900_000, "nested deeper than 32 levels"),
    (b'{"a":' * 100_000, "nested deeper than 32 levels"),
    (order(type="order.refunded", data={"amount": "-5.00"}), "data.amount is negative"),
    (order(type="order.refunded", data={"amount": "5.001"}), "data.amount: more digits"),
    (order(type="order.cancelled", data={"amount": "1E+99", "currency": ...}), "data.amount: this is not an amount"),
    (order(type="consent.given", data={"purpose": "anything"}), "must be one of newsletter, marketing, tracking"),
    (order(type="invitation.answered", data={"invitation": "i", "answer": "maybe"}), "must be one of yes, no"),
    (order(type="review.written", data={"stars": "five"}), "data.stars must be a number, not text"),
    (order(type="review.written", data={"stars": True}), "data.stars must be a number, not true or false"),
    (order(type="review.written", data={"sku": 5}), "data.sku must be text, not a number"),
    (order(type="review.written", data={"worth": "a lot"}), "data.worth must be money"),
    (order(type="review.written", data={"worth": "5 EUROS"}), "data.worth must be money"),
    (order(type="review.written", data={"seen": "2026-02-30"}), "data.seen must be a day"),
    (order(type="review.written", id=5), "id must be text"),
    (order(type="review.written", time="2026-01-31T10:15:00"), "time has no time zone"),
]


@pytest.mark.parametrize(("raw", "reason"), REFUSALS, ids=[reason for _, reason in REFUSALS])
def test_dead_letters_say_what_is_wrong(raw: bytes, reason: str) -> None:
    """What cannot be taken is a dead letter that names the field and the cure, and keeps bytes and origin."""
    told = refused(raw)
    assert reason in told
    assert len(told) <= 300


def test_reasons_hold_no_personal_data() -> None:
    """A reason names the field, never its value, and no type that may be an address."""
    for raw in (order(type="ada@example.org"), order(subject=["ada@example.org"]), order(time="ada@example.org")):
        assert "ada@" not in refused(raw)
    assert "ada@" not in refused(order(type="consent.given", data={"purpose": "ada@example.org"}))


@pytest.mark.parametrize("levels", [30, 31])
def test_levels_are_counted_outside_of_text(levels: int) -> None:
    """32 levels are taken, 33 are not, and brackets in text are none."""
    raw = order(data={"x": json.loads("[" * levels + "]" * levels), "y": '\\"[[[[[[['})
    assert (READER.read(raw).dead is None) == (levels + 2 <= 32)


def test_live_input_is_not_from_the_future() -> None:
    """Live, a day ahead of the clock is taken and more is not; a file may hold any time up to 2199."""
    assert taken(order(), now=AT - DAY).time == AT
    assert refused(order(), now=AT - DAY - 1) == "time is more than a day ahead of the clock"
    assert taken(order(time="2199-12-31T23:59:59.999999Z")).time == TOO_LATE - 1


def test_the_shops_own_events() -> None:
    """An event of events.yaml is read with the declared fields, and the address that may find the customer."""
    data = {"sku": "a", "stars": 4.5, "worth": "49.90 EUR", "seen": "2026-01-30", "email": "a@example.org", "more": 1}
    event = taken(order(type="review.written", subject=None, data=data))
    assert (event.type, event.email) == ("review.written", "a@example.org")
    assert event.data == {key: value for key, value in data.items() if key != "more"}
    assert READER.read(encode(event)).event == event


@pytest.mark.parametrize("kind", ["customer.visited", "account.closed", "contract.cancelled"])
def test_data_may_be_absent_where_nothing_in_it_is_required(kind: str) -> None:
    """An event whose data has no required field needs no data."""
    raw = {"id": "1", "type": kind, "time": "2026-01-31T10:15:00+01:00", "subject": "c-1042"}
    assert taken(json.dumps(raw).encode()) == Event("1", "", kind, AT, "c-1042", DATA[kind]())


@pytest.mark.parametrize(
    ("kind", "data", "found"),
    [
        ("email.bounced", {"message_id": "<1@example.org>"}, True),
        ("email.bounced", {"email": "ada@example.org"}, True),
        ("email.bounced", {"kind": "dead"}, False),
        ("ticket.opened", {"ticket_id": "t1"}, False),
        ("review.written", {"stars": 5}, False),
        ("sender.reputation", {"provider": "example", "day": "2026-01-31"}, True),
    ],
)
def test_somebody_must_be_findable(kind: str, data: dict[str, Any], found: bool) -> None:  # noqa: FBT001 - a table's column
    """Without a subject, the address or the message id must be there, but for what concerns no customer."""
    raw = {"id": "1", "type": kind, "time": "2026-01-31T10:15:00+01:00", "data": data}
    dead = READER.read(json.dumps(raw).encode()).dead
    assert dead is None if found else dead is not None and dead.reason.startswith("nobody to find")


# A "no" --------------------------------------------------------------------------------------------------------------

NO = b'{"id":"u1","source":"esp","type":"email.unsubscribed","time":"2026-01-31T10:15:00+01:00","subject":"c-1042"'


@pytest.mark.parametrize(
    "raw",
    [
        NO + b',"data":{"list":5}}',
        NO + b',"data":[]}',
        NO + b',"data":{"list":"\xff"}}',
        NO + b',"data":{"list":',
        NO + b"}}",
        b"\xef\xbb\xbf" + NO + b',"data":7}',
        NO + b',"x":' + b"[" * 2000,
        NO + b',"x":"' + b"x" * MOST_BYTES + b'"}',
        NO + b',"x":NaN}',
    ],
)
def test_a_no_is_heard_through_noise(raw: bytes) -> None:
    """An unreadable "no" is acted on as far as the person can be found, and its dead letter is kept too."""
    read = READER.read(raw, "hook")
    assert read.event == Event("u1", "esp", "email.unsubscribed", AT, "c-1042", Mail())
    assert read.dead is not None
    assert (read.dead.raw, read.dead.origin) == (raw, "hook")


@pytest.mark.parametrize(
    "time", ["", '"time":"soon",', '"time":"2026-01-31T10:15:00",', '"time":"2400-01-01T00:00:00Z",']
)
def test_a_no_without_a_time_counts_from_now(time: str) -> None:
    """Live, an unreadable time of a "no" is now; in a file there is no now, and only the dead letter is left."""
    raw = f'{{"id":"c1","type":"email.complained",{time}"data":{{"email":"ada@example.org"}}}}'.encode()
    live = READER.read(raw, now=AT)
    assert live.event == Event("c1", "", "email.complained", AT, "", Mail(email="ada@example.org"))
    assert live.dead is not None
    assert refused(raw)


@pytest.mark.parametrize(
    ("told", "data"),
    [
        (b'{"purpose":"marketing","basis":7}', Consent("marketing")),
        (b'{"purpose":"everything","channel":"sms"}', Consent("", "sms")),  # type: ignore[arg-type]  # every purpose
        (b'{"purpose":7,"email":"ada@example.org"}', Consent("", email="ada@example.org")),  # type: ignore[arg-type]  # every purpose
        (b"{}", Consent("")),  # type: ignore[arg-type]  # every purpose
    ],
)
def test_what_can_be_read_of_a_no_is_kept(told: bytes, data: Consent) -> None:
    """Each readable field counts; a withdrawal from an unreadable purpose is one from every purpose."""
    read = READER.read(NO.replace(b"email.unsubscribed", b"consent.withdrawn") + b',"data":' + told + b"}")
    assert read.dead is not None
    assert read.event is not None
    assert read.event.data == data
    assert READER.read(encode(read.event)).event == read.event  # a replay of it comes to the same


def test_a_no_without_an_id_gets_one_from_its_bytes() -> None:
    """The same unreadable "no" twice has the same id, another has another."""
    first, again, other = (
        READER.read(NO.replace(b'"u1"', b"5") + b',"data":' + data).event for data in (b"1}", b"1}", b"2}")
    )
    assert first is not None
    assert other is not None
    assert first == again
    assert first.id != other.id


def test_a_no_of_nobody_is_only_a_dead_letter() -> None:
    """Where nobody can be found, nothing can be acted on."""
    refused(NO.replace(b'"c-1042"', b"5") + b"}")
    refused(NO.replace(b"c-1042", b"c-\xe4") + b"}")
    refused(b'{"type":"email.unsubscribed","id":"1","time":"2026-01-31T10:15:00Z"}', now=AT)


def test_only_a_no_is_acted_on_in_spite_of_faults() -> None:
    """A broken event of another type is a dead letter alone, even where it speaks of a "no"."""
    refused(order(data={"total": True, "coupon": "email.unsubscribed"}))
    refused(b'{"type":"order.placed","subject":"c","time":"2026-01-31T10:15:00Z","x":"email.unsubscribed"')


# Properties ----------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MONEY = st.integers(0, 10**12).map(lambda cents: Decimal(cents).scaleb(-2))
FREE = st.dictionaries(
    TEXT,
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: MONEY,
    type(None): st.none(),
}


def values(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if name == "currency":
        return st.sampled_from(["EUR", "USD", "PLN"])
    if kind in BY_TYPE:
        return BY_TYPE[kind]
    if get_origin(kind) is dict:
        return FREE
    if get_origin(kind) is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=3).map(tuple)
    if get_origin(kind) is Literal:
        return st.sampled_from([choice for choice in get_args(kind) if choice])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs(kind)
    if hasattr(kind, "__metadata__"):
        return values(get_args(kind)[0], name).filter(bool)
    return st.one_of([values(one) for one in get_args(kind)])


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Data of one type, each optional field there or not."""
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        (required if field.required else optional)[field.name] = values(field.type, field.name)
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind(**fields))


EVENTS = st.sampled_from(sorted(DATA)).flatmap(
    lambda kind: st.builds(
        Event,
        TEXT.filter(bool),
        TEXT,
        st.just(kind),
        st.integers(0, TOO_LATE - 1),
        TEXT.filter(bool),
        structs(DATA[kind]).map(told_apart) if kind in BY_ANYBODY else structs(DATA[kind]),
    )
)
"""Events as they are once they were read: who opened and clicked is told apart then."""


@given(EVENTS)
@settings(max_examples=300)
def test_what_is_written_reads_the_same(event: Event) -> None:
    """Reading what `encode` wrote gives an equal event, which is written in the same bytes."""
    read = READER.read(encode(event))
    assert (read.event, read.dead) == (event, None)
    assert encode(taken(encode(event))) == encode(event)


@given(EVENTS, st.sampled_from(["\N{ZERO WIDTH NO-BREAK SPACE}", ""]), st.booleans())
def test_a_null_more_changes_nothing(event: Event, bom: str, ours: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """The second look reads what the first would have, exactly."""
    plain = json.loads(encode(event)) | {"dataschema": None}
    if ours and event.type != "profile.updated":
        plain["data"].setdefault("email", None)
    raw = json.dumps(plain, ensure_ascii=False)
    assert taken((bom + raw).encode()) == event


@given(st.binary(max_size=200), st.sampled_from([None, AT]))
def test_no_bytes_make_it_raise(raw: bytes, now: Instant | None) -> None:
    """Any bytes are an event or a dead letter with a reason."""
    read = READER.read(raw, now=now)
    assert read.event is not None or (read.dead is not None and read.dead.reason)


@given(EVENTS, st.data())
@settings(max_examples=300)
def test_no_damage_makes_it_raise(event: Event, draw: st.DataObject) -> None:
    """An event cut, overwritten or with bytes put in is an event or a dead letter; what comes of it can be written."""
    raw = bytearray(encode(event))
    for _ in range(draw.draw(st.integers(1, 3))):
        start = draw.draw(st.integers(0, len(raw)))
        raw[start : start + draw.draw(st.integers(0, 4))] = draw.draw(
            st.binary(max_size=3)
            | st.sampled_from([b"null", b"1e999", b"-1", b'"', b"[", b"{}", b"\\u0000", b"\\ud800"])
        )
    for now in (None, AT):
        read = READER.read(bytes(raw), now=now)
        if read.event is None:
            assert read.dead is not None
        else:
            assert READER.read(encode(read.event)).event == read.event


@given(st.sampled_from(sorted(SAYS_NO)), st.data())
def test_a_no_cut_anywhere_after_its_person_is_heard(kind: str, draw: st.DataObject) -> None:
    """However short a "no" is cut, it is acted on as long as type and person are there (live, so there is a now)."""
    raw = f'{{"type":"{kind}","subject":"c-1","id":"1","time":"2026-01-31T10:15:00Z","data":{{"purpose":"marketing"}}}}'
    cut = draw.draw(st.integers(raw.index(',"id"'), len(raw)))
    event = READER.read(raw[:cut].encode(), now=AT).event
    assert event is not None
    assert (event.type, event.customer) == (kind, "c-1")


def test_the_bounds_are_the_years_they_say() -> None:
    """The first instant after 2199 is the bound."""
    assert instant(datetime(2200, 1, 1, tzinfo=UTC)) == TOO_LATE
