"""Commands to a running engine: what the command line asks of it, over the ops listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ControlRefusedError(Exception):
    """The engine will not do it; the message says why and what instead."""


class Control(Protocol):
    """Does what the command line asks: pause, unpause, apply, go-live, status."""

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a command and return its result, as JSON can hold it.

        Raises:
            LookupError: there is no command of this name.
            ControlRefusedError: it is refused.

        """
        ...
