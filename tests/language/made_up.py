"""Documents made up from our own JSON Schemas: right in form, wild in meaning, and now and then wrong."""

from __future__ import annotations

import random
import re
from typing import Any

from engine.core.events import DATA
from engine.core.fields import FIELDS
from engine.language import nodes
from engine.language.schema import json_schema

STAGES = ("a", "b", "c")
TEXTS = (
    *STAGES, "coupon_offer", "welcome_back", "still_with_us", "last_call", "receipt", "ten_percent", "winback",
    "0d", "1min", "36h", "1d", "14d", "2w", "400d", "99999999d", "120d ago", "0d ago", "1 per 7d", "500 per 1d", "0 per 1d",
    "2 per 365d", "0%", "5%", "50%", "100%", "33.33%", "20 EUR", "0.01 EUR", "0.002 EUR", "5000 EUR per 30d", "7 JPY",
    "09:00-20:00", "20:00-08:00", "00:00-24:00", "10:00", "23:59", "12-24", "02-29", "2026-01-31", "2026-03-29 02:30",
    "2 x reorder_interval", "2 x own_interval", "quantile 0.85", "https://shop.example/x", "Europe/Berlin", "customer", "EUR",
    "order.placed", "email.clicked", "email.unsubscribed", "review.written", "no", "true", "10 days", "", " ", "ß", "²", "\u0661",
)  # fmt: skip
EVENTS, FIELD_NAMES = tuple(DATA), (*FIELDS, "attributes.size", "categories.tea.orders")
DEEPEST = 7


class MadeUp:
    """Makes documents; `chance` decides, so the same one makes the same document."""

    def __init__(self, kind: str, chance: random.Random, wrong: float = 0.02) -> None:
        """Make up documents of a kind of file; a share of the values is of another kind."""
        self.schema = json_schema(kind)
        self.chance = chance
        self.wrong = wrong

    def document(self) -> Any:
        """Return a document of lists, dicts and scalars."""
        return self.value(self.schema, 0)

    def value(self, schema: Any, depth: int) -> Any:
        """Return a value that fits a schema, mostly."""
        chance = self.chance
        if chance.random() < self.wrong or schema is True or not schema:
            return chance.choice([chance.choice(TEXTS), chance.randint(-1, 10**12), [], {}, [{"a": "b"}], True, None])
        if "$ref" in schema:
            return self.value(self.schema["definitions"][schema["$ref"].rpartition("/")[2]], depth)
        if "anyOf" in schema:
            ways = schema["anyOf"]
            if depth > DEEPEST:  # `not:` holds a condition that holds a condition
                ways = [each for each in ways if "not" not in each.get("properties", ())]
            return self.value(chance.choice(ways), depth)
        if "enum" in schema:
            return chance.choice(schema["enum"])
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else chance.choice(kinds)
        match kind:
            case "object":
                return self.mapping(schema, depth + 1)
            case "array":
                length = max(schema.get("minItems", 0), int(chance.expovariate(0.7)))
                return [self.value(schema.get("items", True), depth + 1) for _ in range(length)]
            case "integer" | "number":
                most = min(schema.get("maximum", 100), 100)
                return chance.choice([schema.get("minimum", 0), most, chance.randint(0, 5)])
            case "boolean":
                return chance.random() < 0.5
            case _:
                return self.text(schema.get("pattern", ""))

    def mapping(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Return a mapping: what is required, some of the rest, and names of its own where it may have such."""
        required = list(schema.get("required", ()))
        for group in schema.get("allOf", ()):
            required += self.chance.choice(group.get("oneOf", [{}])).get("required", [])
        known = schema.get("properties", {})
        some = 0.25 if depth > 1 else 0.5
        made = {
            name: self.value(inner, depth)
            for name, inner in known.items()
            if name in required or self.chance.random() < some / max(1, len(known) / 6)
        }
        if "event" in made or "no_event" in made:
            made = {name: self.chance.choice(EVENTS) if "event" in name else each for name, each in made.items()}
        if "customer" in made:
            made["customer"] = self.chance.choice(FIELD_NAMES)
        made |= {name: self.chance.choice(NAMED_BY_KEY[name]) for name in made if name in NAMED_BY_KEY}
        others = schema.get("additionalProperties")
        if others not in (None, False) and not known:
            names = [self.text(schema.get("propertyNames", {}).get("pattern", "")) for _ in range(3)]
            made |= {name: self.value(others, depth) for name in names}
        return made

    def text(self, pattern: str) -> str:
        """Return a text that fits a pattern; names are those of a few stages, templates and offers."""
        if pattern.startswith("^(?:[^"):
            return self.chance.choice(TEXTS[:10])
        fitting = [text for text in TEXTS if re.search(pattern, text)]
        return self.chance.choice(fitting or TEXTS)


NAMED_BY_KEY = {
    **dict.fromkeys(("then", "after", "go_to"), STAGES),
    **dict.fromkeys(("send", "notice", "sent"), TEXTS[3:7]),
    **dict.fromkeys(("offer", "excludes"), ("ten_percent",)),
}


def without(value: Any, node: nodes.Node, wrong: set[tuple[int, int]]) -> Any:
    """Return a document without the parts at these places; `node` is the same document as it was read.

    Of a list the item goes that holds such a place, of a mapping that is in no list the key.
    """
    if isinstance(value, list) and isinstance(node, nodes.Listing):
        pairs = list(zip(value, node.items, strict=True))
        return [without(inner, item, wrong) for inner, item in pairs if not _holds(item, wrong)]
    if isinstance(value, dict) and isinstance(node, nodes.Mapping):
        made = {}
        for key, inner in node.entries:
            if key.value not in value:  # a key of blanks is written, and read as none
                continue
            whole = not _has_parts(value[key.value])
            if _place(key) in wrong or (whole and _holds(inner, wrong)):
                continue
            made[key.value] = without(value[key.value], inner, wrong)
        return made
    return value


def _has_parts(value: Any) -> bool:
    return isinstance(value, dict | list)


def _holds(node: nodes.Node, wrong: set[tuple[int, int]]) -> bool:
    if _place(node) in wrong:
        return True
    if isinstance(node, nodes.Listing):
        return any(_holds(item, wrong) for item in node.items)
    if isinstance(node, nodes.Mapping):
        return any(_place(key) in wrong or _holds(inner, wrong) for key, inner in node.entries)
    return False


def _place(node: nodes.Node) -> tuple[int, int]:
    return node.spot.line, node.spot.column
