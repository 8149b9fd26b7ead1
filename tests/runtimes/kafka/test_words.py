"""Words between our own processes: what is written is read again, and what is none is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.signals import GivenUp, Handed
from engine.runtimes.kafka.wire import Entry, Place
from engine.runtimes.kafka.words import (
    KIND_HEADER,
    Known,
    NoWordError,
    Told,
    decode_word,
    encode_word,
    entry_of_word,
    kind_in,
    mark_of,
    told,
)

PLACE = Place(3, 1_234_567, 2)


def test_a_told_word_comes_back_with_the_mark_of_its_place() -> None:
    """What a worker tells is known by the place it was decided at, so that a repetition changes nothing."""
    value, headers = encode_word(told("c-1", GivenUp("c-2")), PLACE)

    word = decode_word(value, headers)

    assert isinstance(word, Told)
    assert kind_in(headers) == b"told"
    assert entry_of_word(word) == Entry("c-1", told("c-1", GivenUp("c-2")).signal, mark_of(PLACE))
    assert entry_of_word(word).decoded() == GivenUp("c-2")


def test_a_word_with_a_mark_of_its_own_needs_no_place() -> None:
    """The sender's results are marked by what they are about."""
    word = told("c-1", Handed("e-1", "done"), mark=b"12345678")

    assert decode_word(*encode_word(word)) == word


def test_known_comes_back_as_it_was() -> None:
    """An identity keeps its key, its customer and whether it is history."""
    word = Known("mail:ada@example.org", "c-1", history=True)

    assert decode_word(*encode_word(word, PLACE)) == word


def test_a_cloud_event_is_no_word() -> None:
    """Records of the shop have other headers, or none."""
    assert kind_in([]) is None
    assert kind_in([("ce_type", b"order.placed")]) is None


@given(st.binary(max_size=40), st.sampled_from([b"told", b"known", b"sung", b""]), st.binary(max_size=20))
def test_whatever_is_no_word_is_refused_in_words(value: bytes, kind: bytes, place: bytes) -> None:
    """No bytes end in anything but a word or a reason."""
    word, reason = None, ""
    try:
        word = decode_word(value, [(KIND_HEADER, kind), ("winback-place", place)])
    except NoWordError as error:
        reason = str(error)

    assert isinstance(word, Told | Known) or "word" in reason


def test_a_told_word_without_place_and_mark_is_refused() -> None:
    """Without either, a repetition could not be known."""
    value, _ = encode_word(told("c-1", GivenUp("c-2")))

    with pytest.raises(NoWordError):
        decode_word(value, [(KIND_HEADER, b"told")])
