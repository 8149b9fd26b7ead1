"""Erasure: what is left of a person's record, the keyed hashes that outlive it, and how their traces are known.

What outlives somebody is a keyed hash of each key they were known by: the id, the addresses that were theirs alone, the
messages and codes they got. It keeps what comes late from making them known again. Nothing can be read from it, not even
by trying all addresses there are: the key is the shop's secret.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.core.coupons import coupon_key
from engine.core.customer import Customer
from engine.core.events import Event
from engine.core.links import block_key, customer_block_key
from engine.core.merging import MERGED
from engine.core.rules import Purpose
from engine.core.sharing import address_of
from engine.core.shop import Shop, Sweep
from engine.core.whose import BY_ADDRESS, keys_of, mail_key

ERASED: Final = "customer.erased"
"""The event, and what stands as `gone` in what is left of a record."""

REFUSED: Final = "the person was erased: nothing of them is taken in again (winback erase --lift lets it)"
"""Why an event about somebody who was erased is not taken in."""

LEAST_LETTERS: Final = 5
"""A phone number of fewer digits, or a code of fewer letters, is looked for nowhere but in what is known to be theirs."""

_KEY_BYTES: Final = 16
_MOST_TOKENS: Final = 1_000


class Person(Struct, frozen=True):
    """Who is to be erased, as long as that takes: by which ids, addresses, messages, codes and numbers they are found.

    `addresses` were theirs alone; an address that others have, too, stays with those.
    """

    ids: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()  # the addresses as they were written
    shares_address: bool = False

    def identity_keys(self) -> list[str]:
        """Return the identity keys by which something that comes late would be theirs."""
        return [
            *map(subject_key, self.ids),
            *map(mail_key, self.addresses),
            *(f"message:{each}" for each in self.messages),
            *map(coupon_key, self.codes),
        ]

    def joined(self, other: Person) -> Person:
        """Return both as one."""
        both = {
            name: tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name))))
            for name in ("ids", "addresses", "messages", "codes", "numbers", "spelled")
        }
        return Person(**both, shares_address=self.shares_address or other.shares_address)


def person_of(customer_id: str, record: Customer | None, event: Event) -> Person:
    """Return what a record, or an event that asks for the erasure, says of who is to be erased."""
    known = {address_of(record)} if record is not None else set()
    shares = record is not None and bool(record.shares)
    if not known - {""}:
        known.add(event.email.strip().casefold())
    if customer_id.startswith(BY_ADDRESS):
        known.add(customer_id.removeprefix(BY_ADDRESS))
    phone = str(record.value("phone") or "") if record is not None else ""
    return Person(
        (customer_id,),
        () if shares else tuple(sorted(known - {""})),
        codes=tuple(code for code, _ in record.codes_given) if record is not None else (),
        numbers=(phone,) if phone else (),
        spelled=() if shares or record is None else tuple(filter(None, [str(record.value("email") or "").strip()])),
        shares_address=shares,
    )


def empty(customer: Customer) -> None:
    """Make the caller's own copy of a record what is left after an erasure: who it was, and that it is gone."""
    blank = Customer(customer.id, epoch=customer.epoch, gone=ERASED)
    for field in msgspec.structs.fields(blank):
        setattr(customer, field.name, getattr(blank, field.name))


def is_empty(record: Customer) -> bool:
    """Say whether a record is what an erasure or a merge has left: nothing but who it was."""
    return record.gone == ERASED or record.gone.startswith(MERGED)


def let_go_of(shop: Shop, customers: Collection[str]) -> None:
    """Begin anew what goes through everybody in the order of ids, if it has just come to one of these."""
    if shop.forgotten_to in customers:
        shop.forgotten_to = ""
    sweep = shop.sweep
    if sweep is not None and sweep.after in customers:
        shop.sweep = Sweep("", sweep.rehearsed, sweep.first, "")


# What outlives ---------------------------------------------------------------------------------------------------------


def subject_key(customer_id: str) -> str:
    """Return the identity key of a customer's id."""
    return f"customer:{customer_id}"


def erased_key(key: bytes, identity_key: str) -> bytes:
    """Return the 16 bytes under which the list of the erased knows an identity key."""
    return hmac.digest(key, b"erased\0" + identity_key.encode(errors="surrogatepass"), "sha256")[:_KEY_BYTES]


def blocks_of(key: bytes, person: Person) -> list[bytes]:
    """Return the keys of the block list for all that could be sent to somebody, service mails too."""
    return [
        *(block_key(key, address, purpose) for address in person.addresses for purpose in Purpose),
        *(customer_block_key(key, customer, purpose) for customer in person.ids for purpose in Purpose),
    ]


def keys_in(event: Event) -> list[str]:
    """Return the identity keys by which an event is about somebody."""
    keys = [subject_key(event.customer)] if event.customer else []
    if event.type == "customer.merged":
        keys.append(subject_key(event.data.into))
    return [*keys, *keys_of(event)]


