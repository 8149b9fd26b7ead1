"""How those are who take effects, as people are told."""

from __future__ import annotations

from msgspec import Struct


class ReceiverRow(Struct, frozen=True):
    """One receiver: `takes` are types of effects; counts are of effects.

    `behind` waits in the log (counted up to a thousand), `parcels` could not be delivered yet, `dead_letters` will not be
    unless somebody replays them; `lag_seconds` is the age of the oldest that is behind or a parcel.
    """

    name: str
    takes: list[str]
    behind: int = 0
    parcels: int = 0
    dead_letters: int = 0
    lag_seconds: float = 0.0
    last_error: str = ""
