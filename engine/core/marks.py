"""Marks of past events: when each of a type happened, with those of its fields that conditions may look at."""

from __future__ import annotations

from typing import Any

from engine.core.customer import MAIL_MARKS_KEPT, MARKS_KEPT, Customer, Mark
from engine.core.events import Event, Mail
from engine.core.ids import ref
from engine.core.message_ids import effect_of

KEPT_FIELDS: dict[str, tuple[str, ...]] = {
    "order.cancelled": ("reason",),
    "order.refunded": ("reason",),
    "email.bounced": ("kind",),
    "email.opened": ("machine", "unverified"),
    "email.clicked": ("link", "machine", "unverified"),
    "email.replied": ("kind",),
    "survey.answered": ("survey", "cause"),
    "invitation.answered": ("invitation", "answer"),
    "hand_off.answered": ("hand_off", "result", "cause", "call_again_on"),
    "ticket.opened": ("topic", "cause"),
    "ticket.solved": ("topic", "cause"),
    "contract.cancelled": ("reason", "cause", "competitor_contract_ends"),
    "coupon.given": ("code", "offer"),
    "coupon.redeemed": ("code",),
    "customer.visited": ("page",),
}
"""Which fields of a past event are kept for `where:`; a live one is looked at whole."""

ITEM_CATEGORY = "items.category"
"""What `where:` may ask of a past `order.placed`, though no mark keeps it: the orders themselves know their categories."""


CLICKED = "email.clicked"
MAIL_TYPES = frozenset({"email.sent", "email.delivered", "email.opened"})
BY_ANYBODY = frozenset({"email.opened", "email.clicked"})
"""Events that machines make too. Who did it goes with the mark; a condition counts people's, unless it asks otherwise."""


def mark_down(customer: Customer, event: Event) -> None:
    """Keep a mark of an event on the caller's own copy, in its place by time; the oldest falls out of a full ring."""
    kind = event.type
    trail = customer.trail
    kept = trail.get(kind, ())
    fields = _kept_fields(kind, event.data) if kind in _WITH_FIELDS or type(event.data) is dict else None
    mark = Mark(event.time, fields)
    if len(kept) < MAIL_MARKS_KEPT and (not kept or kept[-1].at <= mark.at):  # the ordinary case of what follows
        customer.trail = {**trail, kind: (*kept, mark)}
    elif kind in _PLAIN_MAIL and kept[-1].at <= mark.at:
        customer.trail = {**trail, kind: (*kept[1 - MAIL_MARKS_KEPT :], mark)}
    else:
        customer.trail = {**trail, kind: with_marks(kind, kept, (mark,))}


def _kept_fields(kind: str, data: Any) -> dict[str, Any] | None:
    if isinstance(data, dict):
        return data or None
    if kind in BY_ANYBODY:
        return by_whom(kind, data)
    return {name: value for name in KEPT_FIELDS[kind] if (value := getattr(data, name)) not in ("", None)} or None


def by_whom(kind: str, data: Mail) -> dict[str, Any] | None:
    """Return what is kept of an opening or a click, what others of the same mail are judged by included."""
    fields: dict[str, Any] = {}
    if data.link:
        fields["link"] = data.link
    if kind == CLICKED:
        fields |= _of_which_mail(data)
    if data.machine is not None:
        fields["machine"] = data.machine
    if data.unverified:
        fields["unverified"] = True
    if data.why:
        fields["why"] = ", ".join(data.why)
    return fields or None


def _of_which_mail(data: Mail) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if data.message_id:
        fields["mail"] = ref(effect_of(data.message_id)) & _SHORT
    if data.links:
        fields["links"] = data.links
    if data.hidden:
        fields["hidden"] = True
    return fields


_SHORT = 0xFFFF_FFFF
"""Of the few mails of one customer, two are never the same by chance; and a click takes four bytes less."""
_WITH_FIELDS = frozenset(KEPT_FIELDS)
_PLAIN_MAIL = MAIL_TYPES - _WITH_FIELDS


def with_marks(kind: str, kept: tuple[Mark, ...], new: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Return marks of one type with others, in order of time, the oldest left out.

    What machines and proxies did has rings of its own: one that opens every mail does not push out what people did. Of
    clicks by machines that say the same, the latest stays: a program that asks for each link again and again does not push
    out what it did to another mail.
    """
    most = MAIL_MARKS_KEPT if kind in MAIL_TYPES else MARKS_KEPT
    if kept and new and new[0].at < kept[-1].at:  # a late one finds its place by time
        marks = tuple(sorted((*kept, *new), key=lambda each: each.at))
    else:
        marks = (*kept, *new)
    if len(marks) <= most:
        return marks
    room = {"": most, "machine": most, "unverified": most}
    latest: list[Mark] = []
    for mark in reversed(marks):
        who = who_did(mark)
        if room[who] and not (kind == CLICKED and who == "machine" and _is_said(mark, latest)):
            room[who] -= 1
            latest.append(mark)
    return tuple(reversed(latest))


def _is_said(mark: Mark, by: list[Mark]) -> bool:
    return any(each.fields == mark.fields for each in by)


def who_did(mark: Mark) -> str:
    """Say who is behind a mark: `machine`, `unverified`, or a person (empty), as far as anybody knows."""
    fields = mark.fields
    if fields is None:
        return ""
    return "machine" if fields.get("machine") else "unverified" if fields.get("unverified") else ""
