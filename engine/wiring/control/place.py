"""What every command works on: one engine with its data folder, files and settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from engine.books.erasures import Erasures
from engine.books.proofs import Proof
from engine.books.store import SqlStore
from engine.books.suppressions import Suppressions
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.handling import Handling, Taken
from engine.wiring.in_force import Kept
from engine.wiring.preflight.checks import Probes
from engine.wiring.settings import Settings

T = TypeVar("T")

Command = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Does what its arguments say, in one transaction, and returns the result as JSON can hold it."""


class Ask(Protocol):
    """Makes a change through the store in one transaction, and returns what it returns after the commit."""

    def __call__(self, change: Callable[[SqlStore, Instant], T], /) -> Awaitable[T]:
        """Make the change."""
        ...


Submit = Callable[[Sequence[Event | DeadLetter], Sequence[str]], Awaitable[Sequence[Taken]]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """The engine that commands change. `on_rules` hears of each set that was put in force.

    `look` makes what a preflight looks with, given name servers to ask. With `shadow` live workflows are applied as shadow. `about` is what a running engine says of itself.
    `end_erasures` brings those to their end that have begun; None where another process does.
    """

    handling: Handling
    ask: Ask
    submit: Submit
    settings: Settings
    suppressions: Suppressions
    look: Callable[[Sequence[str]], Probes]
    shadow: bool = False
    on_rules: Callable[[Kept], None] = lambda _: None
    about: Callable[[], Mapping[str, Any]] = dict
    erasures: Erasures | None = None
    end_erasures: Callable[[], Awaitable[Sequence[Proof]]] | None = None
