"""`winback coupons`: codes of pools, which the shop knows before a mail shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from rich.text import Text

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import LoadedDocument, MintedDocument, RefusedRow
from engine.cli.printing import print_json, progress, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.wiring.pools import Codes, PoolLevel, levels, read_codes
from engine.wiring.reaching import Channel

ACTIONS = ("status", "mint", "load")
PIECE = 5_000
MOST = 1_000_000
ELSEWHERE = "the pool of another offer has this code"


@named(
    "coupons",
    "winback coupons mint trial --count 5000 --out trial.csv",
    "winback coupons load trial trial.csv",
    "winback coupons status",
)
@click.argument("action", type=click.Choice(ACTIONS), default="status")
@click.argument("offer", required=False)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--count", type=click.IntRange(1, MOST), help="How many codes to mint.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to mint into. [OFFER-codes.csv]")
@click.option("--ready", is_flag=True, help="The checkout knows them already: give them out at once.")
def command(
    call: Call, action: str, offer: str | None, file: Path | None, *, count: int | None, out: Path | None, ready: bool
) -> None:
    """Make, load and count the codes of offers with `codes: pool`.

    `mint OFFER` makes codes that nobody can guess and that were never made before, and writes them to a new file, one a line,
    for the shop's import. They are given out once the shop knows them: when that is so, `load OFFER FILE` says it. `load`
    takes codes made in the shop, too; the same file twice changes nothing. `status` says how many are left.
    """
    if action == "status":
        if offer is not None:
            raise Misused("status tells of all offers: leave the name out")
        _status(call)
    elif offer is None:
        raise Misused(f"say which offer: winback coupons {action} OFFER")
    elif action == "mint":
        if file is not None:
            raise Misused(f"name the file with --out: winback coupons mint {offer} --count N --out {file}")
        _mint(call, offer, count, out or Path(f"{offer}-codes.csv"), ready=ready)
    elif file is None:
        raise Misused(f"say which file: winback coupons load {offer} FILE")
    else:
        _load(call, offer, file)


# Minting -------------------------------------------------------------------------------------------------------------


def _mint(call: Call, offer: str, count: int | None, out: Path, *, ready: bool) -> None:
    if count is None:
        raise Misused(f"say how many: winback coupons mint {offer} --count 1000")
    with _new_file(out) as file, the_engine(call) as engine, progress() as bar:
        task = bar.add_task("minting", total=count)
        file.write("code\n")
        pool, minted = "", 0
        while minted < count:
            asked = {"offer": offer, "count": min(PIECE, count - minted), "ready": ready}
            made = engine.do("coupons-mint", asked)
            file.write("".join(f"{code}\n" for code in made["codes"]))
            pool, minted = made["pool"], minted + len(made["codes"])
            bar.advance(task, len(made["codes"]))
    document = MintedDocument(offer=offer, pool=pool, minted=minted, file=str(out), ready=ready)
    if call.json:
        print_json(document)
        return
    console = to_people()
    console.print(f"{minted:,} codes for {offer} are in {out}")
    if not ready:
        console.print(f"bring them into the shop, then say so: winback coupons load {offer} {out}")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Yield a file that was not there before; nothing is left of it when what should be in it could not be made."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise Misused(f"{path} is there already: name another one with --out") from None
    except OSError as error:
        raise Misused(f"{path}: {error.strerror}") from None
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


# Loading -------------------------------------------------------------------------------------------------------------


def _load(call: Call, offer: str, path: Path) -> None:
    read = _read(path)
    with the_engine(call) as engine:
        document = _loaded(engine, offer, read)
    if call.json:
        print_json(document)
    else:
        console = to_people()
        known = f", {document.known:,} known already" if document.known else ""
        console.print(f"{document.taken:,} codes taken for {offer}{known}")
        for each in document.refused[:20]:
            console.print(f"{path}:{each.line}: {each.reason}", style="red")
        if len(document.refused) > 20:
            console.print(f"and {len(document.refused) - 20:,} more refused", style="red")
    if document.refused:
        raise click.exceptions.Exit(1)


def _read(path: Path) -> Codes:
    try:
        return read_codes(path)
    except OSError as error:
        raise Misused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Wrong(f"{path} is not encoded in UTF-8: save it so") from None


def _loaded(engine: Channel, offer: str, read: Codes) -> LoadedDocument:
    refused = [RefusedRow(line, reason) for line, reason in read.refused]
    pool, taken, known = "", 0, 0
    with progress() as bar:
        task = bar.add_task("loading", total=len(read.codes))
        for piece in _pieces(read.codes):
            said = engine.do("coupons-load", {"offer": offer, "codes": [code for _, code in piece]})
            pool, taken, known = said["pool"], taken + said["taken"], known + said["known"]
            refused += [RefusedRow(piece[place][0], ELSEWHERE) for place in said["elsewhere"]]
            bar.advance(task, len(piece))
    return LoadedDocument(
        offer=offer, pool=pool, taken=taken, known=known, refused=sorted(refused, key=lambda each: each.line)
    )


def _pieces(codes: Sequence[tuple[int, str]]) -> list[Sequence[tuple[int, str]]]:
    return [codes[at : at + PIECE] for at in range(0, max(len(codes), 1), PIECE)]


# Counting ------------------------------------------------------------------------------------------------------------


def _status(call: Call) -> None:
    with the_data(call) as views:
        rules = views.rules()
        found = levels(rules.rule_set, rules.shop, views.pools())
    if call.json:
        print_json(found)
    elif not found:
        to_people().print("no offer in force has codes: pool")
    else:
        columns = ("offer", "pool", "left", "low water", "not loaded")
        to_people().print(table(*columns, rows=map(_row, found), right=columns[2:]))
    if any(each.low for each in found):
        raise click.exceptions.Exit(1)


def _row(level: PoolLevel) -> Sequence[object]:
    left = Text(f"{level.left:,}", style="bold red" if level.low else "")
    return level.offer, level.pool, left, f"{level.low_water:,}" or "-", f"{level.minted:,}" if level.minted else "-"
