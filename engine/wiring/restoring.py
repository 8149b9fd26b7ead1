"""Restoring a backup into a data folder: what is there moves aside, and what comes instead is held until somebody has looked.

The new database is made ready beside the old one and takes its place by renaming, so a kill on the way leaves either.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from msgspec import Struct

from connectors.effect_files import come_to
from engine.books import rulebook
from engine.books.connection import DatabaseError
from engine.books.database import FILE_NAME, Lock, open_to_read, open_to_write
from engine.books.erasures import Erasures
from engine.books.store import SqlStore
from engine.core import customer as records
from engine.core.moments import Instant, moment, rfc3339
from engine.handling import Handling
from engine.runtimes.sqlite import gap
from engine.runtimes.sqlite.backup import FILES, BackedUp, looked_into
from engine.runtimes.sqlite.gap import Marks
from engine.runtimes.sqlite.restoring import Salvage, Salvaged
from engine.wiring.clock import mark
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings

STAGING = "restoring"
ASIDE = "before-restore"
_OF_THE_DATABASE = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm")


class Restoration(Struct, frozen=True):
    """What a restore did. `old` is where the database before lies now, empty where there was none.

    `why_unknown` says why nobody knows what left since the backup, empty where an old database told it.
    """

    backup: BackedUp
    at: Instant
    old: str
    why_unknown: str
    salvaged: Salvaged
    fell_due: dict[str, dict[str, int]]


def restore(
    settings: Settings, environment: Mapping[str, str], file: Path, ledger: Path | None, now: Instant, who: str
) -> Restoration:
    """Put a backup in the place of the database of the data folder, safe to go on with.

    Args:
        settings: of the engine.
        environment: where the secret may be.
        file: the backup.
        ledger: a data folder of the same engine that knows what left since; None: the data folder itself, if it does.
        now: the present instant.
        who: restores it.

    Raises:
        DatabaseError: the backup cannot be used, an engine runs on the data folder, or `ledger` is of another engine.
        SettingsError: the secret cannot be used.
        OSError: a folder cannot be written.

    """
    data, held = settings.data, looked_into(file)
    now = max(now, held.as_of)
    with Lock(data), ExitStack() as stack:
        mark(settings)
        staging = data / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        shutil.copyfile(file, staging / FILE_NAME)
        (staging / FILE_NAME).chmod(0o600)
        with closing(open_to_write(staging)) as connection:
            at = gap.marks(connection)
            files = connection.execute("select position from receiver where name = ?", (FILES,)).fetchone()
            fell_due = _fell_due(connection, now)
            with ExitStack() as reading:
                old, why = _witness(ledger or data, connection, at, reading, must=ledger is not None)
                salvaged = _made_safe(connection, settings, environment, old, at, now, who)
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        aside = _in_its_place(data, staging, now)
        come_to(data, at.effect, files[0] if files else at.effect)
    return Restoration(held, now, aside, why, salvaged, fell_due)


def _witness(
    folder: Path, restored: sqlite3.Connection, at: Marks, reading: ExitStack, *, must: bool
) -> tuple[sqlite3.Connection | None, str]:
    """Return an old database that knows the time between, or why there is none.

    Raises:
        DatabaseError: somebody named it, and it cannot be used.

    """
    if not must and not (folder / FILE_NAME).exists():
        return None, f"{folder} held no database, and no --ledger names a folder that does"
    try:
        old = reading.enter_context(closing(open_to_read(folder)))
        if gap.follows(old, restored, at):
            return old, ""
        why = f"{folder} does not go on from where this backup was made"
    except (DatabaseError, sqlite3.Error) as error:
        why = str(error)
    if must:
        raise DatabaseError(why)
    return None, why


def _made_safe(
    connection: sqlite3.Connection,
    settings: Settings,
    environment: Mapping[str, str],
    old: sqlite3.Connection | None,
    at: Marks,
    now: Instant,
    who: str,
) -> Salvaged:
    """Hold everything, and take over what is known or may be, in one transaction."""
    store = SqlStore(connection)
    secrets = keys_of(settings, environment)
    handling = Handling(rulebook.load(store, now, key=secrets.codes))
    handling.erasures = Erasures(secrets.blocks)
    store.begin()
    salvage = Salvage(handling, store, at, now, who)
    salvage.hold(f"restored from a backup of {rfc3339(at.accepted)}")
    salvaged = salvage.by_what_is_known(old) if old is not None else salvage.by_what_may_be()
    store.save_shop(handling.rules.shop)
    store.commit(now)
    return salvaged


def _fell_due(connection: sqlite3.Connection, now: Instant) -> dict[str, dict[str, int]]:
    """Return how many steps fell due since the backup, by workflow and stage."""
    found: dict[str, dict[str, int]] = {}
    for (raw,) in connection.execute("select record from customer where next_due <= ?", (now,)):
        for run in records.decode(raw).runs:
            if run.due is not None and run.due <= now:
                stages = found.setdefault(run.workflow, {})
                stages[run.stage] = stages.get(run.stage, 0) + 1
    return found


def _in_its_place(data: Path, staging: Path, now: Instant) -> str:
    """Move the database that is there aside, whole, and the new one to where it was; return where the old one lies."""
    aside = data / f"{ASIDE}-{moment(now):%Y%m%dT%H%M%S}"
    there = [data / name for name in _OF_THE_DATABASE if (data / name).exists()]
    if there:
        aside.mkdir()
        for path in there:
            path.rename(aside / path.name)
    (staging / FILE_NAME).replace(data / FILE_NAME)
    return str(aside) if there else ""
