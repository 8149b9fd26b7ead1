"""`winback erase`: one person, everywhere, with a proof."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console

from engine.books.proofs import Proof, decode
from engine.cli.calling import Call, Misused, Wrong, named, who
from engine.cli.printing import note, print_json, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.moments import rfc3339


@named(
    "erase",
    'winback erase c-1042 --why "asked by mail on 3 May"',
    'winback erase ada@example.org --why "asked by phone" --yes --json',
    "winback erase --proof 9bd79f30384c8c866370edc82f8c4a22",
    "winback erase --lift ada@example.org",
)
@click.argument("customer", required=False)
@click.option("--why", help="The reason; it stands in the proof, so name nobody in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--proof", "number", metavar="ID", help="Show the proof of an erasure, or with `all` list them.")
@click.option("--lift", metavar="NAME", help="Let who was erased by this id or address be known again.")
def command(
    call: Call, customer: str | None, why: str | None, number: str | None, lift: str | None, *, yes: bool
) -> None:
    """Erase one person for good: sends under way, record, journal, effects, letters, files; and say what remains where.

    CUSTOMER is an id or an address. Keyed hashes of both outlive it: no mail leaves for them and nothing of them is taken
    in again, whatever still comes. It cannot be taken back.
    """
    if sum(each is not None for each in (customer, number, lift)) != 1:
        raise Misused("say whom to erase, or --proof ID, or --lift NAME")
    if number is not None:
        _show(call, number)
    elif lift is not None:
        with the_engine(call) as engine:
            engine.do("lift", {"name": lift})
        note(f"{lift} may be known again: mail to them needs a new yes")
    else:
        _erase(call, str(customer), why or "", yes=yes)


def _erase(call: Call, name: str, why: str, *, yes: bool) -> None:
    if not why.strip():
        raise Misused("--why needs a reason: the proof shows it")
    _tell_what_goes(call, name)
    if not yes and not _agreed(name):
        raise Wrong("nothing was erased")
    with the_engine(call) as engine:
        result = engine.do("erase", {"customer": name, "why": why, "who": who()})
    proofs = msgspec.convert(result["proofs"], list[Proof])
    if call.json:
        print_json(list(proofs))
        return
    console = to_people()
    for proof in proofs:
        _tell(proof, console)
    for number in result["begun"] if not proofs else ():
        console.print(
            f"nothing leaves for them and nothing of them is taken in any more; winback erase --proof {number} tells when all is gone"
        )


def _agreed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise Misused("it cannot be taken back: say --yes where nobody can be asked")
    return click.confirm(f"Erase {name} for good?", err=True)


def _tell_what_goes(call: Call, name: str) -> None:
    """Say whom it is about, and what has to be thought of before."""
    with the_data(call) as views:
        record = views.found(name)
        if record is None:
            return
        sends = len({each.effect_id for each in views.effects_of(record.id)})
        note(
            f"{record.id}: {len(record.orders)} orders, {sends} acts of ours, {len(record.shares)} others under the same address"
        )
        if record.shares:
            note(f"with the id alone those others stay, and so does the address: {', '.join(record.shares)}")
        if views.data_requested(record.id) is not None:
            note("they asked what is known of them and were not answered: winback export does, now")


def _show(call: Call, number: str) -> None:
    with the_data(call) as views:
        if number == "all":
            console = to_people()
            rows = [(each, rfc3339(at)[:19], state) for each, at, state in views.proofs(1_000)]
            console.print(table("proof", "asked for", "state", rows=rows))
            return
        found = views.proof(number)
    if found is None:
        raise Wrong(f"there is no proof {number}: winback erase --proof all lists them")
    raw, state = found
    if state != "done":
        raise Wrong(
            "this erasure is under way: nothing leaves for them, and nothing of them is taken in; the rest follows"
        )
    if call.json:
        print_json([decode(raw)])
    else:
        _tell(decode(raw), to_people())


def _tell(proof: Proof, console: Console) -> None:
    console.print(f"Proof {proof.id}", style="bold")
    console.print(f"asked for at {proof.asked_at} ({proof.who}: {proof.why}), done at {proof.done_at}")
    for title, keys in (("ids", proof.subjects), ("addresses", proof.addresses)):
        if keys:
            console.print(f"{title}, as keyed hashes: {', '.join(keys)}")
    console.print()
    console.print(
        table("erased from", "rows", "how", rows=[(each.place, each.count, each.how) for each in proof.deleted])
    )
    console.print()
    console.print(table("remains", "until", "why", rows=[(each.place, each.until, each.why) for each in proof.remains]))
