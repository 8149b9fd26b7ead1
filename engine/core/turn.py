"""One turn of deciding: the customer's own copy under change, and what has come of it so far."""

from __future__ import annotations

from typing import Any

from engine.core import effects as fx
from engine.core.conditions import View
from engine.core.customer import Customer, Run, home
from engine.core.decision import Note
from engine.core.effects import Effect
from engine.core.ids import digest
from engine.core.moments import Instant, Zone
from engine.core.orders import Gap
from engine.core.rulebook import Rules
from engine.core.rules import Mode, Send, Step
from engine.core.signals import AnySignal, Happened, Joined, Shares

NOTHING: frozenset[str] = frozenset()


class Turn:
    """The state of one decision. `customer` is a copy that may be changed; its containers are replaced, not changed.

    `touched` collects what has changed about the customer (topics), `freed` names the workflows whose runs have ended.
    """

    __slots__ = ("_zone", "customer", "effects", "freed", "gaps", "notes", "now", "rules", "signal", "touched")

    def __init__(self, customer: Customer, now: Instant, rules: Rules, signal: AnySignal) -> None:
        self.customer = customer
        self.now = now
        self.rules = rules
        self.signal = signal
        self.effects: list[Effect] = []
        self.gaps: list[Gap] = []
        self.notes: list[Note] = []
        self.touched = NOTHING
        self.freed: tuple[str, ...] = ()
        self._zone: Zone | None = None

    @property
    def zone(self) -> Zone:
        """The customer's zone."""
        if self._zone is None:
            self._zone = home(self.customer, self.rules.lifecycle)
        return self._zone

    def moved(self) -> None:
        """Ask for the customer's zone anew: their profile has changed."""
        self._zone = None

    def view(self) -> View:
        """The customer as conditions see them now."""
        return View(self.customer, self.now, self.rules.lifecycle, own_zone=self.zone)

    def touch(self, *topics: str) -> None:
        """Note that something about the customer has changed. Sets are replaced, so those of most events are shared."""
        self.touched = self.touched.union(topics)

    # Runs

    def put(self, run: Run) -> None:
        """Keep a run as it is now."""
        for place, each in enumerate(runs := self.customer.runs):
            if each.id == run.id:
                self.customer.runs = (*runs[:place], run, *runs[place + 1 :])
                return
        self.customer.runs = (*runs, run)

    def run(self, run: Run) -> Run:
        """Return a run as it was last kept."""
        for each in self.customer.runs:
            if each.id == run.id:
                return each
        return run

    def drop(self, run: Run) -> None:
        """Forget a run that has ended."""
        self.customer.runs = tuple(each for each in self.customer.runs if each.id != run.id)

    # Effects

    def tell(self, kind: str, run: Run, data: dict[str, Any], step: Step | None = None, *, ordinal: int = 0) -> None:
        """Add an effect of a run, named by its step or, for the run as a whole, by its kind.

        `ordinal` tells effects of one kind and step from each other.
        """
        key = step.key if step is not None else kind
        number = digest(run.id, run.stage if step is not None else "", key, str(run.entries.get(run.stage, 0)))
        if step is not None and isinstance(step, Send):
            number = run.effect_id
        place: dict[str, Any] = {
            "workflow": run.workflow,
            "version": run.version,
            "stage": run.stage,
            "run": run.id,
        }
        if step is not None:
            place["step"] = step.key
        self._add(kind, number, {**place, **data}, shadow=run.mode is not Mode.LIVE, ordinal=ordinal)

    def tell_send(self, kind: str, run: Run, step: Send, data: dict[str, Any], *, ordinal: int = 0) -> None:
        """Add an effect about a send, with all that is known of the send but its bodies."""
        told = {
            "purpose": step.purpose.value,
            "customer": _who(self.customer, self.rules, step.channel),
            "channel": step.channel,
            "template": step.template,
            "workflow": run.workflow,
            "version": run.version,
            "stage": run.stage,
            "step": step.key,
            "run": run.id,
            "asks": step.asks or None,
            "with": step.values,
            **data,
        }
        self._add(kind, run.effect_id, told, shadow=run.mode is not Mode.LIVE, ordinal=ordinal)

    def tell_of_move(self, run: Run, version: int, step: str) -> None:
        """Add the effect of a run that was on a version and goes on in another, at a step (empty: the stage's end)."""
        place = {"workflow": run.workflow, "version": run.version, "stage": run.stage, "run": run.id}
        told = {**place, "from": version, "to": run.version, "step": step or None}
        number = digest(run.id, fx.RUN_MOVED, str(self.now), f"{version} {run.version}")
        ordinal = sum(each.type == fx.RUN_MOVED for each in self.effects)
        self._add(fx.RUN_MOVED, number, told, shadow=run.mode is not Mode.LIVE, ordinal=ordinal)

    def tell_of_customer(self, kind: str, data: dict[str, Any]) -> None:
        """Add an effect outside any run; its id comes from customer, type, now, the signal, and its ordinal among equals.

        The signal is in it because several may be decided in one moment: an overdue lapse, then the order that ends it.
        """
        ordinal = sum(each.type == kind for each in self.effects)
        number = digest(self.customer.id, kind, str(self.now), self._about(), str(ordinal))
        self._add(kind, number, data)

    def repeat(self, kind: str, number: str, data: dict[str, Any], *, ordinal: int = 0) -> None:
        """Add an effect about an act of which all was told before; its run may have ended since."""
        self._add(kind, number, data, ordinal=ordinal)

    def _about(self) -> str:
        signal = self.signal
        if isinstance(signal, Happened):
            return f"{signal.event.source}\x1f{signal.event.id}"
        if isinstance(signal, Joined | Shares):  # of several others, all in one moment
            return f"{type(signal).__name__}\x1f{signal.other.id}"
        return type(signal).__name__

    def _add(self, kind: str, number: str, data: dict[str, Any], *, shadow: bool = False, ordinal: int = 0) -> None:
        self.effects.append(Effect(kind, self.now, self.customer.id, number, data, ordinal, shadow))

    def why(self, run: Run, step: Send) -> list[str]:
        """Why this send goes out, in short: what the run rests on, and where it stands."""
        standing = f"standing: {self.customer.standing.value}"
        return [standing, f"run of {run.workflow} version {run.version}", f"stage {run.stage}, step {step.key}"]


_TOLD = ("email", "first_name", "last_name", "salutation", "formal", "company", "language")
_TOLD_FOR = {"letter": ("postal",), "phone": ("phone",), "sms": ("phone",)}
"""What the service of a channel needs beside that."""
_UNKNOWN = (None, 0)


def _who(customer: Customer, rules: Rules, channel: str) -> dict[str, Any]:
    profile = customer.profile
    told: dict[str, Any] = {"id": customer.id}
    for name in (*_TOLD, *_TOLD_FOR.get(channel, ())):
        told[name] = profile.get(name, _UNKNOWN)[0]
    told["timezone"] = profile.get("timezone", _UNKNOWN)[0] or rules.lifecycle.timezone
    return told
