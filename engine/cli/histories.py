"""Histories as commands take them: files of JSON lines, or of CSV with what its columns mean, and topics of Kafka."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from connectors.files import FileProblem, OptionProblem, Table, read_files
from engine.cli.calling import Call, Misused
from engine.cli.calling import Wrong as Ended
from engine.cli.printing import note
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, instant, zone
from engine.core.reading import Reader
from engine.core.rules import Lifecycle, OwnEvent
from engine.language.values import Wrong, day

if TYPE_CHECKING:
    from engine.wiring.distributed.histories import TopicHistory


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
    """Events of files and of topics, read on the way; what could not be read is told at the end."""

    def __init__(
        self,
        call: Call,
        names: Sequence[str],
        table: Table | None,
        own_events: Mapping[str, OwnEvent],
        now: Instant | None = None,
    ) -> None:
        """Lay out what is read.

        Args:
            call: says how brokers are reached.
            names: files that are there (`existing`), and topics.
            table: what the columns of files mean; None where they are JSON lines.
            own_events: the shop's own types of events.
            now: the clock, where the events are taken in live.

        Raises:
            Misused: a topic is named in a way that cannot be followed.

        """
        self._table, self._read, self._now = table, Reader(own_events), now
        self._names = list(names)
        self._topics = _topics(call, [name for name in names if is_topic(name)], table)
        self.problems: list[str] = []
        self.dead_letters = 0
        self.some_dead: list[DeadLetter] = []

    @property
    def makes_ids(self) -> bool:
        """Whether CSV rows get their id from what they hold."""
        return self._table is not None and self._table.makes_ids

    def __iter__(self) -> Iterator[Event | DeadLetter]:
        """Yield what stands in files and topics, one after the other.

        Raises:
            Misused: a CSV file has not the columns that were named.
            Wrong: a topic cannot be reached.

        """
        for name in self._names:
            for item in self._of_topic(name) if is_topic(name) else self._of_file(name):
                if isinstance(item, DeadLetter):
                    self._count(item)
                yield item

    def _of_file(self, name: str) -> Iterator[Event | DeadLetter]:
        try:
            yield from read_files([name], self._read, self._table, now=self._now)
        except FileProblem as problem:
            self.problems.append(str(problem))
        except OptionProblem as problem:
            raise Misused(str(problem)) from None

    def _of_topic(self, name: str) -> Iterator[Event | DeadLetter]:
        from connectors.bus.topics import TopicError  # noqa: PLC0415 - needs the extra; `_topics` saw that it is there
        from engine.wiring.distributed.histories import TopicUnreachableError  # noqa: PLC0415 - as above

        try:
            yield from self._topics[name].items(self._read.read, self._now)
        except TopicError as problem:
            self.problems.append(str(problem))
        except TopicUnreachableError as problem:
            raise Ended(str(problem)) from None

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
        for name, topic in self._topics.items():
            if topic.skipped.tombstones:
                note(f"{name}: {topic.skipped.tombstones:,} records without a value (tombstones) tell of no event")
            if topic.skipped.left_out:
                note(f"{name}: {topic.skipped.left_out:,} records are left out by connectors.yaml")
            if topic.skipped.words:
                note(f"{name}: {topic.skipped.words:,} records are words of winback's own, no events")
        for problem in self.problems:
            note(problem)
        return not self.dead_letters and not self.problems


def is_topic(name: str) -> bool:
    """Say whether a history's name is that of a topic."""
    return name.startswith("kafka://")


def _topics(call: Call, names: Sequence[str], table: Table | None) -> dict[str, TopicHistory]:
    """Return the topics, by name.

    Raises:
        Misused: one is named in a way that cannot be followed, or what reads them is not installed.

    """
    if not names:
        return {}
    if table is not None:
        raise Misused(f"{names[0]}: a topic holds events, not rows: --csv goes with files")
    if find_spec("kafka") is None:
        raise Misused(f"{names[0]}: reading topics needs the extra `kafka`: pip install 'winback[kafka]'")
    from engine.runtimes.kafka.brokers import BrokersError  # noqa: PLC0415 - needs the extra, which is there by now
    from engine.wiring.distributed.histories import NoTopicAddressError, TopicHistory  # noqa: PLC0415 - as above
    from engine.wiring.settings import SettingsError  # noqa: PLC0415 - as above

    try:
        return {name: TopicHistory(name, call.settings, os.environ, note) for name in names}
    except (NoTopicAddressError, SettingsError, BrokersError) as error:
        raise Misused(str(error)) from None


def existing(files: Iterable[str]) -> list[str]:
    """Return the files, all of which are there to be read, and topics, of which that is seen when they are read.

    Raises:
        Misused: some are not, or none were named.

    """
    named = list(files)
    if not named:
        raise Misused("name at least one file; - is standard input")
    missing = [name for name in named if name != "-" and not is_topic(name) and not Path(name).is_file()]
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