_ADDRESS = re.compile(rb"[^\s\"'<>()\[\]{},;:\\/=|]+@[^\s\"'<>()\[\]{},;:\\/=|]+")
_NAMED = re.compile(rb'"(subject|customer|message_id|code|into)"\s*:\s*("(?:[^"\\]|\\.)*")')
_KEY_OF: Final[Mapping[bytes, Callable[[str], str]]] = {
    b"subject": subject_key,
    b"customer": subject_key,
    b"into": subject_key,
    b"message_id": lambda each: f"message:{each.strip('<>').partition('@')[0].partition('.')[0]}",
    b"code": coupon_key,
}


def keys_in_bytes(raw: bytes) -> list[str]:
    """Return the identity keys that bytes speak of which are no event: what of it can be told without reading them."""
    found = {mail_key(each.decode(errors="replace").casefold()) for each in _some(_ADDRESS.findall(raw))}
    for name, text in _some(_NAMED.findall(raw)):
        try:
            found.add(_KEY_OF[name](msgspec.json.decode(text, type=str)))
        except msgspec.MsgspecError:
            continue
    return sorted(found)


def _some(found: list[Any]) -> list[Any]:
    return found[:_MOST_TOKENS]


def nameless(why: str, person: Person) -> str:
    """Return a reason without what tells of the person, and without any address: it is kept with the proof."""
    return str(Traces(person).without(re.sub(r"[^\s<>()\"']+@[^\s<>()\"']+", "", why))).strip()


# Traces in what is others' ---------------------------------------------------------------------------------------------


_NAMES_A_CUSTOMER: Final = frozenset(
    {"id", "into", "stays", "other", "others", "after", "customer", "subject", "owner"}
)
"""Fields of signals and effects in which a customer's id stands: elsewhere the same letters may be an order's."""


class Traces:
    """Knows the traces of a person in bytes and values that are not known to be theirs.

    An address, a number or a code is searched for within text, whatever its capitals. An id counts only as the whole value
    of a field that names a customer: `17` is a part of many things.
    """

    def __init__(self, person: Person) -> None:
        """`person` is whose traces they are."""
        long = [each for each in (*person.numbers, *person.codes) if len(each) >= LEAST_LETTERS]
        words = [*person.addresses, *long, *person.messages]
        self._words = tuple(dict.fromkeys(each.casefold() for each in words if each))
        written = [*person.spelled, *person.addresses, *long]
        self._written = tuple(written)
        self._bytes = tuple(each.encode(errors="surrogatepass") for each in self._words)
        self._ids = frozenset(person.ids)
        self._ids_as_bytes = tuple(each.encode(errors="surrogatepass") for each in person.ids)
        any_word = "|".join(map(re.escape, self._words))
        self._pattern = re.compile(any_word, re.IGNORECASE) if any_word else None
        self._keys = frozenset(person.identity_keys())
        any_id = b"|".join(re.escape(each) for each in self._ids_as_bytes if len(each) >= LEAST_LETTERS - 1)
        self._whole_id = re.compile(rb"(?<![\w@.-])(?:" + any_id + rb")(?![\w@.-])") if any_id else None

    @property
    def spellings(self) -> tuple[str, ...]:
        """What is searched for within others' text, as the person wrote it and in small letters: what a database looks for.

        Messages are left out: their ids are hashes, that only the person's own rows have.
        """
        return tuple(dict.fromkeys(self._written))

    def may_be_in(self, raw: bytes) -> bool:
        """Say whether a trace may be in bytes; quick, and right where it says no."""
        low = raw.lower()
        return any(each in low for each in self._bytes) or any(each in raw for each in self._ids_as_bytes)

    def words_in(self, raw: bytes) -> bool:
        """Say whether an address, a number, a message or a code of theirs stands in bytes."""
        low = raw.lower()
        return any(each in low for each in self._bytes)

    def are_whose(self, letter: bytes) -> bool:
        """Say whether bytes that could not be read are about the person, as far as can be told."""
        low = letter.lower()
        if any(each in low for each in self._bytes) or not self._keys.isdisjoint(keys_in_bytes(letter)):
            return True
        return self._whole_id is not None and self._whole_id.search(letter) is not None

    def without(self, value: Any, field: str = "") -> Any:
        """Return a value without them: text, bytes, or lists and mappings of such; `field` is the name it stands under."""
        if isinstance(value, str):
            if field in _NAMES_A_CUSTOMER and value in self._ids:
                return ""
            return self._pattern.sub("", value) if self._pattern is not None else value
        if isinstance(value, bytes):
            low = value.lower()
            return b"" if any(each in low for each in self._bytes) else value
        if isinstance(value, list | tuple):
            return [self.without(each, field) for each in value]
        if isinstance(value, dict):
            return {name: self.without(each, str(name)) for name, each in value.items()}
        return value
