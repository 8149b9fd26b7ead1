"""The workflow files as they were last checked, and what of them is not in force: asked often, so it is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from engine.core.rulebook import Rules
from engine.insight.overview import Pending
from engine.language.files import Checked
from engine.wiring.applying import as_shadow
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.overview import waits_in
from engine.wiring.settings import Settings

log = structlog.get_logger(__name__)


class WaitingFiles:
    """What waits in the files of a running engine. The watcher notes each set that it has checked."""

    def __init__(self, settings: Settings, rules: Callable[[], Rules], *, shadow: bool = False) -> None:
        """With `shadow` live workflows are applied as shadow, which is no change of theirs."""
        self._settings, self._rules, self._shadow = settings, rules, shadow
        self.checked: Checked | None = None
        self._known: Checked | None = None  # what `_pending` is of
        self._pending: Pending | None = None

    async def look(self) -> None:
        """Look at the files as they are when the engine starts; later the watcher tells."""
        try:
            checked = await asyncio.to_thread(folder_as_it_stands, self._settings.workflows)
        except OSError as error:
            log.warning("the workflow files cannot be read", why=str(error))
            return
        if self.checked is None:
            self.checked = checked

    def note(self, checked: Checked) -> None:
        """Note a set that was just checked."""
        self.checked = checked

    def look_anew(self) -> None:
        """Compare anew the next time: something was put in force."""
        self._known = None

    def pending(self) -> Pending | None:
        """Return what the files would change, None where they are those in force, or were not looked at yet."""
        checked = self.checked
        if checked is None:
            return None
        if self._known is not checked:
            as_applied = as_shadow(checked.rules) if self._shadow and checked.rules is not None else checked.rules
            self._pending = waits_in(checked, as_applied, self._settings, self._rules().rule_set)
            self._known = checked
        return self._pending
