"""The back-test: a shop's history replayed through the core on a virtual clock, to see what would have been sent.

The same handling decides as in every other runtime. A history is taken as news, event by event at its own time, and
what is released counts as handed over at once. Two things are added: what the history does not tell is taken for
granted (permission, addresses), and pool codes are made up.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core import ids
from engine.core.customer import ASSUMED, Customer, Permission
from engine.core.effects import Effect
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, iso_day, zone
from engine.core.rulebook import Rules
from engine.core.rules import Mode, RuleSet, Standing, Switch
from engine.core.shop import Shop
from engine.core.signals import AnySignal, RulesChanged
from engine.insight.backtest import Report, encoded
from engine.insight.backtest_page import page
from engine.rendering import RenderError
from engine.runtimes.simulator.bodies import Completing
from engine.runtimes.simulator.notes import notes
from engine.runtimes.simulator.past import MOST_IN_MEMORY, Past, Progress
from engine.runtimes.simulator.store import MemoryStore
from engine.runtimes.simulator.story import Story
from engine.runtimes.simulator.tally import Tally
from engine.runtimes.simulator.world import World

CODES_AT_HAND: Final = 64
ASSUMED_DOMAIN: Final = "assumed.invalid"
_ALL_TIME: Final = 1 << 62
_PURPOSES: Final = ("marketing", "newsletter", "tracking")


class Setting(Struct, frozen=True, kw_only=True):
    """How a back-test is run. Instants are those of the shop's days that were named.

    Args:
        from_: events before it are facts only; the workflows go live then, and let in at their pace who fits already.
        until: events from it on are left out, and the clock stops there.
        strict: take a history without consents or addresses as it is.
        all_drafts: run drafts as if they were live.
        trace: the customer whose story is to be told.
        complete: adds bodies to sends, such as `bodies.completing` makes; None leaves them out.

    """

    from_: Instant | None = None
    until: Instant | None = None
    strict: bool = False
    all_drafts: bool = False
    trace: str = ""
    complete: Completing | None = None


def run_backtest(
    items: Iterable[Event | DeadLetter],
    rule_set: RuleSet,
    out: Path,
    setting: Setting | None = None,
    *,
    progress: Progress = lambda _what, _done, _of: None,
    most_in_memory: int = MOST_IN_MEMORY,
) -> Report:
    """Replay a history and write `effects.jsonl`, `report.json` and `report.html` into a folder.

    The effects are the same bytes whatever the order of the items, the machine or its time zone.

    Args:
        items: the history, in any order; what could not be read is counted and its reason told.
        rule_set: the checked workflows.
        out: the folder, made if it is not there.
        setting: how to run; None is as `winback simulate` without options.
        progress: told now and then how far it has come.
        most_in_memory: how many events are sorted in memory before a temporary file is used.

    Raises:
        OSError: the folder cannot be written.

    """
    began = time.perf_counter()
    setting = setting or Setting()
    out.mkdir(parents=True, exist_ok=True)
    past = Past(setting.until, most_in_memory=most_in_memory)
    past.gather(items, progress)
    with (out / "effects.jsonl").open("wb") as file, _few_collections():
        replay = _Replay(past, numbered(rule_set, all_drafts=setting.all_drafts), setting, file, progress)
        replay.run()
    report = replay.report()
    report.events_per_second = round(past.read / max(time.perf_counter() - began, 1e-6))
    (out / "report.json").write_bytes(encoded(report))
    (out / "report.html").write_text(page(report), encoding="utf-8")
    return report


def numbered(rule_set: RuleSet, *, all_drafts: bool) -> RuleSet:
    """Return the rules as a back-test runs them: every workflow is version 1; drafts are live if they are to run."""
    switches = {name: rule_set.switches.get(name, Switch()) for name in rule_set.workflows}
    if all_drafts:
        switches = {
            name: replace(each, mode=Mode.LIVE) if each.mode is Mode.DRAFT else each for name, each in switches.items()
        }
    workflows = {name: replace(each, version=1) for name, each in rule_set.workflows.items()}
    return replace(rule_set, workflows=workflows, switches=switches)


class _Replay:
    """One run of the virtual clock."""

    def __init__(self, past: Past, rule_set: RuleSet, setting: Setting, file: IO[bytes], progress: Progress) -> None:
        self.past, self.setting, self._write, self._progress = past, setting, file.write, progress
        self.zone = zone(rule_set.lifecycle.timezone)
        self.begin, self.end = self._span()
        live_since = 0 if setting.from_ is None else setting.from_
        self.rules = Rules(rule_set, Shop(epoch=1, live_since=live_since), key=_salt(rule_set))
        self.codes = _MadeUpCodes(self.rules)
        self.tally = Tally()
        self.story = Story(setting.trace, self.zone, lambda: self.rules) if setting.trace else None
        self.met: Instant = 0  # when somebody met while facts are taken in was met; later the clock says it
        self.history = self.replayed = self.unrendered = 0
        first_day = self.zone.day(self.begin)
        self.monday = first_day - self.zone.weekday(first_day)
        self.week_ends = self.zone.start(self.monday + 7)
        self.store = _Records(self._take, past, self.story)
        self.world = World(
            self.rules,
            newcomer=self._newcomer,
            history_after=None if not live_since else _ALL_TIME,
            store=self.store,
            distinct=True,  # the past leaves out repetitions
        )

    def _span(self) -> tuple[Instant, Instant]:
        """From the first event, or `from_`, to the end of the last event's day, or `until`."""
        past, setting = self.past, self.setting
        begin = max(past.first, setting.from_ or 0)
        end = self.zone.start(self.zone.day(max(past.last, begin)) + 1) if setting.until is None else setting.until
        return begin, max(begin, end)

    # What is taken for granted

    @property
    def grants_permission(self) -> bool:
        """Whether permission is taken for granted, since the history knows of no consent at all."""
        return not (self.setting.strict or self.past.knows_consent)

    @property
    def grants_addresses(self) -> bool:
        """Whether addresses are taken for granted, since the history knows of none."""
        return not (self.setting.strict or self.past.knows_addresses)

    def _newcomer(self, customer_id: str) -> Customer:
        since = self.met or self.world.now
        permission = {}
        if self.grants_permission:
            permission = {f"{purpose}/email": Permission(given=True, at=since, basis=ASSUMED) for purpose in _PURPOSES}
        profile = {"email": (f"{customer_id}@{ASSUMED_DOMAIN}", 0)} if self.grants_addresses else {}
        return Customer(customer_id, permission=permission, profile=profile)

    # The way through time

    def run(self) -> None:
        """Replay all there is."""
        world, events = self.world, iter(self.past)
        if self.setting.from_ is not None:
            events = self._take_facts(events, self.setting.from_)
        known_orders = world.play(self._by_week(events))
        self.past.duplicates += known_orders  # beside those found on the way, in one statement these would be lost
        if self.past.read:
            self._close_weeks(self.end)
            world.run_until(self.end)
        self.tally.close_week(self.store.standings)
        self._progress("replaying", self.past.read, self.past.read)

    def _take_facts(self, events: Iterator[Event], from_: Instant) -> Iterator[Event]:
        """Take in what lies before `from_` as an engine does that is given a history just before it goes live."""
        just_before = self.begin - 1
        world = self.world
        for event in events:
            if event.time >= from_:
                self._go_live()
                yield event
                break
            self.met = event.time
            status = world.take(event, just_before).status
            self.history += status == "accepted"
            self.past.duplicates += status == "duplicate"
            self.replayed += 1
            if not self.replayed % 10_000:
                self._tell_progress()
        else:
            self._go_live()
        yield from events

    def _go_live(self) -> None:
        """Close the reorder interval over the facts, and look at everybody anew: standings first, without a word."""
        self.met = 0
        world = self.world
        world.handling.sweeping.tell(world.store, RulesChanged(epoch=2), self.begin)
        self.rules.shop.last_history_at = 0  # it is all there: nothing to wait for

    def _by_week(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if event.time >= self.week_ends:
                self._close_weeks(event.time + 1)
            self.replayed += 1
            if not self.replayed % 10_000:
                self._tell_progress()
            yield event

    def _tell_progress(self) -> None:
        self._progress("replaying", self.replayed, self.past.read)

    def _close_weeks(self, now: Instant) -> None:
        """Let time pass to the end of each week that ended before `now`, and note how things stand there."""
        while self.week_ends < now:
            self.world.run_until(self.week_ends)
            self.tally.close_week(self.store.standings)
            self.week_ends = self.zone.start(self.monday + 7 * (self.tally.week + 1))

    def _take(self, effect: Effect) -> None:
        """Write one effect as a line, and count it."""
        if effect.shadow:
            effect = replace(effect, data={**effect.data, "shadow": True})
        if effect.type == fx.SEND_REQUESTED and self.setting.complete is not None:
            effect = self._completed(effect, self.setting.complete)
        self._write(fx.line(effect))
        self.tally.take(effect)
        if effect.type == fx.COUPON_ISSUED:
            self.codes.top_up(effect.data["name"])
        if self.story is not None and effect.customer == self.story.customer_id:
            self.story.effect(effect)

    def _completed(self, effect: Effect, complete: Completing) -> Effect:
        try:
            return complete(effect, self.world.store.customers[effect.customer], self.rules)
        except RenderError as error:
            self.unrendered += 1
            return replace(effect, data={**effect.data, "not_rendered": str(error)})

    # The end

    def report(self) -> Report:
        """Return the figures."""
        past, lifecycle = self.past, self.rules.lifecycle
        first, last = self.zone.day(self.begin), self.zone.day(max(self.begin, self.end - 1))
        report = Report(
            events=past.read - past.duplicates,
            duplicates=past.duplicates,
            history=self.history,
            left_out=past.left_out,
            dead_letters=past.dead_letters,
            timezone=lifecycle.timezone,
            currency=lifecycle.currency,
        )
        if past.read:
            report.first_day, report.last_day, report.days = iso_day(first), iso_day(last), last - first + 1
        workflows = self.rules.in_order
        self.tally.fill(report, self.world.store.customers.values(), workflows, self.monday)
        lengths = {each.name: self.world.store.line_length(each.name) for each in workflows}
        report.waiting = {name: length for name, length in lengths.items() if length}
        report.notes = list(
            notes(
                report,
                past,
                self.rules,
                from_day="" if self.setting.from_ is None else iso_day(first),
                grants_permission=self.grants_permission,
                grants_addresses=self.grants_addresses,
                makes_up_codes=bool(self.codes),
                unrendered=self.unrendered,
            )
        )
        if self.story is not None:
            report.story = self.story.lines
            report.story_as_scenarios = list(self.story.again.told(self.rules.rule_set, self.end))
        return report


class _Records(MemoryStore):
    """The records of a back-test, counted by standing; who is gone is in none."""

    def __init__(self, sink: Callable[[Effect], None], past: Past, story: Story | None) -> None:
        super().__init__(sink)
        self.standings: Counter[Standing] = Counter()
        self._past, self._story = past, story

    def save(self, before: Customer | None, after: Customer) -> None:
        """Keep the record, and count it where it is now."""
        if before is None or before.standing is not after.standing or after.gone:
            if before is not None and not before.gone:
                self.standings[before.standing] -= 1
            if not after.gone:
                self.standings[after.standing] += 1
        super().save(before, after)
        if self._story is not None and after.id == self._story.customer_id:
            self._story.again.saved(before, after)

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:  # noqa: ARG002 - the port's arguments
        """Keep the signals of the customer whose story is told."""
        if self._story is not None and customer_id == self._story.customer_id:
            self._story.signal(signal)

    def bury(self, letter: DeadLetter, now: Instant) -> bool:  # noqa: ARG002 - the port's arguments
        """Count a dead letter beside those that could not be read."""
        self._past.bury(letter)
        return True


class _MadeUpCodes:
    """Pool codes for a shop of the past, made from the experiment's salt: the same ones anywhere, and never too few."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        offers = [offer for each in rules.in_order for offer in each.offers.values() if offer.codes == "pool"]
        self._made = dict.fromkeys((offer.name for offer in offers), 0)
        for name in self._made:
            self.top_up(name)

    def __bool__(self) -> bool:
        return bool(self._made)

    def top_up(self, name: str) -> None:
        """Make more codes before the last ones are given out; the last of the list is the next."""
        if name not in self._made:
            return
        at_hand = self._rules.shop.codes.setdefault(name, [])
        missing = CODES_AT_HAND - len(at_hand)
        if missing < CODES_AT_HAND // 2:
            return
        begin = self._made[name]
        new = [ids.code(self._rules.key, f"pool {number}", name) for number in range(begin, begin + missing)]
        self._made[name] += missing
        at_hand[:0] = reversed(new)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Keep the garbage collector from walking a history that holds no cycles, over and over."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _salt(rule_set: RuleSet) -> bytes:
    return rule_set.lifecycle.experiment_salt.encode()
