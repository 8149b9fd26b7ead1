"""What shops and mail services tell us, joined for either engine: hooks that are on, and the shop that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from engine.listeners import Hooks, Intake, Objections
from engine.ports import Clock
from engine.wiring.hooks import hooks_of
from engine.wiring.polling import Places, keep_polling
from engine.wiring.public_books import PublicBooks
from engine.wiring.settings import Settings


def hooks_and_polls(
    settings: Settings,
    environment: Mapping[str, str],
    intake: Intake,
    books: PublicBooks,
    objections: Objections,
    clock: Clock,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> Hooks:
    """Return the hooks, and ask the shop for as long as the stack lasts, where it is to be asked.

    Raises:
        SettingsError: something of the settings cannot be followed, all of it told.

    """
    hooks = Hooks(hooks_of(settings, environment), intake, objections, books, clock, registry)
    stack.push_async_callback(hooks.close)
    places = Places(books.polled_until, books.note_polled, books.note_orders)
    keep_polling(settings, environment, intake, places, clock, registry, stack)
    return hooks
