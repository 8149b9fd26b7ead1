"""May we write to them? The gate's answer for each purpose and channel as of now, and what was said of each permission.

The answer is the gate's own, asked of the record as a send would be; caps, quiet hours and holds are not in it, since they
only make a send wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from engine.core.conditions import View
from engine.core.consents import ASKED, YES, Said, history, wording_hash
from engine.core.customer import Customer
from engine.core.gate import refusal
from engine.core.moments import Instant, rfc3339
from engine.core.permits import permit_of
from engine.core.rules import Lifecycle, Purpose, Send

CHANNELS: Final = ("email", "phone", "sms", "push", "letter")
SERVICE: Final = "about an order or an account: needs no permission"


class GateAnswer(Struct, frozen=True):
    """Whether the gate lets a purpose through on a channel: `reason` is empty where it does, `why` says it in words.

    `basis` is what it rests on, `since` when that was given, `used` when we last wrote or called under it, `until` when it
    ends if nothing happens.
    """

    allowed: bool
    reason: str
    basis: str | None
    since: str | None
    used: str | None
    until: str | None
    why: str


class ConsentMail(Struct, frozen=True):
    """The mail of ours that asked: its Message-ID, the template with its wording as of then, and that one's SHA-256."""

    effect: str
    message_id: str = ""
    template: str = ""
    language: str = ""
    wording: str = ""
    wording_sha256: str = ""


class ConsentTold(Struct, frozen=True):
    """Something said of a permission: `requested`, `asked`, `given`, `confirmed`, `renewed`, `withdrawn` or `stopped`.

    `permission` is purpose and channel; the purpose alone where it concerns all channels. `proof` is as it was given.
    `wording_sha256` is the version of the wording they said yes to. `mail` is ours that they were asked by.
    """

    at: str
    permission: str
    what: str
    by: str
    source: str
    basis: str | None
    proof: dict[str, str]
    wording_sha256: str | None
    mail: ConsentMail | None = None


MailOf = Callable[[str, Instant, str], ConsentMail]
"""Finds a mail by its effect, when it left, and its template (empty: not known)."""


def gate_told(customer: Customer, lifecycle: Lifecycle, now: Instant) -> dict[str, GateAnswer]:
    """Ask the gate about each purpose on each channel, as of now; the keys are `marketing/email` and the like."""
    view = View(customer, now, lifecycle)
    return {
        f"{purpose.value}/{channel}": _answer(view, purpose, channel) for purpose in Purpose for channel in CHANNELS
    }


def _answer(view: View, purpose: Purpose, channel: str) -> GateAnswer:
    reason = refusal(view, Send(key="", template="", purpose=purpose, channel=channel))
    if purpose is Purpose.SERVICE:
        return GateAnswer(not reason, reason, None, None, None, None, SERVICE if not reason else "")
    permit = permit_of(view, purpose.value, channel)
    said = view.customer.permission.get(f"{purpose.value}/{channel}")
    return GateAnswer(
        allowed=not reason,
        reason=reason,
        basis=permit.basis or None,
        since=_instant(permit.since),
        used=_instant(said.used if said is not None else 0),
        until=_instant(permit.until or 0),
        why=permit.why if reason in ("", permit.reason) else "",
    )


def consents_told(customer: Customer, mail_of: MailOf | None = None) -> list[ConsentTold]:
    """Tell what was said of each permission, in order of time."""
    return told_of(history(customer), mail_of)


def told_of(past: Iterable[Said], mail_of: MailOf | None = None) -> list[ConsentTold]:
    """Tell such a past; what follows a yes that still stands renews it."""
    told, standing = [], set[str]()
    for said in past:
        what = "renewed" if said.what in YES and said.key in standing else said.what
        if said.what in YES:
            standing.add(said.key)
        elif said.what not in ("requested", ASKED):
            standing = {key for key in standing if key != said.key and not key.startswith(f"{said.key}/")}
        told.append(_told(said, what, mail_of))
    return told


def _told(said: Said, what: str, mail_of: MailOf | None) -> ConsentTold:
    proof = dict(said.proof)
    wording = proof.get("wording") or proof.get("text") or ""
    effect = proof.get("mail") or proof.get("effect") or ""
    return ConsentTold(
        at=rfc3339(said.at),
        permission=said.key,
        what=what,
        by=said.by,
        source=said.source,
        basis=said.basis or None,
        proof=proof,
        wording_sha256=proof.get("wording_sha256") or (wording_hash(wording) if wording else None),
        mail=mail_of(effect, said.at, proof.get("template", "")) if effect and mail_of is not None else None,
    )


def _instant(at: Instant) -> str | None:
    return rfc3339(at) if at else None


def as_words(answer: GateAnswer) -> tuple[Any, ...]:
    """Return an answer as the cells of a table: yes or no, on which basis, since and until when, or why not."""
    if answer.allowed:
        return "yes", answer.basis or "-", (answer.since or "-")[:10], (answer.until or "-")[:10], answer.why
    return "no", answer.basis or "-", (answer.since or "-")[:10], "-", answer.why or answer.reason
