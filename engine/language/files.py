"""A set of files read together: into rules, or a list of all problems of all of them. Pure: it is given their texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs

from engine.core.rules import Lifecycle, Offer, OwnEvent, RuleSet, Workflow, sends_of
from engine.core.source_topics import SourceTopic
from engine.language import nodes
from engine.language.checks import heard, kept, last_chances, references, stages, stops, templates, unsubscribes
from engine.language.checks import offers as offer_checks
from engine.language.checks.templates import TemplateFacts
from engine.language.checks.ways import shape_is_clear
from engine.language.connectors import CONNECTORS
from engine.language.forms import Form
from engine.language.kinds import BAD
from engine.language.lifecycle import LIFECYCLE
from engine.language.occasions import OCCASIONS
from engine.language.offers import OFFERS, OfferDraft
from engine.language.own_events import OWN_EVENTS
from engine.language.problems import Problem, Severity, Spot, problem, shown
from engine.language.reading import Reading
from engine.language.scenario_files import SCENARIOS, ScenariosDraft
from engine.language.scenarios import ScenarioFile
from engine.language.shop import brand_of
from engine.language.workflows import WORKFLOW, WorkflowDraft
from engine.rendering import RenderProblem, Templates, template_facts
from engine.rendering.brand import PLACEHOLDER, Brand
from engine.rendering.loading import SHARED

ENDING = ".yaml"
SCENARIOS_ENDING = ".scenarios.yaml"
SHARED_FILES = ("lifecycle.yaml", "offers.yaml", "events.yaml", "occasions.yaml")
"""What every workflow is read and played with."""

CONNECTORS_FILE = "connectors.yaml"
SPECIAL = (*SHARED_FILES, "shop.yaml", CONNECTORS_FILE)

OUTCOMES = ("left", "moved_out", "gone", "mistaken", "not_asked", "too_long", "account_kept")
"""How the engine itself ends runs, beside the `end:` of their stages."""

Files = Mapping[str, bytes | str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a folder. `rules` is None where there is an error; `sources` are the texts that problems point into.

    `brand` and `templates` are what messages are made with; `scenarios` are there for whoever plays them, under the
    workflows of `playable`: those without an error in their own file, so that one broken file does not hide what the
    scenarios of another contradict. It is None where a file that all share is broken.
    """

    rules: RuleSet | None
    problems: tuple[Problem, ...]
    scenarios: tuple[ScenarioFile, ...] = ()
    brand: Brand = PLACEHOLDER
    templates: Templates | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    playable: RuleSet | None = None
    connectors: Mapping[str, SourceTopic] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the set."""
        return tuple(one for one in self.problems if one.severity is Severity.ERROR)

    def with_problems(self, more: Iterable[Problem]) -> Checked:
        """Return this with more problems, such as those of scenarios that were played; an error takes the rules away."""
        problems = tuple(sorted({*self.problems, *more}, key=lambda one: one.place))
        refused = any(one.severity is Severity.ERROR for one in problems)
        return replace(self, rules=None if refused else self.rules, problems=problems)


def read_files(
    files: Files,
    root: str = "",
    load: Callable[[str], tuple[Templates, list[RenderProblem]]] | None = None,
    facts: Mapping[str, TemplateFacts] | None = None,
) -> Checked:
    """Check a set of files, given as name and content. Pure but for `load`, which gets the shop's language.

    Templates are known by `load`, or by their `facts`; with neither, nothing is said about them.
    """
    return _Folder(files, root).checked(load, facts)


class _Folder:
    """One reading of a set of files."""

    def __init__(self, files: Files, root: str) -> None:
        self.reading = Reading()
        self.sources: dict[str, str] = {}
        self.trees: dict[str, nodes.Mapping | None] = {}
        self.root = root
        for name, raw in sorted(files.items()):
            self._parse(name, raw)
        self.workflow_files = [name for name in self.trees if _is_workflow(name)]

    def checked(
        self,
        load: Callable[[str], tuple[Templates, list[RenderProblem]]] | None,
        facts: Mapping[str, TemplateFacts] | None,
    ) -> Checked:
        """Read all files, then check what they mean."""
        reading = self.reading
        own = self._read("events.yaml", OWN_EVENTS, {})
        reading.own_events = None if own is BAD else own
        connectors = self._read(CONNECTORS_FILE, CONNECTORS, {})
        lifecycle = self._read("lifecycle.yaml", LIFECYCLE, Lifecycle())
        occasions = self._read("occasions.yaml", OCCASIONS, {})
        offers = self._read("offers.yaml", OFFERS, {})
        brand = self._brand()
        drafts = {name: self._read(name, WORKFLOW, BAD) for name in self.workflow_files}
        played = {name: self._read(name, SCENARIOS, BAD) for name in self.trees if name.endswith(SCENARIOS_ENDING)}

        templates_loaded: Templates | None = None
        sound: Mapping[str, TemplateFacts] = facts or {}
        if load is not None:
            templates_loaded, wrong = load(brand.language)
            self._take_template_problems(wrong)
            facts = _Facts(templates_loaded, templates_loaded.names())
            sound = _Facts(templates_loaded, _sound(templates_loaded, wrong))
            self.sources |= {self._template(path): text for path, text in templates_loaded.sources.items()}
        self._check_references(facts)
        good_drafts = {name: draft for name, draft in drafts.items() if isinstance(draft, WorkflowDraft)}
        self._check_names(good_drafts, played)
        known_lifecycle = lifecycle if isinstance(lifecycle, Lifecycle) else None
        known_offers: dict[str, OfferDraft] = offers if isinstance(offers, dict) else {}
        for draft in good_drafts.values():
            self._check_meaning(draft, known_lifecycle, known_offers, sound)
        if known_lifecycle is not None:
            offer_checks.check_worth(known_lifecycle, reading)
        offer_checks.check_circles(known_offers, reading)
        if len(good_drafts) == len(drafts):
            offer_checks.check_never_made(good_drafts.values(), known_offers, reading)

        problems = tuple(sorted(set(reading.problems), key=lambda one: one.place))
        broken = {one.file for one in problems if one.severity is Severity.ERROR}
        playable = None
        if broken.isdisjoint(map(self._spelled, SHARED_FILES)):
            live = structs.replace(known_lifecycle or Lifecycle(), occasions=occasions)
            whole = {name: draft for name, draft in good_drafts.items() if self._spelled(name) not in broken}
            playable = _rule_set(live, whole, self._spelled, known_offers, reading.own_events)
        files = [
            _scenario_file(self._spelled(name), each)
            for name, each in played.items()
            if isinstance(each, ScenariosDraft) and self._spelled(name) not in broken
        ]
        rules = None if broken else playable
        topics = connectors if isinstance(connectors, dict) else {}
        return Checked(rules, problems, tuple(files), brand, templates_loaded, self.sources, playable, topics)

    def _spelled(self, name: str) -> str:
        """Return a file's name as problems have it: relative to where winback was started."""
        return f"{self.root}/{name}" if self.root else name

    def _template(self, path: str) -> str:
        return self._spelled(f"templates/{path}")

    def _parse(self, name: str, raw: bytes | str) -> None:
        file = self._spelled(name)
        if name.endswith(".yml"):
            message, hint = f"files of workflows end in {ENDING}", f"call it {name.removesuffix('.yml')}{ENDING}"
            self.reading.error(Spot(file, 1, 1), "file-name", message, hint)
            return
        text, problems = nodes.decoded(file, raw)
        self.sources[file] = text
        root = None
        if not problems:
            root, problems = nodes.tree(file, text)
        self.reading.problems += problems
        self.trees[name] = root

    def _read(self, name: str, form: Form, absent: Any) -> Any:
        """Return what a file holds, `absent` where there is no such file, BAD where it cannot be read."""
        if name not in self.trees:
            return absent
        root = self.trees[name]
        return BAD if root is None else form.read(root, self.reading)

    def _brand(self) -> Brand:
        root = self.trees.get("shop.yaml")
        return PLACEHOLDER if root is None else brand_of(root, self.reading)

    def _take_template_problems(self, wrong: Iterable[RenderProblem]) -> None:
        for one in wrong:
            spot = Spot(self._template(one.file), max(1, one.line), max(1, one.column))
            self.reading.problems.append(problem(spot, "template-broken", one.message, one.hint))

    def _check_references(self, facts: Mapping[str, TemplateFacts] | None) -> None:
        known = {
            "template": facts,
            "offer": self._names_in("offers"),
            "occasion": self._names_in("occasions"),
            "workflow": {file.removesuffix(ENDING) for file in self.workflow_files},
        }
        stage_names = {
            self._spelled(name): names
            for name in self.workflow_files
            if (names := _names_under(self.trees[name], "stages")) is not None
        }
        references.check(self.reading, known, stage_names)
        ends = {file.removesuffix(ENDING): _ends_in(self.trees[file]) for file in self.workflow_files}
        references.check_outcomes(self.reading, ends)

    def _names_in(self, what: str) -> set[str] | None:
        """Return the names in `WHAT.yaml`: none where there is no such file, None where they cannot be known."""
        file = f"{what}{ENDING}"
        return _names_under(self.trees[file], what) if file in self.trees else set()

    def _check_names(self, drafts: Mapping[str, WorkflowDraft], played: Mapping[str, Any]) -> None:
        """A workflow's file bears its name, and scenarios are about a workflow that is there."""
        for file, draft in drafts.items():
            self._check_stem(file.removesuffix(ENDING), draft.fields.nodes.get("workflow"), draft.workflow.name, ENDING)
        there = {file.removesuffix(ENDING) for file in self.workflow_files}
        for file, each in played.items():
            name = each.workflow if isinstance(each, ScenariosDraft) else None
            if name is not None and name.value not in there:
                self.reading.unknown(name, "unknown-workflow", f"no workflow is named {shown(name.value)}", there)
            elif name is not None:
                self._check_stem(file.removesuffix(SCENARIOS_ENDING), name, name.value, SCENARIOS_ENDING)

    def _check_stem(self, stem: str, node: nodes.Node | None, name: str, ending: str) -> None:
        if node is not None and name and name != stem:
            message = f"the file is called {stem}{ending}, and it names the workflow {shown(name)}"
            self.reading.error(node, "file-name", message, f"write {shown(stem)}, or call the file {name}{ending}")

    def _check_meaning(
        self,
        draft: WorkflowDraft,
        lifecycle: Lifecycle | None,
        offers: Mapping[str, OfferDraft],
        facts: Mapping[str, TemplateFacts],
    ) -> None:
        reading = self.reading
        unsubscribes.check(draft, reading)
        kept.check(draft, reading)
        heard.check(draft, reading)
        if lifecycle is not None:
            templates.check_service(draft, lifecycle, reading)
            kept.check_how_long(draft, lifecycle, reading)
        made = {key: each.offer for key, each in offers.items()}
        templates.check(draft, facts, made, reading)
        templates.check_blanks(draft, facts, self._template, reading)
        stages_node = draft.fields.nodes.get("stages")
        if stages_node is None:
            return
        inside = [(one.code, one.hint) for one in reading.problems if _is_inside(one, stages_node)]
        if shape_is_clear(draft, inside):
            stages.check(draft, reading)
            stops.check(draft, reading)
            last_chances.check(draft, facts, made, reading)
            if not any(code == "bad-length" for code, _ in inside):
                offer_checks.check(draft, offers, reading)


