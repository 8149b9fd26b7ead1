from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.moments import SECOND
from engine.core.shop import Shop
from engine.runtimes.kafka.effect_records import KEPT, decode_effect, encode_effect
from engine.runtimes.kafka.wire import PLACE_HEADER, Place

LIVE = Shop(live_since=SECOND, gone_live=True)
PLACE = Place(3, 17, 2)
DATA = st.dictionaries(
    st.sampled_from(["workflow", "template", "reason", "why"]),
    st.one_of(st.text(max_size=9), st.integers(-(2**53), 2**53), st.lists(st.text(max_size=3), max_size=2), st.none()),
)


def outside(value: bytes) -> dict[str, Any]:
    """What a tool of the shop's reads in the topic."""
    read: dict[str, Any] = msgspec.json.decode(value)
    return read


@given(
    st.sampled_from(fx.TOLD),
    st.integers(0, 2**50),
    DATA,
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from([LIVE, Shop()]),
)
def test_an_effect_comes_back_as_it_was_decided(
    kind: str,
    time: int,
    data: dict[str, Any],
    ordinal: int,
    shadow: bool,  # noqa: FBT001 - hypothesis passes it by name
    shop: Shop,
) -> None:
    """Whatever the outside is told of it, the books have the effect itself."""
    effect = Effect(kind, time, "c-1", "ab12", data, ordinal, shadow)
    value, headers = encode_effect(effect, PLACE, shop)
    assert decode_effect(value, headers) == effect
    assert dict(headers)[PLACE_HEADER] == PLACE.packed()


TAGGED = Effect(fx.TAGGED, 5 * SECOND, "c-1", "ab12", {"tag": "vip"})


@pytest.mark.parametrize(
    ("effect", "shop"),
    [
        (replace(TAGGED, shadow=True), LIVE),
        (TAGGED, Shop()),
        (replace(TAGGED, time=0), LIVE),
        (replace(TAGGED, type=fx.SEND_REQUESTED), LIVE),
    ],
    ids=["shadow", "before go-live", "of the rehearsal", "a mail"],
)
def test_what_must_not_leave_stands_under_a_type_that_nobody_asks_for(effect: Effect, shop: Shop) -> None:
    """Shadow effects, whatever was decided before `go-live`, and mails are for the books alone."""
    value, _ = encode_effect(effect, PLACE, shop)
    assert outside(value)["type"] == KEPT + effect.type.removeprefix("winback.")


def test_what_may_leave_is_told_as_in_effects_jsonl() -> None:
    """The value is the CloudEvent of the effect, as the file of the embedded engine has it."""
    value, _ = encode_effect(TAGGED, PLACE, LIVE)
    assert value + b"\n" == fx.line(TAGGED)


def test_a_letter_that_was_given_out_is_told_as_a_requested_send() -> None:
    """What is no mail leaves with its text once the relay has given it out; the books keep it as given out."""
    letter = replace(TAGGED, type=fx.SEND_GIVEN_OUT, data={"channel": "letter", "text": "Dear Ada"})
    value, headers = encode_effect(letter, PLACE, LIVE)
    assert outside(value)["type"] == fx.SEND_REQUESTED
    assert decode_effect(value, headers) == letter


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"id":"x","type":"t","time":"2026-01-01T00:00:00Z","subject":"c","data":{}}']
)
def test_what_is_no_effect_of_ours_is_refused(value: bytes) -> None:
    """A foreign writer's record is an error with a reason, never a half-made effect."""
    with pytest.raises(msgspec.DecodeError):
        decode_effect(value, ())
