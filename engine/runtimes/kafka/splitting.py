"""One shop's state among partitions, when a shop moves in: the inverse of `combining`.

What is said of the shop holds in every partition. What is counted stands in the first one, so that the sums are what they
were; from there on each counts its own. Nothing is granted to any of them yet: pool codes that lay ready for the one engine
are given back to their pools by whoever moves it.
"""

from __future__ import annotations

import copy

from msgspec.structs import replace

from engine.core.allowances import Allowance
from engine.core.cadence import Cadence
from engine.core.shop import Shop


def split(shop: Shop, partitions: int) -> list[Shop]:
    """Return what each partition begins with."""
    allowances: dict[str, Allowance] | None = {} if partitions > 1 else None  # the only one is the whole shop
    first = replace(shop, codes={}, granted={}, allowances=allowances, used_up={})
    rest = replace(first, cadence=Cadence(), paces={}, budgets={}, hand_offs={}, ramps={}, breakers={})
    return [copy.deepcopy(first if number == 0 else rest) for number in range(partitions)]