class _Facts(Mapping[str, TemplateFacts]):
    """The facts about some templates, each worked out when it is asked for."""

    def __init__(self, loaded: Templates, names: Iterable[str]) -> None:
        self._loaded = loaded
        self._names = frozenset(names)
        self._known: dict[str, TemplateFacts] = {}

    def __getitem__(self, name: str) -> TemplateFacts:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = template_facts(self._loaded, name)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


def _sound(loaded: Templates, wrong: Iterable[RenderProblem]) -> Iterator[str]:
    """Yield the templates of which facts can be told: those without a problem, in them or in what all share."""
    broken = {one.file.partition("/")[0] for one in wrong}
    if SHARED not in broken:
        yield from (name for name in loaded.names() if name not in broken)


def _is_workflow(name: str) -> bool:
    return name not in SPECIAL and not name.endswith(SCENARIOS_ENDING)


def _is_inside(one: Problem, node: nodes.Node) -> bool:
    return one.file == node.spot.file and node.spot.line <= one.line <= node.last_line


def _names_under(root: nodes.Mapping | None, key: str) -> set[str] | None:
    """Return the names under a key of a file, also of entries that are bad; None where they cannot be known."""
    entry = root.entry(key) if root is not None else None
    if entry is None or not isinstance(entry[1], nodes.Mapping):
        return None
    return {name.value for name, _ in entry[1].entries}


