"""The shop's own work: closing its day, looking at everybody after a change, and letting in those who wait.

Everything here goes in slices, so that events and timers are never kept waiting for long, and keeps where it is in the
shop's state, so that it goes on after a restart where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.core.allowances import ASK_AGAIN, ENTRIES, allowance_of, left_at, without
from engine.core.breaker import begun_anew
from engine.core.cadence import Thresholds, thresholds
from engine.core.moments import HOUR, Instant, zone
from engine.core.moving import EXIT, MOVE
from engine.core.rules import EnterAtMost, Switch, Workflow
from engine.core.sending import PAUSED_LINE
from engine.core.shop import TIME, Draining, Moved, Pace, Pause, Sweep, is_warm
from engine.core.signals import (
    Admit,
    CodesGranted,
    DayClosed,
    EngagementForgotten,
    Granted,
    Look,
    MailLeaves,
    Move,
    PaceUsedUp,
    PauseEnded,
    PauseSet,
    Rehearsed,
    Restored,
    RulesChanged,
    RunsMoved,
    ShopSignal,
    SuppressionsImported,
    TurnedAway,
    Unpause,
    WentLive,
)
from engine.handling import granting, keeping
from engine.handling.breaking import Breaking
from engine.handling.calling_up import CallingUp, take_note
from engine.ports import Store

if TYPE_CHECKING:
    from engine.handling.handler import Handling

SLICE = 500
"""Customers looked at in one call: a few hundredths of a second."""

MOST_WITHOUT_PACE = 1_000
"""More than so many in a line, and no `enter_at_most` named: refused, until somebody says how fast."""

SETTLING = HOUR
"""After the last event of history nobody is let in for so long: more of it may be on its way, and half a history
tells wrong things of everybody."""

SMALL_SHRINKAGE = 30
"""Days by which the reorder interval's threshold may have shrunk and only those due soon are looked at again."""

FAR = 1 << 62


