"""Words: what our own processes tell through the shop's side of the bus, since it concerns another partition.

A worker writes them to `winback.events`, the sender to `winback.results`; the gateway finds the partition. On the bus a
word is a record whose headers name its kind and, from a worker, the place it was decided at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.books.journal import encode_signal
from engine.core.signals import AnySignal
from engine.runtimes.kafka.wire import PLACE_HEADER, Entry, Place, place_of

KIND_HEADER: Final = "winback-kind"
"""The header that tells a word from a CloudEvent on the same topic."""

Headers = list[tuple[str, bytes]]


class Told(Struct, frozen=True, array_like=True, gc=False):
    """A signal for a customer, encoded as in the journal. `mark` says by what a repetition of it is known.

    A worker leaves the mark empty: it follows from the place of its word.
    """

    customer: str
    signal: bytes
    mark: bytes = b""


class Known(Struct, frozen=True, array_like=True, gc=False):
    """From now on a customer is known under an identity key (`mail:ada@example.org`, `coupon:WB-…`).

    `history`: it came to be known by an event that is history, so what follows from it is history too.
    """

    key: str
    customer: str
    history: bool = False


class Heard(Struct, frozen=True, array_like=True, gc=False):
    """An event about a mail address (casefolded) that is not its customer's own: for whoever has it, if anybody does.

    The gateway tells it to them as it is, or to nobody; the mark is as with `Told`.
    """

    address: str
    signal: bytes
    mark: bytes = b""


Word = Told | Known | Heard

_KINDS: Final[dict[bytes, type[Word]]] = {b"told": Told, b"known": Known, b"heard": Heard}
_NAMES: Final = {shape: name for name, shape in _KINDS.items()}
_encode = msgspec.msgpack.Encoder().encode
_decoders = {name: msgspec.msgpack.Decoder(shape) for name, shape in _KINDS.items()}


class NoWordError(ValueError):
    """A record that says it is a word of ours, and is none."""


def told(customer: str, signal: AnySignal, *, mark: bytes = b"") -> Told:
    """Return the word that tells a customer a signal."""
    return Told(customer, encode_signal(signal), mark)


def encode_word(word: Word, place: Place | None = None) -> tuple[bytes, Headers]:
    """Return a word's value and headers on the bus. A worker gives the place it was decided at."""
    headers: Headers = [(KIND_HEADER, _NAMES[type(word)])]
    if place is not None:
        headers.append((PLACE_HEADER, place.packed()))
    return _encode(word), headers


def kind_in(headers: Iterable[tuple[str, bytes]]) -> bytes | None:
    """Return which kind of word the headers announce, None where the record is none of ours."""
    return next((value for name, value in headers if name == KIND_HEADER), None)


def decode_word(value: bytes, headers: Iterable[tuple[str, bytes]]) -> Word:
    """Return the word in a record; one that is told has its mark.

    Raises:
        NoWordError: nobody but our worker and our sender may write words, and this they did not.

    """
    named = dict(headers)
    decoder = _decoders.get(named.get(KIND_HEADER, b""))
    if decoder is None:
        raise NoWordError("a word of a kind that this version does not know")
    try:
        word = decoder.decode(value)
        if not isinstance(word, Known) and not word.mark:
            return replace(word, mark=mark_of(place_of(named[PLACE_HEADER])))
    except (msgspec.MsgspecError, KeyError, struct.error) as error:
        raise NoWordError(f"no word of ours: {type(error).__name__}") from None
    return word


def mark_of(place: Place) -> bytes:
    """Return the eight bytes by which a repetition of what was told from this place is known."""
    return blake2b(place.packed(), digest_size=8).digest()


def entry_of_word(word: Told) -> Entry:
    """Return the entry of the inbox that passes a word on."""
    return Entry(word.customer, word.signal, word.mark)
