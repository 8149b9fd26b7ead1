"""Check of connectors.yaml: every field that an event needs is given, none that it does not have, and somebody is named."""

from __future__ import annotations

from itertools import chain

from engine.core.catalogue import fields as fields_of
from engine.core.events import DATA, Item
from engine.core.source_topics import MINOR_UNITS, Items, Kind, Value
from engine.core.whose import OF_THE_SHOP
from engine.language.forms import Fields
from engine.language.nodes import Mapping, Node, Text
from engine.language.problems import one_of, shown
from engine.language.reading import Reading

MONEY_FIELDS = ("total", "amount", "price")
ITEM_FIELDS = tuple(Item.__struct_fields__)


def check(fields: Fields, kind: Kind, data: dict[str, Value | Items], reading: Reading) -> None:
    """Note what is wrong with the data of an event: `fields` as they were written, `data` as it was read."""
    known = {name for event in kind.possible for name in _known(event, reading)}
    node = fields.nodes.get("data")
    written = {text.value for text, _ in node.entries} if isinstance(node, Mapping) else set()
    for text, value in node.entries if isinstance(node, Mapping) and reading.own_events is not None else ():
        if text.value not in known:
            said = one_of(kind.possible)
            reading.unknown(text, "unknown-field", f"{said} has no field {shown(text.value)}", sorted(known))
        else:
            _check_value(text, value, data, reading)
    at = node.head if isinstance(node, Mapping) else fields.keys["type"].spot
    for name in dict.fromkeys(chain.from_iterable(_required(event) for event in kind.possible)):
        if name not in data.keys() | written and not reading.inside(fields.node, "unknown-field"):
            message = f"{one_of(kind.possible)} needs {shown(name)} in 'data'"
            reading.error(at, "missing-key", message, f"add '{name}:' with the path where it stands")
    about_somebody = known and not OF_THE_SHOP.issuperset(kind.possible)
    named = fields.keys.keys() & {"customer", "email"} | (data.keys() | written) & {"email", "message_id"}
    if about_somebody and not named and not reading.inside(fields.node, "unknown-key"):
        message = "nothing says whose event this is"
        hint = "add 'customer:' or 'email:' with its path, or 'message_id:' in 'data'"
        reading.error(fields.keys["type"], "missing-key", message, hint)


def _check_value(name: Text, node: Node, data: dict[str, Value | Items], reading: Reading) -> None:
    value = data.get(name.value)
    if isinstance(value, Items):
        if name.value != "items":
            reading.error(name, "wrong-form", f"{shown(name.value)} is no list", "a list is for 'items' of an order")
        each = node.entry("each") if isinstance(node, Mapping) else None
        for inner, _ in each[1].entries if each is not None and isinstance(each[1], Mapping) else ():
            if inner.value not in ITEM_FIELDS:
                reading.unknown(inner, "unknown-field", f"an item has no field {shown(inner.value)}", ITEM_FIELDS)
            else:
                _check_minor_units(inner, value.each.get(inner.value), data, reading)
    elif name.value == "items" and value is not None:
        hint = "write {list: order.lines, each: {sku: sku, quantity: qty}}"
        reading.error(name, "wrong-form", "'items' is a list", hint)
    else:
        _check_minor_units(name, value, data, reading)


def _check_minor_units(name: Text, value: Value | None, data: dict[str, Value | Items], reading: Reading) -> None:
    if value is None or value.form != MINOR_UNITS:
        return
    if name.value not in MONEY_FIELDS:
        hint = f"minor_units is for {one_of(MONEY_FIELDS)}"
        reading.error(name, "bad-word", f"{shown(name.value)} is no amount of money", hint)
    elif "currency" not in data:
        message = f"{shown(name.value)} is in minor units, and no currency says how many make a whole one"
        reading.error(name, "missing-key", message, "add 'currency:' to 'data', such as {constant: EUR}")


def _known(event: str, reading: Reading) -> tuple[str, ...]:
    if event in DATA:
        return tuple(chain(*fields_of(event)))
    own = (reading.own_events or {}).get(event)
    return (*own.fields, "email", "message_id") if own is not None else ()


def _required(event: str) -> list[str]:
    return fields_of(event)[0] if event in DATA else []
