"""What can still be told from an event that says "no" and cannot be read.

Somebody who says stop is heard even when the rest of the message is broken: a wrong kind of field, no id, a line cut off
in the middle. Too much is stopped rather than too little, so a consent withdrawn from an unreadable purpose is withdrawn
from every purpose (`purpose` empty).
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from engine.core.events import DATA, SAYS_NO, Event
from engine.core.moments import Instant, instant

_PAIRS = re.compile(
    rb'"(type|id|source|time|subject|email|message_id|purpose|channel|list)"\s*+:\s*+"((?:[^"\\]++|\\.)*+)"', re.DOTALL
)
_ENVELOPE = ("type", "id", "source", "time", "subject")


def as_far_as_known(raw: bytes, now: Instant | None, latest: Instant) -> Event | None:
    """Return the "no" in some unreadable bytes, or None: nobody can be found, it is none, or no time can be told.

    `now` stands in for a time that is unreadable, lies before 1970 or after `latest`.
    """
    envelope = _loosely(raw)
    kind, data = envelope.get("type"), envelope.get("data")
    if kind not in SAYS_NO:
        return None
    told = _told(kind, data if isinstance(data, dict) else {})
    time = _time(envelope.get("time"), latest)
    time = now if time is None else time
    if time is None:
        return None
    given, source, subject = (_text(envelope.get(key)) for key in ("id", "source", "subject"))
    event = Event(given or f"unread-{blake2b(raw, digest_size=16).hexdigest()}", source, kind, time, subject, told)
    return event if subject or event.email or event.field("message_id") else None


def _loosely(raw: bytes) -> dict[str, Any]:
    """Read the JSON object if it is one, else look for the pairs that matter, each where it first stands."""
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        plain = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        plain = None
    if isinstance(plain, dict):
        return plain
    found: dict[str, Any] = {}
    for key, value in _PAIRS.findall(text.encode()):
        found.setdefault(key.decode(), _unescaped(value))
    data = {key: found.pop(key) for key in list(found) if key not in _ENVELOPE}
    return {**found, "data": data}


def _unescaped(value: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + value + b'"', type=str)
    except msgspec.MsgspecError:
        return ""


def _told(kind: str, given: dict[str, Any]) -> Any:
    """Return the data with each plain field that can be read; the others have their default, or are empty."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(DATA[kind]):
        if field.required:
            fields[field.name] = ""
        try:
            value = msgspec.convert(given.get(field.name), field.type)
        except msgspec.ValidationError:
            continue
        if isinstance(value, bool) or _text(value):
            fields[field.name] = value
    return DATA[kind](**fields)


def _time(given: Any, latest: Instant) -> Instant | None:
    try:
        at = instant(msgspec.convert(given, datetime))
    except (msgspec.ValidationError, TypeError):  # TypeError: it has no zone
        return None
    return at if 0 <= at <= latest else None


def _text(value: Any) -> str:
    """Return text that came through whole: another name with a hole in it is not this person's."""
    return value if isinstance(value, str) and "\ufffd" not in value and "\0" not in value else ""
