"""Making a plan: the differences by meaning, who stands where, who would enter, how fast, and at what cost at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from engine.books.database import Where
from engine.core.customer import Run
from engine.core.moments import Instant, rfc3339, zone
from engine.core.moving import MOVE, landing
from engine.core.rules import Mode, Workflow
from engine.handling.sweeping import SETTLING
from engine.insight import differences
from engine.insight.foresight import Seen
from engine.insight.plan import Change, Landing, Plan
from engine.insight.wording import place_in_words
from engine.language.files import Checked
from engine.wiring import applying
from engine.wiring.in_force import is_same
from engine.wiring.planning.approving import EVENTS, LIFECYCLE, TEMPLATES, further
from engine.wiring.planning.figures import AT_ONCE, PACED, entry, money, with_figures
from engine.wiring.planning.ground import Ground, Place, ground_of
from engine.wiring.planning.lines import Entering, Line, let_in
from engine.wiring.planning.looking import Search, Tell, look_at_all
from engine.wiring.planning.sides import (
    Side,
    changes_standings_alone,
    changes_who_fits,
    digest_of,
    in_force_now,
    to_come,
)


def plan_of(
    where: Where,
    checked: Checked,
    *,
    now: Instant,
    who: str,
    moves: Mapping[str, str] | None = None,
    tell: Tell | None = None,
) -> Plan:
    """Return what putting a checked set in force now would mean: see `engine.insight.plan`.

    It opens the books for reading, whether an engine runs on it or not, and takes seconds with a million customers:
    call it off the event loop.

    Args:
        where: where the books are; before the first start there are no rules in force, and no customers.
        checked: a set without errors.
        now: the instant at which it would be applied.
        who: who asks.
        moves: what becomes of runs under way, by workflow: pin, move or exit.
        tell: hears of the progress.

    Raises:
        DatabaseError: the database cannot be read.

    """
    said = dict(moves or {})
    before, accepted = in_force_now(where)
    now = max(now, accepted)
    after = to_come(where, before, checked, now, said)
    planning = _Planning(where, before, after, ground_of(where), now, said, tell)
    return Plan(
        at=rfc3339(now),
        who=who,
        epoch=before.rules.shop.epoch,
        applied=before.applied,
        digest=digest_of(checked),
        customers=planning.ground.customers,
        changes=tuple(planning.changes()),
        standings=planning.standings(),
        moves=said,
    )


class _Planning:
    """One plan in the making."""

    def __init__(
        self,
        where: Where,
        before: Side,
        after: Side,
        ground: Ground,
        now: Instant,
        moves: Mapping[str, str],
        tell: Tell | None,
    ) -> None:
        self.where, self.before, self.after, self.ground = where, before, after, ground
        self.now, self.moves = now, moves
        self.there = zone(after.rules.lifecycle.timezone)
        self.standings_may_change = changes_who_fits(before.rules.lifecycle, after.rules.lifecycle)
        was, is_, differ = before.rules.rule_set, after.rules.rule_set, not is_same(before.kept, after.kept)
        self.found = applying.changes(was, is_, templates_differ=differ, moves=moves)
        self.further = further(was, is_, moves, templates_differ=differ)
        self.seen = self._look({each.workflow for each in self.found if each.workflow}, tell)
        self.begins = self._begins()
        self.entering = self._enter()

    def changes(self) -> Iterator[Change]:
        """Yield what changes, workflow by workflow, then for all of them."""
        for each in self.found:
            if each.workflow:
                yield self._of_workflow(each)
        yield from self._of_the_rest({each.workflow for each in self.found})
        for each in self.found:
            if not each.workflow:
                yield self._of_all(each.effect)

    def standings(self) -> dict[str, int]:
        """Return how many standings the edit changes; what time alone has yet to change is none of its doing."""
        return dict(sorted(self.seen.standings.items())) if self.standings_may_change else {}

    # Looking ---------------------------------------------------------------------------------------------------------

    def _look(self, changed: set[str], tell: Tell | None) -> Seen:
        """Look at whoever the changed workflows concern; where standings may change, at everybody and all workflows."""
        rules, everybody = self.after.rules, self.standings_may_change
        workflows = rules.rule_set.workflows
        looked_at = {name: each for name, each in workflows.items() if everybody or name in changed}
        on = any(rules.switch(name).mode is not Mode.DRAFT for name in looked_at)
        moved = tuple(sorted(name for name, how in self.moves.items() if how == MOVE))
        if not self.ground.customers or not (on or everybody or moved):
            return Seen()
        sweeping = self.before.rules.shop.sweep is not None  # some are still as the rules before these left them
        search = Search(
            rules=replace(rules.rule_set, workflows=looked_at),
            shop=rules.shop,
            now=self.now,
            everybody=everybody or sweeping,
            judged_otherwise=not changed and not sweeping and self._standings_alone(),
            enter=on or everybody,
            moved=moved,
        )
        return look_at_all(self.where, search, tell)

    def _standings_alone(self) -> bool:
        return changes_standings_alone(self.before.rules.lifecycle, self.after.rules.lifecycle)

    def _begins(self) -> Instant | None:
        """Return when the first may be let in: after the warm-up, and when history has settled; None: nobody knows."""
        lifecycle, shop = self.after.rules.lifecycle, self.after.rules.shop
        settled = max(self.now, shop.last_history_at + SETTLING if shop.last_history_at else 0)
        if lifecycle.warm_up is None:
            return settled
        if shop.known_since is None:
            return None
        return max(settled, self.there.after(shop.known_since, lifecycle.warm_up))

    def _enter(self) -> Mapping[str, Entering]:
        """Let in all who would stand in line; those of workflows that do not change compete for the one place."""
        rules = self.after.rules
        lines = []
        for workflow in rules.in_order if self.begins is not None else ():
            name, switch = workflow.name, rules.switch(workflow.name)
            places = sorted(self.seen.lines[name]) if name in self.seen.lines else self.ground.lines.get(name, [])
            if entry(switch, len(places)) in (AT_ONCE, PACED):
                takes = name in rules.takes_the_place and switch.mode is Mode.LIVE
                lines.append(Line(name, places, switch.enter_at_most, rules.shop.paces.get(name), takes))
        return let_in(lines, self.begins or self.now, self.there)

    # Telling ---------------------------------------------------------------------------------------------------------

    def _of_workflow(self, change: applying.Change) -> Change:
        name = change.workflow
        was, is_ = (side.rules.rule_set.workflows.get(name) for side in (self.before, self.after))
        switched = self.before.rules.switch(name), self.after.rules.switch(name)
        move, waiting = self.moves.get(name, ""), self._waiting(name)
        told = Change(
            workflow=name,
            source=change.source,
            to=is_.version if is_ is not None else None,
            effect=change.effect,
            mode=switched[1].mode.value if is_ is not None else "",
            differences=differences.of_workflow(was, is_, switched),
            waiting=waiting,
            landings=self._landings(name, was, is_),
            move=move,
            needs_a_word=is_ is None and bool(waiting) and not move,
            in_line=len(self.ground.lines.get(name, ())),
            offer_cost_at_most=money(0, self.after.rules.lifecycle.currency),
            reaches_further=self.further.get(name, ()),
        )
        if is_ is None or switched[1].mode is Mode.DRAFT:
            return told
        line = self.seen.lines.get(name, [])
        how, today = entry(switched[1], len(line)), self.there.day(self.now)
        return with_figures(told, is_, line, self.entering.get(name), how, today, self.after.rules.lifecycle)

    def _of_the_rest(self, changed: set[str]) -> Iterator[Change]:
        """Yield the workflows that are as they were, and that others fit by what lifecycle.yaml says now."""
        for workflow in self.after.rules.in_order if self.standings_may_change else ():
            name = workflow.name
            then, there = (lines.get(name, ()) for lines in (self.seen.lines, self.ground.lines))
            if name not in changed and {each.customer for each in then} != {each.customer for each in there}:
                effect = "as it was; others fit by lifecycle.yaml"
                yield self._of_workflow(applying.Change(name, workflow.version, workflow.version, effect))

    def _of_all(self, effect: str) -> Change:
        was, is_ = self.before.rules.rule_set, self.after.rules.rule_set
        what = effect.partition(" change")[0]
        kept, mine = self.before.kept, self.after.kept
        differing = {
            LIFECYCLE: lambda: differences.of_lifecycle(was.lifecycle, is_.lifecycle),
            EVENTS: lambda: differences.of_own_events(was.own_events, is_.own_events),
            TEMPLATES: lambda: (
                *differences.of_templates(kept.sources, mine.sources),
                *differences.of_brand(kept.brand, mine.brand),
            ),
        }[what]()
        free = money(0, is_.lifecycle.currency)
        further = self.further.get(what, ())
        return Change("", None, None, effect, differences=differing, offer_cost_at_most=free, reaches_further=further)

    # Who is under way ------------------------------------------------------------------------------------------------

    def _waiting(self, name: str) -> dict[str, int]:
        """Return how many runs of a workflow stand at each step, in the words of the version they are on."""
        found: Counter[str] = Counter()
        for place, runs in self._places(name):
            found[self._in_words(place)] += runs
        return dict(found)

    def _landings(self, name: str, was: Workflow | None, is_: Workflow | None) -> tuple[Landing, ...]:
        """Return where the runs of a workflow would land in its new version, were they told to move."""
        if was is None or is_ is None:
            return ()
        found: Counter[tuple[str, str | None]] = Counter()
        for place, runs in self._places(name):
            if place.version != is_.version:
                found[self._in_words(place), self._landed(place, is_)] += runs
        due = self.seen.due_at_once if self.moves.get(name) == MOVE else None
        return tuple(
            Landing(step, to, runs, None if due is None else due[name, step]) for (step, to), runs in found.items()
        )

    def _landed(self, place: Place, new: Workflow) -> str | None:
        run = Run("", place.workflow, place.version, Mode.LIVE, False, 0, 0, place.stage, place.step)
        landed = landing(run, self.before.rules.version(place.workflow, place.version), new)
        return None if landed is None else place_in_words(new, landed.stage, landed.step)

    def _places(self, name: str) -> list[tuple[Place, int]]:
        """Return where runs of a workflow stand, the newest version first, in the order of its stages."""
        places = [(place, runs) for place, runs in self.ground.runs.items() if place.workflow == name]
        return sorted(places, key=lambda each: (-each[0].version, self._nth(each[0])))

    def _nth(self, place: Place) -> tuple[int, int]:
        stages = [stage.name for stage in self.before.rules.version(place.workflow, place.version).stages]
        return stages.index(place.stage), place.step

    def _in_words(self, place: Place) -> str:
        return place_in_words(self.before.rules.version(place.workflow, place.version), place.stage, place.step)
