"""The set of labelled reports: what each server says (said.txt), in the form its reports take (servers.py)."""

from functools import cache
from pathlib import Path

from msgspec import Struct

from tests.connectors.bounces.servers import FORMS

SPEAKING_FOR_OTHERS = ("postfix", "exim", "exim-dsn", "microsoft", "google")
"""Forms for replies of servers that have none of their own here, by turns."""

KINDS = ("dead", "doubtful", "full", "policy", "spam", "soft")


class Labelled(Struct, frozen=True):
    """A report with what it means: one kind, or any of several where people would not agree. `number` is its row."""

    number: int
    kinds: tuple[str, ...]
    server: str
    said: str
    to: str
    raw: bytes

    @property
    def held_out(self) -> bool:
        """Whether the rules were written without looking at it."""
        return self.number % 3 == 2


@cache
def corpus(name: str = "said.txt") -> tuple[Labelled, ...]:
    """Return all reports of a file."""
    rows = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(labelled(number, row) for number, row in enumerate(row for row in rows if row and row[0] != "#"))


def labelled(number: int, row: str, form: str = "") -> Labelled:
    """Return one report, in a server's own form unless one is named."""
    kinds, server, said = row.split(" ", 2)
    assert set(kinds.split("/")) <= set(KINDS), row
    to, host = f"ada.{number}@{server}.example", f"mx1.{server}.example"
    reply = said.replace("\\n", "\n").format(to=to, host=host)
    write = FORMS[form] if form else FORMS.get(server) or FORMS[SPEAKING_FOR_OTHERS[number % len(SPEAKING_FOR_OTHERS)]]
    return Labelled(number, tuple(kinds.split("/")), server, reply, to, write(to, host, reply.split("\n")))
