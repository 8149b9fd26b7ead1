"""The mails of a walk: composed by the rules it walks by, and sent to oneself with the day above them."""

from __future__ import annotations

from msgspec import Struct

from engine.core.effects import Effect
from engine.language.files import Checked
from engine.ports import Sender
from engine.rendering import RenderError
from engine.runtimes.simulator.walking import Walk, WalkedDay
from engine.wiring import in_force
from engine.wiring.composing import Composer
from engine.wiring.secret import Secrets
from engine.wiring.settings import Settings
from engine.wiring.testing import as_test


class Mailed(Struct, frozen=True):
    """What became of one mail of a walk; `detail` says why it was not taken."""

    template: str
    subject: str
    outcome: str
    detail: str = ""


class Mailing:
    """Sends the mails of a walk. `number` names the walk: the mails of another have other ids."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        checked: Checked,
        walk: Walk,
        sender: Sender,
        *,
        to: str,
        number: str,
    ) -> None:
        self._compose = Composer(settings, secrets, lambda: walk.rules, walk.record, lambda: walk.now, for_nobody=True)
        self._compose.use(in_force.of(checked))
        self._sender, self._to, self._number, self._count = sender, to, number, 0

    async def send(self, effect: Effect, day: WalkedDay) -> Mailed:
        """Send one, and say what became of it."""
        self._count += 1
        data = effect.data
        by = "" if data["channel"] == "email" else f" by {data['channel']}"
        banner = (
            f"Test, day {day.number} ({day.date}): {data['workflow']}, stage {data['stage']}, {data['template']}{by}"
        )
        try:
            composed = self._compose(effect.effect_id, data)
        except (RenderError, LookupError) as error:
            return Mailed(data["template"], "", "refused", f"the message cannot be made: {error}")
        number = f"walk-{self._number}-{self._count}"
        message = as_test(composed, self._to, number=number, label=f"Day {day.number}", banner=banner)
        sent = await self._sender.send(message)
        return Mailed(
            data["template"], message.subject, sent.outcome, sent.diagnostic if sent.outcome != "done" else ""
        )

    async def close(self) -> None:
        """End all connections."""
        await self._sender.close()