def _ends_in(root: nodes.Mapping | None) -> set[str] | None:
    """Return the outcomes that runs of a workflow's file can have; None where they cannot be known."""
    entry = root.entry("stages") if root is not None else None
    if entry is None or not isinstance(entry[1], nodes.Mapping):
        return None
    ends = (stage.entry("end") for _, stage in entry[1].entries if isinstance(stage, nodes.Mapping))
    return {*OUTCOMES, *(end[1].value for end in ends if end is not None and isinstance(end[1], nodes.Text))}


def _scenario_file(file: str, draft: ScenariosDraft) -> ScenarioFile:
    return ScenarioFile(file, draft.workflow.value if draft.workflow else "", draft.scenarios)


def _rule_set(
    lifecycle: Lifecycle,
    drafts: Mapping[str, WorkflowDraft],
    spelled: Callable[[str], str],
    offers: Mapping[str, OfferDraft],
    own_events: Mapping[str, OwnEvent] | None,
) -> RuleSet:
    all_offers = {name: each.offer for name, each in offers.items()}
    workflows = {
        draft.workflow.name: structs.replace(
            draft.workflow, file=spelled(file), offers=_offers_of(draft.workflow, all_offers)
        )
        for file, draft in drafts.items()
    }
    return RuleSet(
        lifecycle=lifecycle,
        workflows=workflows,
        switches={draft.workflow.name: draft.switch for draft in drafts.values()},
        offers=all_offers,
        own_events=dict(own_events or {}),
    )


def _offers_of(workflow: Workflow, offers: Mapping[str, Offer]) -> dict[str, Offer]:
    """The offers a workflow's steps name, and those that must come before them."""
    sends = (send for stage in workflow.stages for step in stage.steps for send in sends_of(step))
    waiting = [send.offer for send in sends if send.offer]
    found: dict[str, Offer] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = offers[name]
            waiting += [offers[name].after] if offers[name].after else []
    return dict(sorted(found.items()))
