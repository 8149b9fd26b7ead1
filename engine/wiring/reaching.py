"""Reaching an engine from the command line: the one that runs on the data folder, or one opened for the command alone."""

from __future__ import annotations

import asyncio
import http.client
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from engine.books.connection import DatabaseError
from engine.books.erasures import Erasures
from engine.books.store import SqlStore
from engine.books.suppressions import Suppressions
from engine.books.views import Views
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.core.rules import OwnEvent, RuleSet
from engine.handling import Taken
from engine.language.files import Checked
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Asked, Engine, EngineStopped
from engine.runtimes.sqlite.opening import opened
from engine.wiring import in_force
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.clock import clock_of, mark
from engine.wiring.control import EngineControl, Place, counted
from engine.wiring.erased_files import DataFolder
from engine.wiring.erasing import Eraser
from engine.wiring.preflight.checks import Probes
from engine.wiring.preflight.probing import probes_of
from engine.wiring.program import history_after, is_first_start
from engine.wiring.secret import Whereabouts, keys_of, whereabouts
from engine.wiring.senders import mailbox_of
from engine.wiring.settings import Settings

T = TypeVar("T")
PIECE_BYTES = 4_000_000
ANSWER_WITHIN = 300.0  # seconds


class NotReachedError(Exception):
    """The engine cannot be reached or cannot go on; the message says why."""


class FilesHaveErrorsError(Exception):
    """The first start needs a set of files without errors; `checked` has them."""

    def __init__(self, checked: Checked) -> None:
        super().__init__("the workflows have errors")
        self.checked = checked


