"""A made-up history as the shop's old tools would have exported it: a CSV file each of customers, orders, consents and so on.

As real exports do, they have flaws: here and there a consent without its date or its basis, and an order without a total.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.core.events import Event
from engine.core.moments import SECOND, Instant

_HEADS = {
    "customers": ("id", "email", "first_name", "last_name", "language", "country", "since"),
    "orders": ("order_id", "customer_id", "email", "date", "total", "currency"),
    "consents": ("customer_id", "email", "purpose", "date", "basis"),
    "suppressions": ("email", "reason", "date"),
    "engagement": ("email", "what", "date"),
}
FLAW_EVERY = 50
"""One row in so many lacks something, in the files that have flaws."""

Row = tuple[str, tuple[Any, ...]]


def write_exports(events: Iterable[Event], folder: Path) -> dict[str, int]:
    """Write the files into a folder, and return how many rows each has.

    Raises:
        OSError: they cannot be written.

    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(_HEADS, 0)
    addresses: dict[str, str] = {}
    with ExitStack() as stack:
        writers = {}
        for name, head in _HEADS.items():
            file = stack.enter_context((folder / f"{name}.csv").open("w", newline="", encoding="utf-8"))
            writers[name] = csv.writer(file)
            writers[name].writerow(head)
        for event in events:
            if event.type == "profile.updated":
                addresses[event.customer] = event.data.email
            for name, cells in _rows(event, addresses.get(event.customer, "")):
                counts[name] += 1
                writers[name].writerow(_flawed(name, cells, counts[name]))
    return counts


def _rows(event: Event, address: str) -> Iterator[Row]:
    make = _MADE.get(event.type)
    if make is not None:
        yield make(event, address)


def _customer(event: Event, _: str) -> Row:
    data = event.data
    cells = (data.email, data.first_name, data.last_name, data.language, data.country)
    return "customers", (event.customer, *cells, _moment(event.time))


def _order(event: Event, address: str) -> Row:
    data = event.data
    return "orders", (data.order_id, event.customer, address, _moment(event.time), str(data.total), data.currency)


def _consent(event: Event, address: str) -> Row:
    return "consents", (event.customer, address, event.data.purpose, _moment(event.time), event.data.basis)


def _stop(reason: str) -> Callable[[Event, str], Row]:
    return lambda event, address: ("suppressions", (event.data.email or address, reason, _moment(event.time)))


def _engaged(what: str) -> Callable[[Event, str], Row]:
    return lambda event, address: ("engagement", (event.data.email or address, what, _moment(event.time)))


_MADE: dict[str, Callable[[Event, str], Row]] = {
    "profile.updated": _customer,
    "order.placed": _order,
    "consent.given": _consent,
    "email.unsubscribed": _stop("unsubscribed"),
    "email.complained": _stop("complained"),
    "email.bounced": _stop("bounced"),
    "email.opened": _engaged("opened"),
    "email.clicked": _engaged("clicked"),
}


def _flawed(name: str, cells: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """Leave out what somebody forgot to write down: of every fiftieth consent the date or the basis, of an order the total."""
    if number % FLAW_EVERY:
        return cells
    if name == "consents":
        place = 3 if number % (2 * FLAW_EVERY) else 4
        return (*cells[:place], "", *cells[place + 1 :])
    if name == "orders" and number % (20 * FLAW_EVERY) == 0:
        return (*cells[:4], "", *cells[5:])
    return cells


def _moment(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
