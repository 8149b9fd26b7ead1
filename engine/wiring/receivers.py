"""Which receivers of effects there are, by the settings."""

from __future__ import annotations

from collections.abc import Mapping

from engine.ports import Receiver
from engine.wiring.settings import Settings
from engine.wiring.shops import code_maker


def receivers_of(settings: Settings, environment: Mapping[str, str]) -> tuple[Receiver, ...]:
    """Return the receivers that the settings name.

    Raises:
        SettingsError: a secret is missing or cannot be read.

    """
    shop = code_maker(settings.shop, environment)
    return () if shop is None else (shop,)
