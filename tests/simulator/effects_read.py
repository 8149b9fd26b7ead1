"""effects.jsonl read as anybody outside would: as JSON, a line at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Line:
    """One effect. `kind` is its type without `winback.`."""

    id: str
    kind: str
    at: datetime
    customer: str
    data: dict[str, Any]

    @property
    def day(self) -> int:
        """Its day in the shop's zone, in days since 1970."""
        return (self.at.astimezone(BERLIN).date() - EPOCH).days


def effects(folder: Path) -> Iterator[Line]:
    """Yield the effects of a back-test, in their order."""
    with (folder / "effects.jsonl").open(encoding="utf-8") as file:
        for text in file:
            found = json.loads(text)
            kind = found["type"].removeprefix("winback.")
            at = datetime.fromisoformat(found["time"])
            yield Line(found["id"], kind, at, found["subject"], found["data"])


def standing_changes(folder: Path) -> Counter[tuple[int, str, str, str]]:
    """Count changes of standing by day, customer, from and to."""
    return Counter(
        (line.day, line.customer, line.data["from"], line.data["to"])
        for line in effects(folder)
        if line.kind == "standing_changed"
    )
