"""The reorder interval of an order history in files, found by the same folding as in the engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from engine.core.effects import Effect
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import Lifecycle, RuleSet
from engine.core.shop import Shop
from engine.handling import Handling
from engine.insight.cadence import cadence_of
from engine.runtimes.simulator.past import Progress
from engine.runtimes.simulator.store import MemoryStore

_ALL_OF_IT_IS_HISTORY: Final = 1 << 62
_STEP: Final = 20_000


def cadence_of_files(
    items: Iterable[Event | DeadLetter],
    lifecycle: Lifecycle,
    *,
    by_category: bool = False,
    progress: Progress = lambda _what, _done, _of: None,
) -> dict[str, Any]:
    """Return what `winback cadence FILE…` says. The order of the items does not matter; nothing is decided about them.

    It looks from the last instant that the files know of. `duplicates` and `dead_letters` count what was left out.
    """
    shop = Shop(epoch=1, live_since=_ALL_OF_IT_IS_HISTORY)
    store = MemoryStore(_nowhere)
    handling = Handling(Rules(RuleSet(lifecycle=lifecycle), shop, key=b""), history_after=_ALL_OF_IT_IS_HISTORY)
    duplicates = dead_letters = done = 0
    last: Instant = 0
    for done, item in enumerate(items, 1):
        if isinstance(item, DeadLetter):
            dead_letters += 1
            continue
        last = max(last, item.time)
        duplicates += handling.take(store, item, 0).status == "duplicate"
        if done % _STEP == 0:
            progress("reading", done, 0)
    progress("reading", done, done)
    found = cadence_of(store.customers.values(), shop.cadence, last, lifecycle, by_category=by_category)
    return found | {"duplicates": duplicates, "dead_letters": dead_letters + len(store.dead_letters)}


def _nowhere(_: Effect) -> None:
    """Facts alone ask nothing of the world."""
