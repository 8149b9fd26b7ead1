"""Commands on the distributed engine: made at the shop's desk, in PostgreSQL, whichever of its parts run.

What a command changes is there when it returns; the projector's office brings it to the partitions within a second, or when
it runs again. Events go to `winback.events`, as the shop's own do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.erasures import Erasures
from engine.books.postgres import Server
from engine.books.store import SqlStore
from engine.books.suppressions import Suppressions
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.rules import OwnEvent
from engine.handling import Taken
from engine.ports import Clock
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.desk import Bureau
from engine.runtimes.kafka.events_topic import put_events
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.clock import clock_of
from engine.wiring.control import EngineControl, Place, counted
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.parts import in_words
from engine.wiring.preflight.probing import probes_of
from engine.wiring.program import history_after
from engine.wiring.reaching import NotReachedError
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.settings import Settings

T = TypeVar("T")


@contextmanager
def at_the_desk(settings: Settings, environment: Mapping[str, str]) -> Iterator[AtTheDesk]:
    """Yield the desk, for as long as the context lasts.

    Raises:
        DatabaseError: PostgreSQL cannot be used.
        SettingsError: the settings cannot be followed.

    """
    where = settings.books
    assert isinstance(where, Server), "who has a distributed engine has said where PostgreSQL is"
    secrets, clock = keys_of(settings, environment), clock_of(settings)
    with closing(open_to_write(where)) as connection:
        store = ShopStore(connection, settings.kafka.partitions)
        bureau = Bureau(store, clock, key=secrets.codes, history_after=history_after(settings))
        bureau.desk.erasures = erasures = Erasures(secrets.blocks)
        erasures.load(connection)
        bureau.refresh()
        brokers = brokers_of(settings, environment)
        yield AtTheDesk(bureau, settings, environment, brokers, secrets, clock, erasures)


class AtTheDesk:
    """A way to the distributed engine; see `engine.wiring.reaching.Channel`."""

    runs = True

    def __init__(
        self,
        bureau: Bureau,
        settings: Settings,
        environment: Mapping[str, str],
        brokers: Brokers,
        secrets: Secrets,
        clock: Clock,
        erasures: Erasures,
    ) -> None:
        self._bureau, self._brokers = bureau, brokers
        self._events = TopicNames.of(settings.kafka.prefix).events
        self.name = f"{self._events} at {brokers.named}"
        self._control = EngineControl(
            Place(
                handling=bureau.desk,
                ask=self._ask,
                submit=self._submit,
                settings=settings,
                suppressions=Suppressions(secrets.blocks),
                look=partial(probes_of, settings, environment, clock, secrets.links),
                erasures=erasures,
            )
        )

    @property
    def own_events(self) -> Mapping[str, OwnEvent]:
        """The shop's own events, by the rules in force."""
        return self._bureau.desk.rules.own_events

    def do(self, name: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do a command."""
        self._bureau.refresh()
        return dict(self._reached(self._control.do(name, arguments or {})))

    def take(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> dict[str, int]:
        """Put events into `winback.events` and dead letters into the books; return what became of them, counted.

        Whether an event was seen before its partition finds out, so here none is a duplicate.
        """
        return counted(self._reached(self._submit(items, origins)))

    def _reached(self, work: Any) -> Any:
        try:
            return asyncio.run(work)
        except KafkaError as error:
            raise NotReachedError(in_words(error, self._brokers)) from None
        except DatabaseError as error:
            raise NotReachedError(str(error)) from None

    async def _ask(self, change: Callable[[SqlStore, Instant], T]) -> T:
        return self._bureau.ask(change)

    async def _submit(self, items: Sequence[Event | DeadLetter], _: Sequence[str]) -> list[Taken]:
        events = [each for each in items if isinstance(each, Event)]
        await put_events(self._brokers.client_options(), self._events, events)
        self._bureau.ask(partial(self._bury, [each for each in items if isinstance(each, DeadLetter)]))
        return [self._taken(each) for each in items]

    def _bury(self, letters: Sequence[DeadLetter], store: ShopStore, now: Instant) -> None:
        for letter in letters:
            store.bury(letter, now)

    def _taken(self, item: Event | DeadLetter) -> Taken:
        if isinstance(item, DeadLetter):
            return Taken("dead_letter", reason=item.reason)
        return Taken("accepted", item.customer, self._bureau.desk.is_history(item, self._bureau.accepted))
