"""shop.yaml as plain values with their places; what they must be is for `engine.rendering.brand` to say."""

from __future__ import annotations

from typing import Any

from engine.language.nodes import Listing, Mapping, Text
from engine.language.reading import Reading
from engine.rendering.brand import Brand, brand_from


def brand_of(node: Mapping, reading: Reading) -> Brand:
    """Return the shop's brand, and note what is wrong with it where it stands."""
    brand, wrong = brand_from({key.value: _plain(value) for key, value in node.entries})
    for one in wrong:
        entry = node.entry(one.key)
        at = node.head if entry is None else entry[0].spot if one.code == "unknown-key" else entry[1].spot
        code = {"unknown-key": "unknown-key", "missing-key": "missing-key"}.get(one.code, "bad-text")
        reading.error(at, code, one.message.replace("`", "'"), one.hint.replace("`", "'"))
    return brand


def _plain(node: Any) -> Any:
    match node:
        case Text():
            return node.value
        case Listing():
            return [_plain(item) for item in node.items]
        case Mapping():
            return {key.value: _plain(value) for key, value in node.entries}
    return None
