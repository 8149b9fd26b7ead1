"""CloudEvents in records of Kafka, as the Kafka protocol binding writes them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bus.binding import Headers, NoEventError, as_event, is_tombstone, read_record
from engine.core.reading import MOST_BYTES, Read, Reader

DATA = b'{"order_id":"10023","total":"49.90","currency":"EUR"}'
WHOLE = (
    b'{"specversion":"1.0","id":"o1","source":"shop","type":"order.placed","time":"2026-01-31T10:15:00+01:00",'
    b'"subject":"c-1","data":' + DATA + b"}"
)
ATTRIBUTES: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"o1"),
    ("ce_source", b"shop"),
    ("ce_type", b"order.placed"),
    ("ce_time", b"2026-01-31T10:15:00+01:00"),
    ("ce_subject", b"c-1"),
]
JSON = ("content-type", b"application/json")


def read(value: bytes | None, headers: Headers) -> Read:
    """Read a record with the one reader."""
    return read_record(value, headers, "orders/0@7", None, Reader().read)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", b"application/cloudevents+json; charset=UTF-8")],
        [("Content-Type", b"Application/CloudEvents+JSON")],
        [("trace", None)],
    ],
    ids=["by hand", "structured", "other capitals", "a header without a value"],
)
def test_a_structured_event_is_the_value(headers: list[tuple[str, bytes | None]]) -> None:
    """In structured mode, or without any header of CloudEvents, the value is the event."""
    assert read(WHOLE, headers) == Read(Reader().read(WHOLE).event)


@pytest.mark.parametrize("headers", [[*ATTRIBUTES, JSON], ATTRIBUTES], ids=["with a content type", "without"])
def test_a_binary_event_has_its_attributes_in_headers(headers: list[tuple[str, bytes | None]]) -> None:
    """In binary mode attributes stand in headers and the value is the data; it is the same event."""
    assert read(DATA, headers) == Read(Reader().read(WHOLE).event)


def test_a_binary_event_may_have_no_data() -> None:
    """A record without a value that has attributes is an event without data, not a tombstone."""
    headers = [*ATTRIBUTES[:3], ("ce_type", b"customer.erased"), *ATTRIBUTES[4:]]

    got = read(None, headers)

    assert not is_tombstone(None, headers)
    assert got.event is not None
    assert (got.event.type, got.event.customer) == ("customer.erased", "c-1")


def test_a_record_without_value_and_attributes_is_a_tombstone() -> None:
    """A null value deletes its key, whatever other headers there are; an empty one is an event gone wrong."""
    assert is_tombstone(None, [])
    assert is_tombstone(None, [("trace", b"1")])
    assert not is_tombstone(b"", [])


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"x", [("content-type", b"application/cloudevents+avro")], "the content is application/cloudevents+avro"),
        (b"[]", [("content-type", b"application/cloudevents-batch+json")], "write one event a record"),
        (DATA, [*ATTRIBUTES, ("content-type", b"application/avro")], "the data is application/avro"),
        (b"{", ATTRIBUTES, "the data is not JSON"),
        (DATA, [*ATTRIBUTES, ("ce_note", b"\xff")], "a header that begins with ce_ is not UTF-8"),
        (b'"' + b"x" * 5_000_000 + b'"', ATTRIBUTES, "longer than 1,000,000 bytes"),
        (b'{"x":"' + b"x" * 5_000_000 + b'"}', [], "longer than 1,000,000 bytes"),
        (b"\x00\x00\x00\x00\x07binary", [], "U+0000"),
    ],
    ids=["avro", "batch", "avro data", "broken", "no utf-8", "5 MB of data", "5 MB", "a schema registry's bytes"],
)
def test_what_is_no_event_is_a_dead_letter(value: bytes, headers: list[tuple[str, bytes | None]], reason: str) -> None:
    """A record that cannot be an event is a dead letter, with its bytes (no more than an event may have), its place, and why."""
    got = read(value, headers)

    assert got.event is None
    assert got.dead is not None
    assert (got.dead.raw, got.dead.origin) == (value[: MOST_BYTES + 1], "orders/0@7")
    assert reason in got.dead.reason


@given(
    st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=20)), max_size=4)
)
def test_no_record_is_too_strange_to_be_read(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    """Whatever the bytes and headers are, something comes of them, and no exception."""
    got = read(value, [*headers, *ATTRIBUTES[:3]])

    assert (got.event is None) != (got.dead is None) or got.event is not None


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_attributes_come_through_as_they_are(subject: str) -> None:
    """Whatever text an attribute holds, the structured form has the same: headers are UTF-8 and need no escapes."""
    raw = as_event(DATA, [*ATTRIBUTES[:-1], ("ce_subject", subject.encode())])

    assert msgspec.json.decode(raw)["subject"] == subject


def test_a_header_that_is_no_text_is_said() -> None:
    """Bytes that are no UTF-8 in an attribute are refused in words."""
    with pytest.raises(NoEventError, match="not UTF-8"):
        as_event(DATA, [("ce_type", b"\xff\xfe")])
