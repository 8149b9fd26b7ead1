"""The CDNOW history: the file itself, its orders as pandas sees them, and its events as our readers do."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd

from connectors.files import Table, read_files
from engine.core.events import DeadLetter, Event
from engine.core.reading import Reader

FILE = Path(str(distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_master.txt")))
"""23,570 customers, their orders from 1997-01-01 to 1998-06-30: a customer, a date, how many CDs, what they came to."""

COLUMNS = "customer_id=customer_id,time=date,total=dollar_value"


@cache
def order_days() -> pd.DataFrame:
    """One row per customer and day of an order, in order: `customer`, `day` (a whole number), `gap` and `next` (or NaN)."""
    rows = pd.read_csv(FILE, sep=r"\s+", dtype={"customer_id": str, "date": str})
    at = pd.to_datetime(rows["date"], format="%Y%m%d")
    days = pd.DataFrame({"customer": rows["customer_id"], "day": (at - pd.Timestamp("1970-01-01")).dt.days})
    days = days.drop_duplicates().sort_values(["customer", "day"], ignore_index=True)
    by_customer = days.groupby("customer")["day"]
    return days.assign(gap=by_customer.diff(), next=by_customer.shift(-1))


@cache
def events() -> tuple[Event, ...]:
    """The file read as `--csv` reads it, in the shop's zone."""
    table = Table.from_options(COLUMNS, currency="USD", timezone="Europe/Berlin")
    items = tuple(read_files([str(FILE)], Reader(), table))
    assert not any(isinstance(item, DeadLetter) for item in items)
    return tuple(item for item in items if isinstance(item, Event))