class Sweeping:
    """Closes days, sweeps and admits, over the handling that decides."""

    def __init__(self, handling: Handling) -> None:
        """Work with this handling's rules and shop."""
        self.handling = handling
        self.day_ends: Instant = 0 if handling.whole else FAR
        self.wake: Instant = FAR
        self._lines: set[str] | None = None  # workflows in whose line somebody may wait; None: look at all
        self.ramp = CallingUp(handling)
        self.breaking = Breaking(handling)

    def someone_waits(self, now: Instant, lines: Iterable[str] | None = None) -> None:
        """These lines have grown, or (None) any may have; look at them at the next opportunity."""
        self.wake = min(self.wake, now)
        self.ramp.someone_waits(lines)
        if lines is None:
            self._lines = None
        elif self._lines is not None:
            self._lines.update(lines)

    def advance(self, store: Store, now: Instant) -> Instant | None:
        """Do a slice of whatever is to be done; return when to call again, None if only a signal can bring more."""
        shop = self.handling.rules.shop
        self.handling.advance_if_due(store, now)
        if now < self.wake:
            return min(self.wake, self.day_ends)
        self.breaking.advance(store, now)
        if shop.judge_to > shop.judged_to:
            self._judge_early(store, now)
            self.wake = now
        elif shop.draining is not None:
            self._drain(store, now)
            self.wake = now
        elif shop.sweep is not None:
            self._sweep(store, now)
            self.wake = now
        else:
            self.wake = self._admit(store, now)
        self.wake = min(self.wake, self.ramp.advance(store, now))  # after what may have let more come to the ramp
        return min(self.wake, self.day_ends)

    # Shop signals

    def tell(self, store: Store, signal: ShopSignal, now: Instant) -> None:
        """Apply what concerns the shop as a whole, and keep it in the journal."""
        rules = self.handling.rules
        shop = rules.shop
        store.journal("", signal, now)  # before what follows from it, so that a replay meets them in this order
        match signal:
            case CodesGranted() | Granted():
                granting.take_in(shop, signal)
            case PaceUsedUp(workflow, until):
                shop.used_up[workflow] = until
            case DayClosed(told, known_since):
                shop.known_since = min((at for at in (shop.known_since, known_since) if at is not None), default=None)
                self._close(now, told)
            case RulesChanged(epoch, moves):
                shop.epoch = epoch
                shop.moves = (*shop.moves, *self._to_move(epoch, moves))
                self._sweep_anew()
                shop.refused, shop.used_up = (), {}
                shop.allowances = None if shop.allowances is None else without(shop.allowances)
                shop.ramps = shop.ramps if rules.lifecycle.ramp else {}  # one that is written later begins anew
                shop.breakers = shop.breakers if rules.lifecycle.breaker else {}
                self._close(now)
            case RunsMoved():
                shop.moves = ()
            case WentLive():
                shop.live_since, shop.gone_live = now, True
                if not shop.meant_since:
                    shop.paces, shop.budgets, shop.used_up, shop.hand_offs = {}, {}, {}, {}
                self._sweep_anew(rehearsed=True)
                self._close(now)
            case MailLeaves():
                shop.ramps = shop.ramps if shop.meant_since else {}  # what lay in a mailbox, no provider has seen
                shop.breakers = shop.breakers if shop.meant_since else {}
                shop.meant_since = shop.meant_since or now
            case PauseSet() | PauseEnded():
                self._pause(store, signal, now)
            case SuppressionsImported() | Restored() | EngagementForgotten():
                keeping.note(store, shop, signal, now)
            case TurnedAway():
                take_note(rules, signal, now)
                self.breaking.take_note(signal)
        self.wake = now  # and not before, whatever was to be done until now
        self.someone_waits(now)
        store.save_shop(shop)

    def _pause(self, store: Store, signal: PauseSet | PauseEnded, now: Instant) -> None:
        """Begin a pause, in the place of one of the same scope and name, or end it and ask again what it held."""
        shop = self.handling.rules.shop
        same = next((each for each in shop.pauses if (each.scope, each.name) == (signal.scope, signal.name)), None)
        others = tuple(each for each in shop.pauses if each is not same)
        if isinstance(signal, PauseSet):
            shop.pauses = (*others, Pause(signal.scope, signal.name, now, signal.why, signal.who))
        elif same is not None and signal.scope == TIME:
            shop.pauses = others  # what falls due now is asked of the gate as ever
        elif same is not None:
            shop.pauses = others
            shop.breakers = begun_anew(shop.breakers, signal.scope, signal.name, now)
            shop.draining = Draining(signal.overdue, same.at, store.line_length(PAUSED_LINE))

    def close_day(self, store: Store, now: Instant) -> None:
        """Close the reorder interval if a shop day has begun since it was closed last."""
        rules = self.handling.rules
        there = zone(rules.lifecycle.timezone)
        today = there.day(now)
        self.day_ends = there.start(today + 1)
        if rules.shop.day != today:
            self.tell(store, DayClosed(), now)

    def _close(self, now: Instant, told: Thresholds | None = None) -> None:
        """Take the thresholds of today, and see whose due times they have overtaken.

        Who has a part of the shop's customers goes by those that were told, and until then by the last ones.

        A due time that was set by a larger threshold is late, at most by the days between that one and today's. So
        whoever is due within so many days is judged anew: everybody there when a threshold shrinks, then day by day
        those who come within reach. Due times that are early do no harm: they are judged when they ring.
        """
        rules = self.handling.rules
        shop, there = rules.shop, zone(rules.lifecycle.timezone)
        before, shop.day = shop.thresholds.by_name(), there.day(now)
        if self.handling.whole:
            shop.thresholds = thresholds(shop.cadence, rules.lifecycle)
        elif told is not None:
            shop.thresholds = told
        after = shop.thresholds.by_name()
        names = sorted({*before, *after, *shop.armed})
        today = {name: after.get(name, after[""]) for name in names}  # a category without its own has the shop's
        shop.armed = {name: max(days, shop.armed.get(name, shop.armed.get("", 0))) for name, days in today.items()}
        late = max(shop.armed[name] - days for name, days in today.items())
        shrank = any(days < before.get(name, before[""]) for name, days in today.items())
        if late > SMALL_SHRINKAGE:
            shop.armed, late = today, 0
            self._sweep_anew()
        if shrank:
            shop.judged_to = 0
        shop.judge_to = there.start(shop.day + late + 1) if late else 0

    def _to_move(self, epoch: int, moves: tuple[Move, ...]) -> Iterator[Moved]:
        workflows = self.handling.rules.rule_set.workflows
        for move in moves:
            if move.how == EXIT:
                yield Moved(epoch, move.workflow, EXIT)
            elif move.how == MOVE:
                yield Moved(epoch, move.workflow, MOVE, workflows[move.workflow].version)

    def _sweep_anew(self, *, rehearsed: bool = False) -> None:
        """Begin to look at everybody, those first whose runs are to be moved: an exit is meant at once."""
        shop = self.handling.rules.shop
        rehearsed = rehearsed or (shop.sweep is not None and shop.sweep.rehearsed)
        shop.sweep = Sweep(rehearsed=rehearsed, first=tuple(dict.fromkeys(each.workflow for each in shop.moves)))

    # Slices

    def _judge_early(self, store: Store, now: Instant) -> None:
        """Judge anew who is due within the days by which due times may be late."""
        shop = self.handling.rules.shop
        for due, customer_id in store.due(shop.judge_to, FAR):
            if due > shop.judged_to:
                self.handling.decide(store, customer_id, Look(by_time=True), now)
        shop.judged_to = shop.judge_to
        store.save_shop(shop)

    def _sweep(self, store: Store, now: Instant) -> None:
        shop = self.handling.rules.shop
        sweep = shop.sweep
        assert sweep is not None, "asked only while there is one"
        if sweep.first:
            shop.sweep = self._sweep_workflow(store, sweep, now)
            store.save_shop(shop)
            return
        found = store.scan(sweep.after, SLICE)
        for customer_id in found:
            if sweep.rehearsed:
                self.handling.decide(store, customer_id, Rehearsed(), now)
            self.handling.decide(store, customer_id, Look(), now)
        shop.sweep = replace(sweep, after=found[-1]) if len(found) == SLICE else None
        if shop.sweep is None and shop.moves and self.handling.whole:
            self.tell(store, RunsMoved(), now)
        store.save_shop(shop)

    def _sweep_workflow(self, store: Store, sweep: Sweep, now: Instant) -> Sweep:
        """Look at a slice of those in the first workflow whose runs are to be moved; return where the sweep has come to."""
        epoch = self.handling.rules.shop.epoch
        found = store.in_workflow(sweep.first[0], (sweep.stage, sweep.after), SLICE)
        for _, customer_id in found:
            customer = store.load(customer_id)
            if customer is not None and customer.epoch != epoch:
                self.handling.decide(store, customer_id, Look(), now)
        if len(found) == SLICE:
            return replace(sweep, stage=found[-1][0], after=found[-1][1])
        return replace(sweep, first=sweep.first[1:], stage="", after="")

    def _drain(self, store: Store, now: Instant) -> None:
        shop = self.handling.rules.shop
        draining = shop.draining
        assert draining is not None, "asked only while there is one"
        # Where another pause still holds some of them, they stay in the line: all at once, so that nobody is met twice.
        slice_ = draining.left if shop.pauses else min(SLICE, draining.left)
        found = store.line(PAUSED_LINE, slice_) if slice_ else []
        for customer_id in found:
            self.handling.decide(store, customer_id, Unpause(draining.overdue, draining.paused_at), now)
        left = draining.left - len(found)
        shop.draining = replace(draining, left=left) if found and left else None
        store.save_shop(shop)

    def _admit(self, store: Store, now: Instant) -> Instant:
        """Let in those who wait, each line at its pace; return when more may be let in (FAR: nobody waits)."""
        rules = self.handling.rules
        shop = rules.shop
        lines = self._lines
        letting_in = [each for each in rules.in_order if not rules.switch(each.name).skip_those_who_fit]
        asked = [each for each in letting_in if lines is None or each.name in lines]
        waiting = [each for each in asked if store.line_length(each.name)]
        self._lines = {each.name for each in waiting}
        if not waiting:
            return FAR
        settled = shop.last_history_at + SETTLING if shop.last_history_at else 0
        if now < settled:
            return settled
        if not is_warm(shop, rules.lifecycle, now):
            return self._warm_at()
        return min([self._let_in(store, workflow, rules.switch(workflow.name), now) for workflow in waiting])

    def _warm_at(self) -> Instant:
        lifecycle, known = self.handling.rules.lifecycle, self.handling.rules.shop.known_since
        if known is None or lifecycle.warm_up is None:
            return FAR
        return zone(lifecycle.timezone).after(known, lifecycle.warm_up)

    def _let_in(self, store: Store, workflow: Workflow, switch: Switch, now: Instant) -> Instant:
        shop, name = self.handling.rules.shop, workflow.name
        if shop.allowances is not None:
            return self._let_in_granted(store, name, paced=switch.enter_at_most is not None, now=now)
        if switch.enter_at_most is not None:
            return self._let_in_at_pace(store, name, switch.enter_at_most, now)
        if store.line_length(name) > MOST_WITHOUT_PACE:
            if name not in shop.refused:
                shop.refused = (*shop.refused, name)
                store.save_shop(shop)
            return FAR
        return self._let_in_some(store, name, SLICE, now)

    def _let_in_at_pace(self, store: Store, name: str, pace: EnterAtMost, now: Instant) -> Instant:
        shop, there = self.handling.rules.shop, zone(self.handling.rules.lifecycle.timezone)
        window = shop.paces.get(name)
        if window is None or there.after(window.began, pace.length) <= now:
            window = shop.paces[name] = Pace(now)
        wake = self._let_in_some(store, name, max(0, pace.count - window.count), now)
        if wake == FAR or shop.paces[name].count < pace.count:
            return wake
        ends = there.after(window.began, pace.length)
        if shop.used_up.get(name) != ends:
            self.tell(store, PaceUsedUp(name, ends), now)
        return ends

    def _let_in_granted(self, store: Store, name: str, *, paced: bool, now: Instant) -> Instant:
        """Let in as many as were granted to this part of the shop: `Granted` wakes us when there are more."""
        shop = self.handling.rules.shop
        assert shop.allowances is not None, "asked only of a part"
        wake = self._let_in_some(store, name, max(0, left_at(allowance_of(shop.allowances, ENTRIES, name), now)), now)
        allowance = allowance_of(shop.allowances, ENTRIES, name)
        if wake == FAR or left_at(allowance, now) > 0:
            return wake
        if paced:
            shop.used_up[name] = max(allowance.until, now + ASK_AGAIN)
        return FAR

    def _let_in_some(self, store: Store, name: str, most: int, now: Instant) -> Instant:
        for customer_id in store.line(name, min(most, SLICE)) if most else ():
            self.handling.decide(store, customer_id, Admit(name), now)
        store.save_shop(self.handling.rules.shop)
        return now if store.line_length(name) else FAR
