"""Everything that is known of one person, as one document: what they are owed when they ask.

It is made from the books as they are, whether an engine runs or not, and says what it does not hold and where that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from connectors.mailbox import Mailbox
from engine.books.journal import decode_signal
from engine.books.suppressions import Suppressions
from engine.books.views import Ended, Views
from engine.core import effects as fx
from engine.core.call_consents import CallConsent
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.erasing import Person, Traces
from engine.core.links import block_key, customer_block_key
from engine.core.moments import Instant, rfc3339
from engine.core.reading import encode
from engine.core.rules import Purpose
from engine.core.sharing import address_of
from engine.core.signals import Happened
from engine.trace import Ending, story
from engine.trace.decisions import Decision
from engine.trace.permissions import ConsentTold, consents_told, told_of
from engine.wiring.consent_mails import mails_of

NOT_HERE: Final = (
    "the shop's own records: orders in full, invoices, accounts",
    "what the mail service keeps of the mails it sent",
    "what other tools were told (webhooks, teams): ask each of them",
)
NOT_ON_KAFKA: Final = (
    "events as they came: they are in Kafka's topics for their time, the record says what was learned from them"
)


class ProfileValue(Struct, frozen=True):
    """A value of the profile, and since when it is known."""

    value: Any
    since: str


class MailTold(Struct, frozen=True):
    """A message: by which template, and what became of it. `subject` is known while its text is kept."""

    at: str
    effect_id: str
    message_id: str
    channel: str
    purpose: str
    template: str
    workflow: str
    subject: str | None
    state: str
    ended_at: str | None
    why: str


class CouponTold(Struct, frozen=True):
    """A code that was given, for which offer, and what is known of its use."""

    at: str
    code: str
    offer: str
    valid_until: str
    used: bool


class DecisionTold(Struct, frozen=True):
    """A decision, why, and the line of YAML that it follows from."""

    at: str
    what: str
    why: str
    file: str | None
    line: int | None


class EventTold(Struct, frozen=True):
    """An entry of the journal: an event as it came, or a signal of the engine's own by its name."""

    at: str
    history: bool
    signal: str
    event: dict[str, Any] | None


class Suppressed(Struct, frozen=True):
    """A purpose that may not be written for, since when, and where that is noted."""

    purpose: str
    since: str
    where: str


class LetterTold(Struct, frozen=True):
    """Input about them that could not be read."""

    at: str
    origin: str
    reason: str
    raw: str


class ExportDocument(Struct, frozen=True, kw_only=True):
    """`winback export --json`: everything about one person.

    `facts` is what `explain` tells of them, `record` the record itself with all its fields, instants as they are kept
    (microseconds since 1970 UTC). `same_address` names other customers under the same address, of whom nothing is here.
    """

    customer: str
    made_at: str
    as_of: str
    requested_at: str | None
    facts: dict[str, Any]
    standing: str
    standing_since: str | None
    evidence: list[str]
    profile: dict[str, ProfileValue]
    consents: list[ConsentTold]
    suppressions: list[Suppressed]
    mails: list[MailTold]
    engagement: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    decisions: list[DecisionTold]
    coupons: list[CouponTold]
    journal: list[EventTold]
    dead_letters: list[LetterTold]
    same_address: list[str]
    record: dict[str, Any]
    not_here: list[str]


class ErasedDocument(Struct, frozen=True, kw_only=True):
    """`winback export --json` of somebody who was erased: what the law has kept of their consent to calls (§ 7a UWG).

    `last_use` is when they were last called, or handed to somebody who may call; else when it was given.
    """

    customer: str
    name: str
    company: str
    phone: str
    email: str
    last_use: str
    call_consents: list[ConsentTold]
    requested_at: str | None = None


def kept_of_calls(kept: CallConsent) -> ErasedDocument:
    """Return what is kept of somebody's consent to calls after their erasure."""
    return ErasedDocument(
        customer=kept.customer,
        name=kept.name,
        company=kept.company,
        phone=kept.phone,
        email=kept.email,
        last_use=rfc3339(kept.used),
        call_consents=told_of(kept.said),
    )


