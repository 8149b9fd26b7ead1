"""One row of an export, as what it says: events of ours, suppressions, nothing at all, or why it cannot be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from connectors.imports.consents import consents
from connectors.imports.suppressions import suppressions
from connectors.imports.telling import NOBODY_KNOWS, Options, Refused, Statement, Suppressed, instant_of, value, who

_NO_DATE: Final = "no date: say which column has it, or --as-of DAY for the whole file"
_TYPES: Final = {
    "open": "email.opened",
    "opened": "email.opened",
    "click": "email.clicked",
    "clicked": "email.clicked",
    "reply": "email.replied",
    "replied": "email.replied",
    "delivered": "email.delivered",
    "sent": "email.sent",
}


def read_row(kind: str, cells: Mapping[str, str], options: Options) -> list[Statement | Suppressed]:
    """Return what a row says; nothing where it says nothing of this kind.

    Raises:
        Refused: it cannot be taken; the message says why.

    """
    return list(_READERS[kind](cells, options))


def _customers(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    customer, data = who(cells)
    at = instant_of(cells, "updated_at", options)
    for field, text in cells.items():
        if field.startswith("attributes."):
            data.setdefault("attributes", {})[field.removeprefix("attributes.")] = text
        elif field not in ("customer_id", "email", "updated_at"):
            data[field] = value("customers", field, text, options)
    told = {name: each for name, each in data.items() if each not in ("", None)}
    yield Statement("profile.updated", customer, _known_since(at, options, or_else=NOBODY_KNOWS), told)


def _engagement(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    customer, data = who(cells)
    told = (
        data
        | _data("engagement", cells, ("link", "machine"), options)
        | {"sender": cells.get("sender", options.sender)}
    )
    at = instant_of(cells, "time", options)
    if at is not None or "type" in cells:
        word = cells.get("type", "").casefold().removeprefix("email.").removesuffix(" email")
        if word not in _TYPES:
            raise Refused("type is none we know (open, click, reply, delivered)")
        yield Statement(_TYPES[word], customer, _known_since(at, options), told)
    for field, kind in (("opened_at", "opened"), ("clicked_at", "clicked"), ("replied_at", "replied")):
        when = instant_of(cells, field, options)
        if when is not None:
            yield Statement(
                f"email.{kind}", customer, when, {k: v for k, v in told.items() if k != "link" or kind == "clicked"}
            )


def _coupons(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    customer, data = who(cells)
    given, redeemed = (instant_of(cells, field, options) for field in ("given_at", "redeemed_at"))
    if given is not None or redeemed is None:
        told = data | _data("coupons", cells, ("code", "offer"), options)
        if "code" not in told and "offer" not in told:
            raise Refused("neither a code nor an offer")
        yield Statement("coupon.given", customer, _known_since(given, options), told)
    if redeemed is not None:
        if "code" not in cells:
            raise Refused("redeemed, but no code")
        yield Statement(
            "coupon.redeemed", customer, redeemed, data | _data("coupons", cells, ("code", "order_id"), options)
        )


def _sends(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    customer, data = who(cells)
    told = _data("sends", cells, ("name", "purpose"), options)
    at = instant_of(cells, "time", options)
    if at is None and not told:
        return  # of a list of everybody with their last mail: they had none
    at = _known_since(at, options)
    told["sender"] = cells.get("sender", options.sender)
    yield Statement("email.sent", customer, at, data | told)


def _orders(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    customer, data = who(cells)
    at = instant_of(cells, "time", options)
    if at is None:
        raise Refused("no date")
    if "total" not in cells:
        raise Refused("no total")
    currency = cells.get("currency", options.currency).upper()
    told = data | _data("orders", cells, ("order_id", "total", "coupon", "country"), options) | {"currency": currency}
    item = {field: cells[field] for field in ("sku", "name", "category") if field in cells}
    if item:
        told["items"] = [item]
    placed = Statement("order.placed", customer, at, told)
    if "order_id" not in told:  # equal rows are one order
        told["order_id"] = placed.number
    yield placed
    cancelled = instant_of(cells, "cancelled_at", options)
    if cancelled is not None:
        yield Statement("order.cancelled", customer, cancelled, data | {"order_id": told["order_id"]})


def _known_since(at: int | None, options: Options, or_else: int | None = None) -> int:
    known = at if at is not None else options.as_of if options.as_of is not None else or_else
    if known is None:
        raise Refused(_NO_DATE)
    return known


def _data(kind: str, cells: Mapping[str, str], fields: Iterable[str], options: Options) -> dict[str, Any]:
    return {field: value(kind, field, cells[field], options) for field in fields if field in cells}


_READERS: Final[dict[str, Callable[[Mapping[str, str], Options], Iterable[Statement | Suppressed]]]] = {
    "customers": _customers,
    "consents": consents,
    "suppressions": suppressions,
    "engagement": _engagement,
    "coupons": _coupons,
    "sends": _sends,
    "orders": _orders,
}