class Channel(Protocol):
    """A way to an engine. `runs` says whether it is one that runs, `name` which one, for people."""

    runs: bool

    @property
    def name(self) -> str:
        """Which engine it is, for people."""
        ...

    @property
    def own_events(self) -> Mapping[str, OwnEvent]:
        """The shop's own events, by the rules in force."""
        ...

    def do(self, name: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do a command; see `EngineControl`.

        Raises:
            ControlRefusedError: it is refused.
            NotReachedError: the engine has gone or failed.

        """
        ...

    def take(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> dict[str, int]:
        """Take in events and dead letters; return what became of them, counted, after the commit.

        Raises:
            NotReachedError: they are not taken in, or it is not known: bring them again.

        """
        ...


def what_runs(settings: Settings) -> dict[str, Any] | None:
    """Return what the running engine of the data folder says of itself, None where none runs (or it is distributed)."""
    found = None if settings.distributed else whereabouts(settings.data)
    if found is None:
        return None
    here, token = found
    try:
        return {"pid": here.pid, "ops": here.ops, "public": here.public, **Remote(here, token, settings).do("ping")}
    except (NotReachedError, ControlRefusedError):
        return None


@contextmanager
def reached(settings: Settings, environment: Mapping[str, str]) -> Iterator[Channel]:
    """Yield the running engine of the data folder, or one that is opened for as long as the context lasts.

    With brokers in the settings it is the distributed engine, whichever of its parts run.

    Raises:
        DatabaseError: an engine uses the folder and does not answer, or the database cannot be used.
        FilesHaveErrorsError: this is the first start, and the workflow files have errors.
        SettingsError: the settings cannot be followed.

    """
    if settings.distributed:
        from engine.wiring.distributed.desk import at_the_desk  # noqa: PLC0415 - of the extra `kafka`

        with at_the_desk(settings, environment) as desk:
            yield desk
        return
    found = whereabouts(settings.data)
    if found is not None:
        running = Remote(*found, settings)
        if running.answers():
            yield running
            return
    with _opened_alone(settings, environment) as local:
        yield local


# One that runs -------------------------------------------------------------------------------------------------------


class Remote:
    """The engine that runs, over its ops listener."""

    runs = True
    name = "the running engine"

    def __init__(self, here: Whereabouts, token: str, settings: Settings) -> None:
        place = urlsplit(here.ops)
        self._host, self._port = place.hostname or "127.0.0.1", place.port or 80
        self._token = token
        self._settings = settings
        self.own_events: Mapping[str, OwnEvent] = {}

    def answers(self) -> bool:
        """Say whether it is there; one that died left its file behind."""
        try:
            self.do("ping")
            with Views(self._settings.books) as views:
                self.own_events = views.rules().own_events
        except (NotReachedError, DatabaseError):
            return False
        return True

    def do(self, name: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do a command; see `Channel`."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_WITHIN)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", f"/control/{name}", msgspec.json.encode(arguments or {}), headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotReachedError(f"the running engine does not answer: {error}") from None
        finally:
            connection.close()
        try:
            answer: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise NotReachedError(f"something else answers in the engine's place (HTTP {response.status})") from None
        if response.status == 409:
            raise ControlRefusedError(str(answer.get("error")))
        if response.status != 200:
            raise NotReachedError(f"the running engine says {response.status}: {answer.get('error')}")
        return answer

    def take(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> dict[str, int]:
        """Take in events; see `Channel`."""
        counts = dict.fromkeys(("accepted", "duplicate", "history", "dead_letters", "refused"), 0)
        for piece in _pieces(items, origins):
            for name, count in self.do("ingest", piece).items():
                counts[name] += count
        return counts


def _pieces(items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Cut input into requests of a size that the listener takes."""
    piece: dict[str, Any] = {"events": [], "dead_letters": []}
    size = 0
    for item, origin in zip(items, origins, strict=True):
        if isinstance(item, Event):
            text = encode(item).decode()
            piece["events"].append([origin, text])
            size += len(text)
        else:
            raw = b64encode(item.raw).decode()
            piece["dead_letters"].append([origin or item.origin, item.reason, raw])
            size += len(raw)
        if size >= PIECE_BYTES:
            yield piece
            piece, size = {"events": [], "dead_letters": []}, 0
    if size:
        yield piece


# One opened for the command alone ------------------------------------------------------------------------------------


class Local:
    """An engine opened for one command: nothing else runs, and nothing leaves."""

    runs = False

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        suppressions: Suppressions,
        look: Callable[[Sequence[str]], Probes],
        erasures: Erasures,
    ) -> None:
        self._engine = engine
        self.name = str(settings.data)
        folder = DataFolder(settings.data, mailbox_of(settings.data, clock_of(settings)))
        eraser = Eraser(
            erasures,
            self._ask,
            settings.data,
            lambda: engine.handling.rules.shop,
            files=folder,
            empty_log=engine.empty_log,
            remains=folder.remains,
        )
        place = Place(
            handling=engine.handling,
            ask=self._ask,
            submit=self._submit,
            settings=settings,
            suppressions=suppressions,
            look=look,
            erasures=erasures,
            end_erasures=eraser.end_all,
        )
        self._control = EngineControl(place)
        self._eraser = eraser

    def end_erasures(self) -> None:
        """End what was begun here, or left behind."""
        if self._eraser.erasures.waiting:
            asyncio.run(self._eraser.end_all())

    @property
    def own_events(self) -> Mapping[str, OwnEvent]:
        """The shop's own events, by the rules in force."""
        return self._engine.handling.rules.own_events

    def do(self, name: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do a command; see `Channel`."""
        return dict(asyncio.run(self._control.do(name, arguments or {})))

    def take(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> dict[str, int]:
        """Take in events; see `Channel`."""
        taken = asyncio.run(self._submit(items, origins))
        return counted(taken)

    async def _ask(self, change: Callable[[SqlStore, Instant], T]) -> T:
        asked = Asked(change)
        self._run(asked)
        if asked.error is not None:
            raise asked.error
        result: T = asked.result
        return result

    async def _submit(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> list[Taken]:
        taken: list[Taken] = []
        for at in range(0, len(items), BATCH):
            arrivals = Arrivals(items[at : at + BATCH], origins[at : at + BATCH])
            self._run(arrivals)
            taken += arrivals.results
        return taken

    def _run(self, work: Arrivals | Asked) -> None:
        try:
            self._engine.run([work])
        except EngineStopped as error:
            raise NotReachedError(str(error)) from None


@contextmanager
def _opened_alone(settings: Settings, environment: Mapping[str, str]) -> Iterator[Local]:
    data = settings.data
    secrets = keys_of(settings, environment)
    first: Checked | None = None
    if is_first_start(data) and settings.workflows.is_dir():
        checked = folder_as_it_stands(settings.workflows)
        if checked.rules is None:
            raise FilesHaveErrorsError(checked)
        first = checked
    clock, late = clock_of(settings), history_after(settings)
    mark(settings)
    erasures = Erasures(secrets.blocks)
    listed, look = Suppressions(secrets.blocks), partial(probes_of, settings, environment, clock, secrets.links)
    with opened(
        data,
        clock,
        key=secrets.codes,
        first_rules=RuleSet() if first is None or first.rules is None else first.rules,
        templates=in_force.to_begin_with(data, first),
        suppressions=listed,
        erasures=erasures,
        history_after=late,
    ) as engine:
        in_force.forget_old(data)
        local = Local(engine, settings, listed, look, erasures)
        local.end_erasures()
        yield local
        local.end_erasures()
