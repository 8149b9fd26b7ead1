"""Which versions of templates went to the sender's seeds, each once.

Functions over a connection inside somebody's transaction. What was claimed is not sent again, whatever became of the call:
a crash may cost a seed its mail, and never brings a second one.
"""

from __future__ import annotations

from engine.books.connection import Connection
from engine.books.ledger import QUERIES
from engine.core.moments import Instant


def claim(connection: Connection, digest: bytes, seed: str, template: str, language: str, now: Instant) -> bool:
    """Note that a version is about to go to a seed, and say whether it may: not if it went there before."""
    named = {"digest": digest, "seed": seed, "template": template, "language": language, "now": now}
    return connection.execute(QUERIES["claim_seed"], named).rowcount > 0


def end(connection: Connection, digest: bytes, seed: str, state: str, detail: str, now: Instant) -> None:
    """Note how it ended: done, refused or uncertain."""
    named = {"digest": digest, "seed": seed, "state": state, "detail": detail, "now": now}
    connection.execute(QUERIES["end_seed"], named)


def give_back(connection: Connection, digest: bytes, seed: str) -> None:
    """Forget a claim: the mail was not taken for now, and may go with the next live one."""
    connection.execute(QUERIES["give_back_seed"], {"digest": digest, "seed": seed})


def settle(connection: Connection) -> None:
    """Call uncertain what an earlier process left in the middle of a call."""
    connection.execute(QUERIES["settle_seeds"])
