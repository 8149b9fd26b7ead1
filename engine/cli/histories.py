"""Files of events as commands take them: JSON lines, or CSV with what its columns mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from connectors.files import FileProblem, OptionProblem, Table, read_files
from engine.cli.calling import Misused
from engine.cli.printing import note
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, instant, zone
from engine.core.reading import Reader
from engine.core.rules import Lifecycle, OwnEvent
from engine.language.values import Wrong, day


class CsvOptions(Struct, frozen=True):
    """What `--csv`, `--type`, `--currency` and `--timezone` say."""

    csv: str | None
    type: str
    currency: str
    timezone: str | None

    def table(self, lifecycle: Lifecycle, own_events: Mapping[str, OwnEvent]) -> Table | None:
        """Return how rows are read, None where the files are JSON lines.

        Raises:
            Misused: the options cannot be followed.

        """
        if self.csv is None:
            said = [name for name, value in (("--currency", self.currency), ("--timezone", self.timezone)) if value]
            if said or self.type != "order.placed":
                raise Misused(f"{(said or ['--type'])[0]} goes with --csv, which says what the columns mean")
            return None
        try:
            return Table.from_options(
                self.csv, self.type, self.currency, self.timezone or lifecycle.timezone, dict(own_events)
            )
        except OptionProblem as problem:
            raise Misused(str(problem)) from None


def csv_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how a CSV history is read; it gets them as `table`."""
    for option in (
        click.option("--timezone", default=None, help="Zone of CSV times that do not say theirs. [the shop's]"),
        click.option("--currency", default="", help="Currency of CSV rows that do not say theirs, such as EUR."),
        click.option("--type", "type_", default="order.placed", show_default=True, help="What each CSV row is."),
        click.option("--csv", default=None, metavar="FIELD=COLUMN,...", help="Files are CSV: which column is what."),
    ):
        function = option(function)
    return function


class History:
    """Events of files, read on the way; what could not be read is told at the end."""

    def __init__(
        self, files: Sequence[str], table: Table | None, own_events: Mapping[str, OwnEvent], now: Instant | None = None
    ) -> None:
        self._files, self._table, self._own, self._now = files, table, own_events, now
        self.problem: FileProblem | None = None
        self.dead_letters = 0
        self.some_dead: list[DeadLetter] = []

    @property
    def makes_ids(self) -> bool:
        """Whether CSV rows get their id from what they hold."""
        return self._table is not None and self._table.makes_ids

    def __iter__(self) -> Iterator[Event | DeadLetter]:
        """Yield what stands in the files.

        Raises:
            Misused: a CSV file has not the columns that were named.

        """
        try:
            for item in read_files(self._files, Reader(self._own), self._table, now=self._now):
                if isinstance(item, DeadLetter):
                    self._count(item)
                yield item
        except FileProblem as problem:
            self.problem = problem
        except OptionProblem as problem:
            raise Misused(str(problem)) from None

    def _count(self, letter: DeadLetter) -> None:
        self.dead_letters += 1
        if len(self.some_dead) < 5:
            self.some_dead.append(letter)

    def tell_what_was_wrong(self) -> bool:
        """Say what could not be read, on standard error; return whether everything could."""
        for letter in self.some_dead:
            note(f"{letter.origin}: {letter.reason}")
        if self.dead_letters > len(self.some_dead):
            note(f"and {self.dead_letters - len(self.some_dead):,} more that cannot be read")
        if self.problem is not None:
            note(str(self.problem))
        return not self.dead_letters and self.problem is None


def existing(files: Iterable[str]) -> list[str]:
    """Return the files, all of which are there to be read.

    Raises:
        Misused: some are not, or none were named.

    """
    named = list(files)
    if not named:
        raise Misused("name at least one file; - is standard input")
    missing = [name for name in named if name != "-" and not Path(name).is_file()]
    if missing:
        raise Misused("\n".join(f"{name}: there is no such file" for name in missing))
    return named


def moment_said(option: str, text: str | None, timezone: str) -> Instant | None:
    """Return the instant that an option names: a day means its start in the shop's zone.

    Raises:
        Misused: it is neither a day nor a time with its zone.

    """
    if text is None:
        return None
    try:
        return zone(timezone).start(day(text))
    except Wrong:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Misused(f"{option} {text}: write a day (2026-01-31), or a time with its zone (2026-01-31T10:00:00+01:00)")
    return instant(at)
