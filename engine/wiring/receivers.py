"""Which receivers of effects there are, by the settings."""

from __future__ import annotations

from collections.abc import Mapping

from engine.ports import Receiver
from engine.wiring.settings import Settings


def receivers_of(settings: Settings, environment: Mapping[str, str]) -> tuple[Receiver, ...]:  # noqa: ARG001 - none yet
    """Return the receivers that the settings name.

    Raises:
        SettingsError: a secret is missing or cannot be read.

    """
    return ()
