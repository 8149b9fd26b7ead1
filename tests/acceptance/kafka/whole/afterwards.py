"""What must be true of a shop on the distributed engine, whatever was killed meanwhile: by its topics, books and mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from engine.core import customer as customers
from engine.core.effects import SEND_DROPPED, SEND_REQUESTED, Effect
from engine.core.signals import Happened
from engine.runtimes.kafka.rules_topic import KnownRules
from engine.runtimes.kafka.values import customers_in, kept_in
from engine.runtimes.kafka.wire import Place, decode_record
from tests.acceptance.kafka.whole.shop import WholeShop
from tests.inbox_reference import Reference


class Found(Struct):
    """What was found. `broken` are sentences about what is not as promised."""

    events: int = 0
    records: int = 0
    effects: int = 0
    twice_in_effects: int = 0
    customers: int = 0
    requested: int = 0
    accepted: int = 0
    uncertain: int = 0
    dropped: int = 0
    broken: list[str] = []

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name):,}" for name in self.__struct_fields__ if name != "broken")


async def look(shop: WholeShop, acknowledged: Sequence[str]) -> Found:
    """Look at all of it, when everything is settled; nothing runs afterwards."""
    await shop.come_to_rest()
    found = Found(events=len(acknowledged))
    inbox = [
        [(each.offset, decode_record(each.value)) for each in records]
        for records in (await shop.installation.read(shop.installation.topics.inbox)).values()
    ]
    found.records = sum(map(len, inbox))
    found.broken += _forgotten(inbox, acknowledged)
    references = await _folded(shop, inbox)
    expected = {placed[0]: placed[1] for _, effects in references for placed in effects}
    records = {name: raw for reference, _ in references for name, raw in reference.records().items()}
    effects = await shop.installation.effects()
    found.effects, found.customers = len(effects), len(records)
    found.twice_in_effects = sum(times - 1 for _, times in effects.values())
    found.broken += _other_effects(expected, {place: effect for place, (effect, _) in effects.items()})
    found.broken += await _other_records(shop, records)
    found.broken += _mails(shop, found, expected)
    found.broken += _waiting_for_ever(references)
    return found


async def _folded(shop: WholeShop, inbox: list[Any]) -> list[tuple[Reference, list[tuple[Place, Effect]]]]:
    rules = KnownRules()
    documents = await shop.installation.read(shop.installation.topics.rules, 1)
    rules.take([each.value for each in documents[0]])
    folded = []
    for number, records in enumerate(inbox):
        reference = Reference(number, len(inbox), rules.document, shop.secrets.codes)
        folded.append(
            (reference, [placed for offset, record in records for placed in reference.fold(offset, record)[0]])
        )
    return folded


def _forgotten(inbox: list[Any], acknowledged: Sequence[str]) -> Iterator[str]:
    """What was acknowledged is in the inbox."""
    there = set()
    for records in inbox:
        for _, record in records:
            for entry in record.entries:
                signal = entry.decoded()
                if isinstance(signal, Happened):
                    there.add(signal.event.id)
    yield from (
        f"the event {name} was acknowledged and is not in the inbox" for name in acknowledged if name not in there
    )


def _other_effects(expected: dict[Place, Effect], effects: dict[Place, Effect]) -> Iterator[str]:
    """What workers decided is what follows from the inbox."""
    for place in sorted(expected.keys() - effects.keys()):
        yield f"lost: {expected[place].type} for {expected[place].customer} at {place}"
    for place in sorted(effects.keys() - expected.keys()):
        yield f"from nowhere: {effects[place].type} for {effects[place].customer} at {place}"
    for place in sorted(expected.keys() & effects.keys()):
        if _plain(expected[place]) != _plain(effects[place]):
            yield f"another effect at {place}: {effects[place]} instead of {expected[place]}"


def _plain(effect: Effect) -> Any:
    told = msgspec.json.decode(msgspec.json.encode(effect.data))
    return effect.type, effect.time, effect.customer, effect.effect_id, effect.ordinal, effect.shadow, told


async def _other_records(shop: WholeShop, records: dict[str, bytes]) -> Iterator[str]:
    """The workers' tables and the books hold the records that follow from the inbox."""
    tables = await shop.installation.tables()
    kept = {
        name: customers.encode(kept_in(value).record)
        for table in tables
        for name, value in customers_in(table.values.items())
    }
    books = {name: bytes(raw) for name, raw in shop.rows("select id, record from customer")}
    return (
        f"the record of {name} is another one in {where}"
        for where, there in (("the changelog", kept), ("the books", books))
        for name in sorted(records.keys() | there.keys())
        if there.get(name) != records.get(name)
    )


def _mails(shop: WholeShop, found: Found, expected: dict[Place, Effect]) -> Iterator[str]:
    """Each send was accepted once, or was dropped or refused with a reason, or is listed as uncertain."""
    mails = shop.letters()
    by_mail = {"email", ""}
    sends = [each for each in expected.values() if each.type == SEND_REQUESTED and not each.shadow]
    requested = {each.effect_id for each in sends if str(each.data.get("channel", "")) in by_mail}
    told_dropped = {each.effect_id for each in expected.values() if each.type == SEND_DROPPED}
    states = dict(shop.rows("select effect_id, state from ledger"))
    accepted = Counter(mail.effect_id for mail in mails)
    uncertain = {number for number, state in states.items() if state == "uncertain"}
    ended = {number for number, state in states.items() if state in ("dropped", "refused")}
    done = {number for number, state in states.items() if state == "done"}
    found.requested, found.accepted = len(requested), sum(accepted.values())
    found.uncertain, found.dropped = len(uncertain), len(ended)
    yield from (f"{number} was accepted {times} times" for number, times in accepted.items() if times > 1)
    for wrong, what in (
        (accepted.keys() - requested, "was accepted and never asked for"),
        (requested - accepted.keys() - uncertain - ended - told_dropped, "was asked for and is lost"),
        (done & requested - accepted.keys(), "is done, and was never accepted"),
        (accepted.keys() - uncertain - done, "was accepted, and its ledger says otherwise"),
    ):
        yield from (f"the send {number} {what} (ledger: {states.get(number)})" for number in sorted(wrong))


def _waiting_for_ever(references: list[tuple[Reference, list[tuple[Place, Effect]]]]) -> Iterator[str]:
    """Each run was told what became of its send: one that was given back waits to ask again, and none is left sending."""
    for reference, _ in references:
        for customer in reference.store.customers.values():
            for run in customer.runs:
                if run.doing == "sending":
                    yield f"the run {run.id} of {customer.id} was never told what became of {run.effect_id}"
