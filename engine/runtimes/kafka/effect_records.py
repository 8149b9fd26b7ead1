"""Effects as records of `winback.effects`: what the outside is told, and all that the books must have.

A tool that reads the topic goes by the type of a CloudEvent. What must not leave (shadow effects, mails, whatever was decided
before `go-live`) stands there under a type that nobody asks for; a header names the true one for the projector. The rejected
way, an attribute that says "do not act on this", every reader would have to know of.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.core.effects import Effect, line
from engine.core.leaving import may_leave, told
from engine.core.moments import instant
from engine.core.shop import Shop
from engine.runtimes.kafka.wire import PLACE_HEADER, Place

KEPT: Final = "winback.kept."
"""How the type of a record begins that is for the books alone."""

TYPE_HEADER: Final = "winback-type"
"""The effect's own type, where the CloudEvent has another."""

SHADOW_HEADER: Final = "winback-shadow"

Headers = list[tuple[str, bytes]]


class _Told(Struct):
    """The part of a CloudEvent that an effect is made of."""

    id: str
    type: str
    time: datetime
    subject: str
    data: dict[str, Any]


_decode = msgspec.json.Decoder(_Told).decode


def encode_effect(effect: Effect, place: Place, shop: Shop) -> tuple[bytes, Headers]:
    """Return the value and the headers of an effect's record; `shop` says whether it may leave."""
    headers: Headers = [(PLACE_HEADER, place.packed())]
    outside = told(effect) if may_leave(effect, shop) else replace(effect, type=_kept(effect.type))
    if outside.type != effect.type:
        headers.append((TYPE_HEADER, effect.type.encode()))
    if effect.shadow:
        headers.append((SHADOW_HEADER, b"1"))
    return line(outside)[:-1], headers


def encode_send(effect: Effect, place: Place, shop: Shop) -> tuple[bytes, Headers]:
    """Return the value and the headers of a record of `winback.sends`: a requested send with its message.

    What a rehearsal before `go-live` releases is for our own mailbox, so a mail service that reads the topic must not take
    it for a send: it stands there as what is kept.
    """
    headers: Headers = [(PLACE_HEADER, place.packed())]
    if shop.gone_live and effect.time >= shop.live_since:
        return line(effect)[:-1], headers
    return line(replace(effect, type=_kept(effect.type)))[:-1], [*headers, (TYPE_HEADER, effect.type.encode())]


def decode_effect(value: bytes, headers: Iterable[tuple[str, bytes]]) -> Effect:
    """Return the effect that a record tells of, as it was decided.

    Raises:
        msgspec.DecodeError: it is none of ours.

    """
    event, named = _decode(value), dict(headers)
    data = event.data
    effect_id = str(data.pop("effect_id", ""))
    kind = named.get(TYPE_HEADER, event.type.encode()).decode()
    ordinal = event.id.rpartition(".")[2]
    if not effect_id or not ordinal.isdecimal():
        raise msgspec.ValidationError("an effect has an id that ends with its ordinal")
    return Effect(kind, instant(event.time), event.subject, effect_id, data, int(ordinal), SHADOW_HEADER in named)


def _kept(kind: str) -> str:
    return KEPT + kind.removeprefix("winback.")
