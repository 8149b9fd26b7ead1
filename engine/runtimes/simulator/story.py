"""The story of one customer in a back-test (`--trace`): what happened to them, and what was decided, line by line."""

from __future__ import annotations

from collections.abc import Callable

from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.moments import MINUTE, Instant, Zone, iso_day
from engine.core.rulebook import Rules
from engine.core.signals import AnySignal, Happened
from engine.runtimes.simulator.actions import action_of
from engine.runtimes.simulator.retelling import Retelling

_TOLD = ("order_id", "total", "currency", "amount", "kind", "link", "purpose", "code", "reason", "cause", "answer")
"""Fields of an event that are shown; addresses and names are not."""


class Story:
    """Collects lines such as `2023-05-02 09:00  send coupon_offer (readers-who-dont-buy, coupon)`.

    `again` gathers the same, to be told as scenarios.
    """

    def __init__(self, customer_id: str, zone: Zone, rules: Callable[[], Rules]) -> None:
        self.customer_id = customer_id
        self.lines: list[str] = []
        self.again = Retelling(rules)
        self._zone = zone

    def signal(self, signal: AnySignal) -> None:
        """Tell of an event; that time was up, or a mail handed over, shows in what follows."""
        self.again.signal(signal)
        if not isinstance(signal, Happened):
            return
        event = signal.event
        told = [f"{name} {value}" for name in _TOLD if (value := event.field(name))]
        before = " (known before)" if signal.history else ""
        self._tell(event.time, f"{event.type}{': ' if told else ''}{', '.join(told)}{before}")

    def effect(self, effect: Effect) -> None:
        """Tell of an effect."""
        self.again.effect(effect)
        data = effect.data
        place = ", ".join(str(data[name]) for name in ("workflow", "stage") if name in data)
        said = _said(effect)
        self._tell(effect.time, f"  -> {said}" + (f" ({place})" if place else ""))

    def _tell(self, at: Instant, text: str) -> None:
        clock = self._zone.clock(at) // MINUTE
        self.lines.append(f"{iso_day(self._zone.day(at))} {clock // 60:02d}:{clock % 60:02d}  {text}")


def _said(effect: Effect) -> str:
    data = effect.data
    match effect.type:
        case fx.SEND_HELD_OUT:
            return f"send {data['template']} held out"
        case fx.SEND_DEFERRED:
            return f"send {data['template']} deferred until {data['until'] or 'the pause is over'}: {data['reason']}"
        case fx.SEND_DROPPED:
            return f"send {data['template']} dropped: {data['reason']}"
        case fx.STANDING_CHANGED | fx.ADDRESS_CHANGED:
            what = "standing" if effect.type == fx.STANDING_CHANGED else "address"
            return f"{what} {data['from']} to {data['to']}: {'; '.join(data['evidence'])}"
        case fx.ACCOUNT_CLOSING:
            return f"the account will be closed on {data['on']}" if data["on"] else "the account stays open"
        case fx.RUN_STARTED:
            return f"run started{', held out' if data['held_out'] else ''}: {'; '.join(data['why'])}"
        case fx.COUPON_ISSUED:
            return f"offer {data['name']}, code {data['code']}, until {data['valid_until']}, costs {data['cost']}"
        case fx.STEP_HELD_OUT:
            return f"{data['step']} held out"
    return action_of(effect) or effect.type.removeprefix("winback.")
