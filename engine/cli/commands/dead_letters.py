"""`winback dead-letters`: input that could not be taken, and effects that nobody took."""

from __future__ import annotations

import sys

import click

from engine.books.views import Letter
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import DeadLetterDocument
from engine.cli.printing import print_json, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.moments import rfc3339

ACTIONS = ("list", "show", "replay")


@named(
    "dead-letters",
    "winback dead-letters",
    "winback dead-letters show 17",
    "winback dead-letters replay",
    "winback dead-letters replay 17 18",
)
@click.argument("action", type=click.Choice(ACTIONS), default="list")
@click.argument("numbers", nargs=-1, type=int, metavar="[ID]...")
def command(call: Call, action: str, numbers: tuple[int, ...]) -> None:
    """List, show and replay input that could not be taken, and effects that a receiver did not take.

    `list` names each with its reason; `show ID` prints its bytes; `replay` takes those named, or all, in anew (say, after
    events.yaml has learnt their type), releases customers who are stuck, and brings effects to
    their receivers again. What is taken then is no dead letter any more.
    """
    if action == "replay":
        _replay(call, numbers)
    elif action == "show":
        _show(call, numbers)
    else:
        _list(call)


def _list(call: Call) -> None:
    with the_data(call) as views:
        letters = views.letters()
    if call.json:
        print_json([_document(each) for each in letters])
        return
    console = to_people()
    if not letters:
        console.print("there are no dead letters", style="green")
        return
    rows = [(each.id, rfc3339(each.last_at)[:19], each.count, each.origin, each.reason) for each in letters]
    console.print(table("id", "last", "times", "where from", "reason", rows=rows, right=("id", "times")))


def _show(call: Call, numbers: tuple[int, ...]) -> None:
    if len(numbers) != 1:
        raise Misused("say which one: winback dead-letters show ID")
    with the_data(call) as views:
        letter = views.letter(numbers[0])
    if letter is None:
        raise Wrong(f"there is no dead letter {numbers[0]}")
    if call.json:
        print_json(_document(letter, raw=True))
        return
    console = to_people()
    console.print(f"{letter.origin}: {letter.reason}", style="bold")
    console.print(f"first {rfc3339(letter.at)}, last {rfc3339(letter.last_at)}, {letter.count} times")
    sys.stdout.flush()
    sys.stdout.buffer.write(letter.raw.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def _replay(call: Call, numbers: tuple[int, ...]) -> None:
    with the_engine(call) as engine:
        result = engine.do("replay", {"ids": list(numbers)} if numbers else {})
    if call.json:
        print_json(result)
    else:
        to_people().print(
            f"{result['replayed']:,} replayed: {result['accepted']:,} accepted, {result['duplicate']:,} known already, "
            f"{result['still_dead']:,} still cannot be taken"
        )
    if result["still_dead"]:
        raise click.exceptions.Exit(1)


def _document(letter: Letter, *, raw: bool = False) -> DeadLetterDocument:
    return DeadLetterDocument(
        id=letter.id,
        at=rfc3339(letter.at),
        last_at=rfc3339(letter.last_at),
        origin=letter.origin,
        reason=letter.reason,
        count=letter.count,
        raw=letter.raw.decode(errors="replace") if raw else None,
    )
