"""What a reading of files carries along: the problems so far, the names that must exist, the shop's own events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import structs

from engine.core.moments import Length
from engine.core.rules import OwnEvent
from engine.language.nodes import Node, Text
from engine.language.problems import Problem, Severity, Spot, did_you_mean, problem, shown


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a file that must belong to something: a template, an offer, a stage and so on."""

    to: str
    name: Text


@dataclass(frozen=True, slots=True)
class Look:
    """A field of an event that `where:` looks at and the record does not keep."""

    event: str
    field: Text


@dataclass(frozen=True, slots=True)
class LooksBack:
    """How far a condition looks back at an event that is kept for a time only; `at` is where that is written."""

    event: str
    within: Length | None
    at: Node
    counts: bool  # more than one of them must have happened


@dataclass(slots=True)
class Reading:
    """Collects what is found while files are read. `own_events` is None where events.yaml cannot be read.

    `worths` are where `worth: positive` is asked, `outcomes` those that conditions ask of other workflows, by the workflow's name.
    """

    own_events: Mapping[str, OwnEvent] | None = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    looks_back: list[LooksBack] = field(default_factory=list)
    worths: list[Node] = field(default_factory=list)
    outcomes: list[tuple[str, Text]] = field(default_factory=list)

    def error(self, at: Node | Spot, code: str, message: str, hint: str = "") -> None:
        """Note an error at a node."""
        self.problems.append(problem(at if isinstance(at, Spot) else at.spot, code, message, hint))

    def warn(self, at: Node | Spot, code: str, message: str, hint: str = "") -> None:
        """Note a warning at a node."""
        spot = at if isinstance(at, Spot) else at.spot
        self.problems.append(problem(spot, code, message, hint, Severity.WARNING))

    def unknown(self, name: Text, code: str, message: str, known: Iterable[str]) -> None:
        """Note that a name is not known, with the nearest one that is."""
        self.error(name, code, message, did_you_mean(name.value, known))

    def later(self, at: Node, what: str, instead: str = "") -> None:
        """Note that a part of the language is not there yet; clearer than calling it unknown."""
        self.error(at, "comes-later", f"{shown(what)} comes with a later version", instead or "leave it out for now")

    def inside(self, node: Node, *codes: str) -> bool:
        """Return whether a problem of one of these codes (any, where none is given) was found inside a node."""
        file, first, last = node.spot.file, node.spot.line, node.last_line
        return any(
            one.file == file and first <= one.line <= last and (not codes or one.code in codes) for one in self.problems
        )

    def hint_last(self, hint: str) -> None:
        """Give the last problem a hint, where it has none."""
        self.problems[-1] = structs.replace(self.problems[-1], hint=self.problems[-1].hint or hint)