def exported(views: Views, customer: Customer, now: Instant, *, key: bytes, mailbox: Mailbox | None) -> ExportDocument:
    """Return everything about a customer.

    Args:
        views: the books.
        customer: the record.
        now: when it is made.
        key: of the block list.
        mailbox: the local mailbox, None where there is none.

    """
    effects = views.effects_of(customer.id)
    sends = {each.effect_id: each for each in effects if each.type == fx.SEND_REQUESTED and not each.shadow}
    ended = views.endings(sends)
    endings = {effect_id: Ending(each.state, each.at, each.why) for effect_id, each in ended.items()}
    told = story(customer, effects, views.rules(), now, endings=endings, places=views.places(customer))
    asked = views.data_requested(customer.id)
    journal = list(_journal(views, customer.id))
    return ExportDocument(
        customer=customer.id,
        made_at=rfc3339(now),
        as_of=rfc3339(views.shop()[0]),
        requested_at=rfc3339(asked) if asked else None,
        facts=told.customer,
        standing=told.standing,
        standing_since=rfc3339(told.standing_since) if told.standing_since else None,
        evidence=told.evidence,
        profile={name: ProfileValue(value, rfc3339(at)) for name, (value, at) in sorted(customer.profile.items())},
        consents=consents_told(customer, mails_of(views, effects)),
        suppressions=_suppressions(views, customer, key),
        mails=[_mail(each, ended.get(each.effect_id), views, mailbox) for each in sends.values()],
        engagement=_engagement(customer),
        runs=told.runs,
        decisions=[_decided(each) for each in (*told.past, *told.now)],
        coupons=[_coupon(each, customer) for each in effects if each.type == fx.COUPON_ISSUED and not each.shadow],
        journal=journal,
        dead_letters=_letters(views, customer),
        same_address=list(customer.shares),
        record=plain(customer),
        not_here=[*NOT_HERE, *([] if views.keeps_journal else [NOT_ON_KAFKA])],
    )


def plain(value: Any) -> Any:
    """Return a record as JSON has it, each of its parts with the names of its fields."""
    if isinstance(value, Struct):
        return {
            field.name: plain(getattr(value, field.name)) for field in structs.fields(value) if field.name != "consents"
        }
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return msgspec.to_builtins(value, str_keys=True)


def _mail(effect: Effect, ended: Ended | None, views: Views, mailbox: Mailbox | None) -> MailTold:
    data = effect.data
    letter = mailbox.letter_of(effect.effect_id) if mailbox is not None else None
    subject = (
        next((each.subject for each in mailbox.letters()[0] if each.id == letter), None) if mailbox and letter else None
    )
    return MailTold(
        at=rfc3339(effect.time),
        effect_id=effect.effect_id,
        message_id=views.message_id(effect.effect_id),
        channel=str(data.get("channel") or "email"),
        purpose=str(data.get("purpose") or ""),
        template=str(data.get("template") or ""),
        workflow=str(data.get("workflow") or ""),
        subject=subject,
        state=ended.state if ended is not None else "waiting",
        ended_at=rfc3339(ended.at) if ended is not None else None,
        why=ended.why if ended is not None else "",
    )


def _coupon(effect: Effect, customer: Customer) -> CouponTold:
    data = effect.data
    code = str(data.get("code") or "")
    used = code in customer.used_codes or code in customer.used_in
    return CouponTold(rfc3339(effect.time), code, str(data.get("name") or ""), str(data.get("valid_until") or ""), used)


def _engagement(customer: Customer) -> list[dict[str, Any]]:
    """Return what they did with mails and the shop, as far as marks of it are kept, in order of time."""
    marks = [(mark.at, kind, mark.fields or {}) for kind, kept in customer.trail.items() for mark in kept]
    return [
        {"at": rfc3339(at), "type": kind, **plain(fields)}
        for at, kind, fields in sorted(marks, key=lambda each: each[:2])
    ]


def _decided(each: Decision) -> DecisionTold:
    return DecisionTold(rfc3339(each.at), each.what, each.why, each.file or None, each.line or None)


def _journal(views: Views, customer_id: str) -> Iterable[EventTold]:
    for accepted, raw in views.journal_of(customer_id):
        signal = decode_signal(raw)
        if isinstance(signal, Happened):
            event = msgspec.json.decode(encode(signal.event))
            yield EventTold(rfc3339(accepted), signal.history, "event", event)
        else:
            yield EventTold(rfc3339(accepted), False, type(signal).__name__, None)


def _suppressions(views: Views, customer: Customer, key: bytes) -> list[Suppressed]:
    found = [
        Suppressed(purpose, rfc3339(each.at), f"the record: {each.by}") for purpose, each in customer.stopped.items()
    ]
    address, listed_by = address_of(customer), Suppressions(key)
    for purpose in Purpose:
        keys = [customer_block_key(key, customer.id, purpose), *([block_key(key, address, purpose)] if address else [])]
        at = views.blocked_at(keys)
        found += [Suppressed(purpose.value, rfc3339(at), "the block list")] if at is not None else []
    for each in views.suppressed(listed_by.key_of(address)) if address else ():
        found.append(Suppressed("marketing and newsletter", rfc3339(each.at), f"an imported list: {each.kind}"))
    return found


def _letters(views: Views, customer: Customer) -> list[LetterTold]:
    address = address_of(customer)
    traces = Traces(Person((customer.id,), (address,) if address else ()))
    return [
        LetterTold(rfc3339(each.at), each.origin, each.reason, each.raw.decode(errors="replace"))
        for each in views.letters()
        if each.origin.removeprefix("customer ") == customer.id or traces.are_whose(each.raw)
    ]
