"""The fields of a delivery status notification (RFC 3464, internationalised RFC 6533), also where they stand in plain text.

Only what failed counts against anybody: `delayed` is a warning, and `delivered`, `relayed` and `expanded` are good news.
"""

from __future__ import annotations

import re

from msgspec import Struct

from connectors.bounces.addresses import typed_address

TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]{1,38}[A-Za-z])[ \t]*:[ \t]*(.*)$")
_A_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")
_WHO = ("original-recipient", "final-recipient", "x-actual-recipient")
_IN_PLAIN_TEXT = re.compile(r"^[ \t>]{0,4}Final-Recipient[ \t]*:", re.MULTILINE | re.IGNORECASE)
_TYPE_OF_CODE = re.compile(r"^\s*[\w.+-]{1,30}\s*;\s*")
_SYSTEM_EXITS = {
    "67": "user unknown",
    "68": "host unknown",
    "73": "can not create",
    "75": "temporary failure",
    "77": "permission denied",
}
_EXIT = re.compile(r"^\s*x-unix\s*;\s*(\d\d)\b", re.IGNORECASE)
_MOST = 100
_LONGEST = 4_000


class Told(Struct, frozen=True):
    """What a DSN tells of one recipient; what it leaves out is empty."""

    address: str
    action: str
    status: str
    diagnostic: str
    server: str


class Notification(Struct, frozen=True):
    """A DSN: the envelope id it was given, and what it tells of each recipient."""

    envelope_id: str
    told: tuple[Told, ...]


def in_plain_text(text: str) -> bool:
    """Whether fields of a DSN stand in a text that is not declared as one."""
    return _IN_PLAIN_TEXT.search(text) is not None


def notification_of(text: str) -> Notification:
    """Read the fields. Blank lines divide recipients, but servers forget them and put too many: the fields' names decide."""
    message: dict[str, str] = {}
    recipients: list[dict[str, str]] = []
    for block in _blocks(text):
        fields: dict[str, str] = {}
        for name, value in block:
            if name in _WHO and name in fields:  # the next recipient, and no blank line before it
                recipients.append(fields)
                fields = {}
            fields.setdefault(name, value)
        if any(name in fields for name in _WHO):
            recipients.append(fields)
        elif recipients:
            recipients[-1] = {**fields, **recipients[-1]}
        else:
            message.update(fields)
    return Notification(message.get("original-envelope-id", ""), tuple(_told(each) for each in recipients[:_MOST]))


def _blocks(text: str) -> list[list[tuple[str, str]]]:
    blocks: list[list[tuple[str, str]]] = [[]]
    for raw in text.split("\n"):
        line = raw.lstrip(">").rstrip()
        field = _FIELD.match(line.strip()) if not line.startswith(("\t", "   ")) or not blocks[-1] else None
        if not line.strip():
            blocks.append([])
        elif field:
            blocks[-1].append((field[1].casefold(), field[2][:_LONGEST]))
        elif blocks[-1]:  # a line that goes on
            name, value = blocks[-1][-1]
            if len(value) < _LONGEST:
                blocks[-1][-1] = (name, f"{value} {line.strip()}".strip())
    return [block for block in blocks if block]


def _told(fields: dict[str, str]) -> Told:
    address = next((found for name in _WHO if (found := typed_address(fields.get(name, "")))), "")
    action = fields.get("action", "").split("(")[0].strip().casefold()
    status = _A_STATUS.search(fields.get("status", ""))
    said = fields.get("diagnostic-code", "")
    system_exit = _EXIT.match(said)
    diagnostic = _SYSTEM_EXITS.get(system_exit[1], said) if system_exit else _TYPE_OF_CODE.sub("", said, count=1)
    return Told(address, action, status[1] if status else "", diagnostic, fields.get("remote-mta", ""))
