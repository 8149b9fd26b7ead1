"""Conditions as frozen values: what may be asked of a customer. `engine.core.conditions` answers."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.core.moments import Length
from engine.core.rules.terms import Address, Share, Standing, Value


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="if"):
    """One condition; its subclasses are all there are."""

    line: int = 0


class EventSeen(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="event"):
    """`event:` or, where `absent`, `no_event:`. `where` holds fields that must be equal (matching any item of a list).

    `within` and `since` (an occasion's last day) bound what counts; at most one of them is given.
    """

    event: str
    absent: bool = False
    within: Length | None = None
    since: str = ""
    at_least: int = 1
    where: dict[str, Any] = {}


class StandingIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="standing"):
    """`standing:`, at least since the length `for:`."""

    standing: Standing
    held_for: Length | None = None  # `for:`


class Returned(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="returned"):
    """`returned:`: an order brought the customer back to active from one of these standings."""

    from_standings: tuple[Standing, ...]
    within: Length | None = None  # None: `returns_within` of lifecycle.yaml


class AddressIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="address"):
    """`address:`."""

    address: Address


class FieldIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="customer"):
    """`customer: FIELD` with the tests that are given (all must hold). Days are compared on the customer's calendar."""

    field: str
    equals: Value | None = None  # `is:`
    any_of: tuple[Value, ...] = ()
    at_least: Value | None = None
    at_most: Value | None = None
    within_next: Length | None = None
    within_last: Length | None = None


class PermissionIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="permission"):
    """`permission: newsletter`, optionally given before a length ago, lapsing within a length, or on one basis."""

    permission: str
    channel: str = "email"
    given_before: Length | None = None
    lapses_within: Length | None = None
    basis: str = ""


class TagIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="tag"):
    """`tag:`."""

    tag: str


class Declining(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="declining"):
    """`declining:`: own gaps grow, or baskets shrink, by at least `by` against what was usual before (R37)."""

    what: str = "either"  # gaps, baskets, either or both
    by: Share = 5_000


class CauseIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="cause"):
    """`cause:`: the strongest evidence says one of these, learned within a length."""

    any_of: tuple[str, ...]
    within: Length | None = None


class OfferHad(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="offer"):
    """`offer:`: had (within a length), and where `used` is given, used or not."""

    offer: str
    had_within: Length | None = None
    used: bool | None = None


class TemplateSent(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="sent"):
    """`sent:`: a message of this template was released, within a length."""

    template: str
    within: Length | None = None


class WorkflowEnded(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="workflow"):
    """`workflow:`: the last run of it ended, within a length, with this outcome."""

    workflow: str
    ended_within: Length | None = None
    outcome: str = ""


class WorthIs(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="worth"):
    """`worth: positive`: what an offer of this workflow is expected to bring exceeds what it costs, or cannot be told."""


class OccasionNear(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="occasion"):
    """`occasion:`: from so many days before it until so many after it; its own day when neither is given."""

    occasion: str
    before: Length = Length()
    after: Length = Length()


class Not(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="not"):
    """`not:` around any one condition."""

    condition: AnyCondition


class AnyOf(Condition, frozen=True, kw_only=True, omit_defaults=True, tag="any"):
    """`enter_when_any:`, one of several conditions. It stands last among those that must all hold."""

    conditions: tuple[AnyCondition, ...]


AnyCondition = (
    EventSeen
    | StandingIs
    | Returned
    | Declining
    | AddressIs
    | FieldIs
    | PermissionIs
    | CauseIs
    | OfferHad
    | TemplateSent
    | WorkflowEnded
    | TagIs
    | WorthIs
    | OccasionNear
    | Not
    | AnyOf
)
