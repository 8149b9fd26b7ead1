"""How mail is handed over, by the settings: what the relay of either engine goes by."""

from __future__ import annotations

from engine.books.backlog import RelaySettings
from engine.books.limits import Limit
from engine.wiring.settings import Settings


def relay_settings_of(settings: Settings) -> RelaySettings:
    """Return how many sends are handed over at a time, to whom alone, and how fast."""
    said = settings.sender
    return RelaySettings(
        at_once=settings.service.connections if said.kind == "http" else settings.smtp.connections,
        only_to=said.only_to,
        limit=Limit(**said.limit.model_dump()),
        limits={name: Limit(**each.model_dump()) for name, each in said.limits.items()},
    )
