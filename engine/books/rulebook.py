"""Keeping rules: the sets that were put live, and every version of a workflow that a run may still be on."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.moving import PIN
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet, Workflow, content
from engine.core.shop import Shop
from engine.core.signals import Move, RulesChanged
from engine.handling import Handling

_encoder = msgspec.json.Encoder(order="deterministic")
_decode_set = msgspec.json.Decoder(RuleSet).decode
_decode_workflow = msgspec.json.Decoder(Workflow).decode


class Applied(Struct, frozen=True):
    """What `apply` did: the epoch that holds now, each workflow's version, and which of them are new."""

    epoch: int
    versions: dict[str, int]
    new_versions: tuple[str, ...] = ()
    changed: bool = True


def load(store: SqlStore, now: Instant, *, key: bytes) -> Rules:
    """Return the rules in force with the shop's state; before the first `apply` they are empty, and the shop is new."""
    kept = store.load_shop()
    shop = kept[1] if kept else Shop(live_since=now)
    newest = store.connection.execute(QUERIES["newest_rules"]).fetchone()
    rule_set = _decode_set(newest[1]) if newest else RuleSet()
    return Rules(rule_set, shop, every_version(store.connection), key=key)


def apply(
    handling: Handling,
    rule_set: RuleSet,
    store: SqlStore,
    now: Instant,
    *,
    moves: tuple[Move, ...] = (),
    who: str = "",
) -> Applied:
    """Put a checked rule set live, in the transaction under way: number its versions, and begin to look at everybody.

    A workflow whose content was there before gets its old number. A set that is the one in force changes nothing, unless
    runs are to be moved: those on earlier versions go on in this one, or end.
    """
    connection = store.connection
    digests = {name: _digest(workflow) for name, workflow in rule_set.workflows.items()}
    versions = {name: _number(connection, name, digest) for name, digest in digests.items()}
    numbered = {name: replace(workflow, version=versions[name][0]) for name, workflow in rule_set.workflows.items()}
    rule_set = replace(rule_set, workflows=numbered)
    numbers = {name: workflow.version for name, workflow in numbered.items()}
    body = _encoder.encode(rule_set).decode()
    newest = connection.execute(QUERIES["newest_rules"]).fetchone()
    if newest is not None and newest[1] == body and all(move.how == PIN for move in moves):
        return Applied(newest[0], numbers, changed=False)
    new = tuple(name for name, (_, is_new) in versions.items() if is_new)
    for name in new:
        workflow = _encoder.encode(numbered[name]).decode()
        connection.execute(QUERIES["add_version"], (name, numbers[name], digests[name], workflow))
    shop = handling.rules.shop
    if not shop.epoch:
        shop.live_since = now  # the first start: what happened before it is history
    epoch = shop.epoch + 1
    connection.execute(QUERIES["add_rules"], (epoch, now, body))
    handling.rules = Rules(rule_set, shop, every_version(connection), key=handling.rules.key)
    handling.sweeping.tell(store, RulesChanged(epoch, moves, who), now)
    return Applied(epoch, numbers, new)


def set_of(connection: Connection, epoch: int) -> RuleSet:
    """Return the rule set of an epoch.

    Raises:
        KeyError: there was no such epoch.

    """
    found = connection.execute(QUERIES["rules_of"], (epoch,)).fetchone()
    if found is None:
        raise KeyError(epoch)
    return _decode_set(found[0])


def rules_of(connection: Connection, epoch: int, shop: Shop, *, key: bytes) -> Rules:
    """Return the rules that held in an epoch, as a replay needs them.

    Raises:
        KeyError: there was no such epoch.

    """
    return Rules(set_of(connection, epoch), shop, every_version(connection), key=key)


def _digest(workflow: Workflow) -> bytes:
    return blake2b(content(workflow), digest_size=16).digest()


def _number(connection: Connection, name: str, digest: bytes) -> tuple[int, bool]:
    """Return a workflow's version and whether it is new."""
    found = connection.execute(QUERIES["version_of"], (name, digest)).fetchone()
    if found is not None:
        return found[0], False
    return connection.execute(QUERIES["last_version"], (name,)).fetchone()[0] + 1, True


def every_version(connection: Connection) -> dict[tuple[str, int], Workflow]:
    """Return every version of every workflow, by name and number: a run may still be on it."""
    kept = (_decode_workflow(body) for (body,) in connection.execute(QUERIES["versions"]))
    return {(workflow.name, workflow.version): workflow for workflow in kept}
