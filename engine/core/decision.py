"""What a decision yields: the customer as it is now, the effects asked for, and what the shop's owner must note."""

from __future__ import annotations

from msgspec import Struct

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.moments import Instant
from engine.core.orders import Gap


class Entered(Struct, frozen=True, gc=False):
    """A workflow was entered; its pace counts it."""

    workflow: str


class Issued(Struct, frozen=True, gc=False):
    """An offer was issued: it may cost this much (smallest units), and took this pool code (empty if not of a pool).

    A negative amount takes back what was issued at that instant.
    """

    offer: str
    at: Instant
    amount: int
    code: str = ""


class TaskGiven(Struct, frozen=True, gc=False):
    """A team was handed a customer; how many it takes counts it."""

    team: str
    at: Instant


class OnRamp(Struct, frozen=True, gc=False):
    """A marketing mail left to a family of providers (`by` 1), or one that left at that instant came back (-1)."""

    family: str
    at: Instant
    by: int


class MailFailed(Struct, frozen=True, gc=False):
    """A mail that left at that instant failed: `how` is `bounces`, `complaints`, `policy` or `unsubscribes`."""

    family: str
    how: str
    effect_id: str
    at: Instant


class Wanting(Struct, frozen=True, gc=False):
    """Too little of an allowance was left: somebody waits, for whom so much would have done."""

    key: str
    amount: int


Note = Entered | Issued | TaskGiven | OnRamp | MailFailed | Wanting


class Decision(Struct, frozen=True, gc=False):
    """The outcome of one signal. `customer` is a new value; the one that went in is as it was."""

    customer: Customer
    effects: list[Effect]
    gaps: list[Gap]
    notes: list[Note]
