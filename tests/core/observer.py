"""An independent observer of effects: it keeps its own books and says what must never have happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.events import SAYS_NO, Event
from engine.core.moments import DAY, HOUR, MINUTE, Instant, Length, Zone, zone
from engine.core.rules import Cap, CloseAccount, HandOff, RuleSet

WEEK = Length(days=7)
_ALIVE = ("order.placed", "email.clicked", "customer.logged_in", "newsletter.confirmed", "survey.answered")


class Observer:
    """Watches events and effects of one shop. `watch` raises AssertionError at the first thing that is not right."""

    def __init__(self, rules: RuleSet, zone: Zone) -> None:
        self.rules, self.zone = rules, zone
        self.ids: set[str] = set()
        self.open: dict[str, dict[str, Effect]] = defaultdict(dict)  # customer -> run -> its start
        self.ended: set[str] = set()
        self.sends: dict[str, list[Effect]] = defaultdict(list)  # by run: released, held out
        self.dropped: dict[str, int] = defaultdict(int)
        self.released: dict[str, list[tuple[Instant, str]]] = defaultdict(list)  # by customer: when, purpose
        self.asked: dict[str, Instant] = {}  # effect id of a question -> when it was handed over
        self.said_no: dict[tuple[str, str], Instant] = {}  # customer, purpose -> when
        self.gone: set[str] = set()
        self.life: dict[str, list[tuple[Instant, Instant]]] = defaultdict(
            list
        )  # by customer: a person's act, when told
        self.orders: set[tuple[str, str]] = set()  # customer, order: those we have heard of
        self.tasks: dict[str, list[Instant]] = defaultdict(list)  # by team: when customers were handed over
        self.offers: dict[tuple[str, str], dict[str, Instant]] = defaultdict(dict)  # customer, offer -> run -> when
        self.closing: dict[
            str, tuple[Instant, str | None]
        ] = {}  # by run: when the day of closing was told, and the day
        self.history: set[str] = set()

    def event(self, event: Event, customer: str, now: Instant = 0) -> None:
        """Note what an event says that was taken in, now, as news or history."""
        kind, data = event.type, event.data
        purposes = {"marketing", "newsletter"}
        if kind == "consent.withdrawn":
            purposes = {data.purpose} if data.channel == "email" else set()
        elif kind == "email.unsubscribed" and data.purpose in purposes:
            purposes = {data.purpose}
        if kind in SAYS_NO:
            for purpose in purposes:
                self.said_no[customer, purpose] = max(event.time, self.said_no.get((customer, purpose), 0))
        if kind in ("customer.ended", "customer.erased"):
            self.gone.add(customer)
        if self._is_news(kind, data, customer) and kind in _ALIVE and not getattr(data, "machine", None):
            self.life[customer].append((event.time, now))
        if kind == "consent.given" and data.channel == "email":
            self._allowed(customer, data.purpose, event.time)
        if kind == "newsletter.confirmed":
            self._allowed(customer, "newsletter", event.time)
        if kind == "email.bounced":
            self.asked.pop(data.message_id.strip("<>").partition("@")[0], None)

    def _is_news(self, kind: str, data: Any, customer: str) -> bool:
        """An order told again is none, nor is one that was cancelled before it was told."""
        if kind not in ("order.placed", "order.cancelled"):
            return True
        known = (customer, data.order_id) in self.orders
        self.orders.add((customer, data.order_id))
        return not known

    def _allowed(self, customer: str, purpose: str, at: Instant) -> None:
        said = self.said_no.get((customer, purpose))
        if said is not None and said < at:
            del self.said_no[customer, purpose]

    def watch(self, effects: Iterable[Effect]) -> None:
        """Check effects in the order in which they were told."""
        for each in effects:
            assert each.id not in self.ids, f"told twice: {each}"
            self.ids.add(each.id)
            ends = each.type in (fx.RUN_ENDED, fx.COUPON_VOIDED)  # of who is gone, nobody may use a code
            assert each.customer not in self.gone or ends, f"of somebody gone: {each}"
            self._of_run(each)

    def _of_run(self, each: Effect) -> None:
        data, run = each.data, each.data.get("run", "")
        if not run:
            return
        assert run not in self.ended, f"after its run had ended: {each}"
        if each.type == fx.RUN_STARTED:
            self._started(each)
            return
        start = self.open[each.customer][run]
        assert each.shadow is (start.data["mode"] == "shadow"), f"shadow or not: {each}"
        if each.type == fx.RUN_MOVED:
            assert each.data["from"] != each.data["to"] == each.data["version"], f"moved to nowhere else: {each}"
            return
        if each.type == fx.RUN_ENDED:
            del self.open[each.customer][run]
            self.ended.add(run)
            return
        held = (fx.SEND_HELD_OUT, fx.STEP_HELD_OUT, fx.SEND_DEFERRED, fx.SEND_DROPPED)
        assert not start.data["held_out"] or each.type in held, f"held out, and yet: {each}"
        latest = self.zone.after(start.time, self.rules.workflows[data["workflow"]].ends_within)
        assert each.time <= latest, f"after the longest a run may last: {each}"
        match each.type:
            case fx.SEND_REQUESTED | fx.SEND_HELD_OUT:
                self._sent(each)
            case fx.SEND_DROPPED:
                self.dropped[run] += not data["template"].startswith("hand_off ")
            case fx.SUPPRESSED:
                self._stopped(each)
            case fx.HANDED_OFF:
                self._handed_off(each)
            case fx.STEP_HELD_OUT if "team" in data:
                self._counted(each, "marketing")
            case fx.ACCOUNT_CLOSING:
                self.closing[run] = (each.time, data["on"])
            case fx.ACCOUNT_CLOSED:
                self._closed(each)

    def _started(self, each: Effect) -> None:
        mine = self.open[each.customer]
        if each.data["mode"] == "live" and self._is_marketing(each):
            others = [one for one in mine.values() if one.data["mode"] == "live" and self._is_marketing(one)]
            assert not others, f"two marketing runs at a time: {each} beside {others}"
        mine[each.data["run"]] = each

    def _is_marketing(self, start: Effect) -> bool:
        return str(start.data["workflow"]) not in ("dead-addresses", "openers-without-clicks")  # no marketing

    def _sent(self, each: Effect) -> None:
        data = each.data
        run, purpose = data["run"], data["purpose"]
        self.sends[run].append(each)
        if data["asks"]:
            self.asked[each.effect_id] = each.time  # handed over at once
        if each.shadow:
            return
        if each.type == fx.SEND_REQUESTED:
            assert (each.customer, purpose) not in self.said_no, f"after a no: {each}"
            assert purpose == "service" or not self._is_quiet(each), f"in quiet hours: {each}"
        if data.get("offer"):
            self._offered(each)
        self._counted(each, purpose)

    def _is_quiet(self, each: Effect) -> bool:
        quiet = self.rules.lifecycle.quiet
        if quiet is None:
            return False
        clock = zone(each.data["customer"]["timezone"]).clock(each.time)
        begin, end = quiet[0] * MINUTE, quiet[1] * MINUTE
        return begin <= clock < end if begin < end else clock >= begin or clock < end

    def _offered(self, each: Effect) -> None:
        name, run = each.data["offer"]["name"], each.data["run"]
        runs = self.offers[each.customer, name]
        allowed = self.rules.offers[name].per_customer
        others = [at for other, at in runs.items() if other != run]
        if run not in runs and allowed is not None and len(others) >= allowed.count:
            assert allowed.length is not None, f"never again: {each}"
            free = self.zone.after(others[-allowed.count], allowed.length)
            assert each.time >= free - HOUR, f"the same offer too soon: {each}"
        runs.setdefault(run, each.time)

    def _handed_off(self, each: Effect) -> None:
        data = each.data
        if each.shadow:
            return
        self._counted(each, "marketing")
        given = self.tasks[data["team"]]
        given.append(each.time)
        for count, length in self._capacity(data["team"]):
            if len(given) > count:
                assert each.time >= self.zone.after(given[-1 - count], length), (
                    f"more than {count} per {length}: {each}"
                )

    def _capacity(self, team: str) -> Iterator[tuple[int, Length]]:
        for workflow in self.rules.workflows.values():
            for stage in workflow.stages:
                for step in stage.steps:
                    if isinstance(step, HandOff) and step.team == team and step.at_most is not None:
                        yield step.at_most

    def _closed(self, each: Effect) -> None:
        told = self.closing.get(each.data["run"])
        assert told is not None, f"closed without notice: {each}"
        at, day = told
        assert day is not None, f"closed though it was called off: {each}"
        steps = [step for stage in self.rules.workflows[each.data["workflow"]].stages for step in stage.steps]
        notice = next(step.notice for step in steps if isinstance(step, CloseAccount))
        assert each.time >= self.zone.after(at, notice) - HOUR, f"closed before its day: {each}"
        began = self.open[each.customer][each.data["run"]].time
        alive = [told for when, told in self.life[each.customer] if when >= began and at <= told < each.time]
        assert not alive, f"closed a living account: {each}"

    def _counted(self, each: Effect, purpose: str) -> None:
        if each.shadow:
            return
        before = self.released[each.customer]
        before.append((each.time, purpose))
        for cap in self.rules.lifecycle.caps:
            if cap.purpose == purpose:
                self._within(cap, [at for at, what in before if what == purpose], each)

    def _within(self, cap: Cap, times: list[Instant], each: Effect) -> None:
        if len(times) > cap.count:
            free = self.zone.after(times[-1 - cap.count], cap.length)  # their zone may change its clocks on another day
            assert each.time >= free - HOUR, f"more than {cap.count} per {cap.length}: {each}"

    def _stopped(self, each: Effect) -> None:
        run = each.data["run"]
        if not self.sends[run] and not self.dropped[run]:
            return
        questions = [one for one in self.sends[run] if one.effect_id in self.asked]
        assert any(self.zone.after(self.asked[one.effect_id], WEEK) <= each.time for one in questions), (
            f"stopped and never asked: {each}"
        )

    def overdue(self, now: Instant) -> list[Effect]:
        """The runs that should have ended long ago."""
        longest = max(each.ends_within.roughly for each in self.rules.workflows.values())
        return [one for mine in self.open.values() for one in mine.values() if one.time + longest + 2 * DAY < now]
