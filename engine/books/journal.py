"""Signals as bytes, for the journal. An event is an array of its fields, so that its data is read by its type."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core.events import DATA, Event, Mail
from engine.core.signals import AnySignal, Happened

_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(tuple[bool, str, str, str, int, str, msgspec.Raw])
_data = {name: msgspec.msgpack.Decoder(shape) for name, shape in DATA.items()}
_own = msgspec.msgpack.Decoder(dict[str, Any])
_others = msgspec.msgpack.Decoder(AnySignal)
_ARRAY_OF_SEVEN = 0x97


def encode_signal(signal: AnySignal) -> bytes:
    """Return the signal as the journal keeps it: for ever, and so without what tells of somebody's device."""
    if type(signal) is Happened:
        event = signal.event
        data = event.data
        if type(data) is Mail and (data.ip or data.user_agent):
            data = replace(data, ip="", user_agent="")
        return _encoder.encode((signal.history, event.id, event.source, event.type, event.time, event.customer, data))
    return _encoder.encode(signal)


def decode_signal(raw: bytes) -> AnySignal:
    """Return the signal that was kept.

    Raises:
        msgspec.DecodeError: it is none.

    """
    if raw[0] != _ARRAY_OF_SEVEN:
        other: AnySignal = _others.decode(raw)
        return other
    history, event_id, source, kind, time, customer, data = _head.decode(raw)
    decoder = _data.get(kind, _own)
    return Happened(Event(event_id, source, kind, time, customer, decoder.decode(data)), history)
