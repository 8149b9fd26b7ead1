"""What a template shows, read from its syntax tree without rendering it.

Liquid's own analysis lists variables, but not whether they are shown in every case, or shown only where they are known.
This walk keeps both: `certain` is what a reader sees whatever the customer's data (a mention in both branches of an `if`,
or in one that only asks whether the thing itself is there), and `Blank` is a variable that can be empty where nothing
asked before. Partials are walked where they are rendered, with what was handed to them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from liquid import BoundTemplate
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, LoopExpression, Path
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError, TemplateNotFoundError
from liquid.expression import Expression
from liquid.token import Token

from engine.rendering.guards import NOTHING, Names, certain_when, covers, dotted, is_nothing
from engine.rendering.problems import RenderProblem
from engine.rendering.sandbox import DEPTH, Sandbox, where
from engine.rendering.templates import Templates
from engine.rendering.variables import VARIABLES


class Place(tuple[str, int, int]):
    """File, line and column, both from 1."""

    __slots__ = ()


@dataclass(frozen=True)
class Blank:
    """A variable that can be empty and is shown without a fallback."""

    variable: str
    place: Place


@dataclass
class Uses:
    """What one part of one translation uses. `certain` are the variables it shows whatever the customer's data."""

    certain: Names = NOTHING
    mentioned: set[str] = field(default_factory=set)
    unasked: set[str] = field(default_factory=set)  # roots and links shown where no `if` asks for them
    blanks: list[Blank] = field(default_factory=list)
    problems: list[RenderProblem] = field(default_factory=list)


@dataclass(frozen=True)
class _Local:
    """What a name of the template's own stands for: the variables in it, and whether it can be empty."""

    names: Names
    may_be_empty: bool


@dataclass(frozen=True)
class _Scope:
    """Where the walk is: the file, names of its own, what was asked for on the way here, and the partials around it."""

    file: str
    locals: dict[str, _Local]
    known: Names = NOTHING
    partials: tuple[str, ...] = ()

    def knowing(self, names: Iterable[str]) -> _Scope:
        return replace(self, known=self.known | frozenset(names))


def uses(template: BoundTemplate) -> Uses:
    """Return what a compiled template uses, its partials included. Each is walked once: it never changes."""
    if template not in _WALKED:
        walk = _Walk(template)
        walk.found.certain = walk.nodes(template.nodes, _Scope(template.name, {}))
        _WALKED[template] = walk.found
    return _WALKED[template]


_WALKED: WeakKeyDictionary[BoundTemplate, Uses] = WeakKeyDictionary()


def check(templates: Templates) -> list[RenderProblem]:
    """Return what is wrong with templates that compile: unknown variables, filters and partials, and circles of these."""
    problems = []
    for name in templates.names():
        for language in templates.languages(name):
            for template in templates.translation(name, language).parts.values():
                problems += uses(template).problems
    return problems


class _Walk:
    """One walk through one part of a template."""

    def __init__(self, template: BoundTemplate) -> None:
        assert isinstance(template.env, Sandbox), "templates are compiled by sandboxes alone"
        self.env = template.env
        self.found = Uses()

    def nodes(self, nodes: Sequence[Node], scope: _Scope) -> Names:
        """Walk nodes in order; return what they certainly show."""
        shown = NOTHING
        for node in nodes:
            shown |= self.visit(node, scope)
        return shown

    def visit(self, node: Node, scope: _Scope) -> Names:
        match node:
            case OutputNode():
                return self.output(node.expression, scope)
            case AssignNode():
                names = self.names(node.expression, scope)
                self._name(scope, node.name, _Local(names, self.may_be_empty(node.expression, scope)))
            case CaptureNode():
                inner = self.nodes(node.block.nodes, scope)
                self._name(scope, node.name, _Local(inner, may_be_empty=False))
            case IfNode() | UnlessNode():
                return self.branches(node, scope)
            case CaseNode():
                return self.case(node, scope)
            case ForNode():
                return self.loop(node, scope)
            case RenderNode():
                return self.partial(node, scope)
            case BlockNode():
                return self.nodes(node.nodes, scope)
            case CommentNode():
                pass
        return NOTHING

    # What is shown ---------------------------------------------------------------------------------------------------

    def output(self, expression: Expression, scope: _Scope) -> Names:
        names = self.names(expression, scope)
        if self.may_be_empty(expression, scope):
            path = expression.left if isinstance(expression, FilteredExpression) else expression
            self.found.blanks.append(Blank(str(path), self._place(scope, expression.token)))
        for name in names:
            root = name.partition(".")[0]
            subject = name if root == "links" else root
            if subject not in scope.known and name not in scope.known:
                self.found.unasked.add(subject)
        return names

    def names(self, expression: Expression, scope: _Scope) -> Names:
        """Return the variables an expression draws on; check that they and its filters exist."""
        if isinstance(expression, FilteredExpression):
            for used in expression.filters or ():
                if used.name not in self.env.filters:
                    self._unknown(scope, used.token, "filter", used.name, self.env.filters)
        found = NOTHING
        if isinstance(expression, Path):
            found = self._variable(expression, scope)
        for child in expression.children():
            found |= self.names(child, scope)
        return found

    def may_be_empty(self, expression: Expression, scope: _Scope) -> bool:
        """Say whether an expression can come to nothing: no `default` filter, and nobody asked before."""
        if isinstance(expression, FilteredExpression):
            if any(used.name == "default" for used in expression.filters or ()):
                return False
            return self.may_be_empty(expression.left, scope)
        if is_nothing(expression):
            return True
        if not isinstance(expression, Path):
            return False
        name, root = dotted(expression), str(expression.head())
        if name in scope.known:
            return False
        if root in scope.locals:
            return scope.locals[root].may_be_empty
        words = name.split(".")
        if words[:2] == ["customer", "attributes"]:
            return True
        variable = VARIABLES.get(root, {}).get(words[1]) if len(words) > 1 else None
        return variable is not None and variable.may_be_empty and len(words) == 2

    # Ways through a template -----------------------------------------------------------------------------------------

    def branches(self, node: IfNode | UnlessNode, scope: _Scope) -> Names:
        turned = isinstance(node, UnlessNode)
        asked = self._condition(node.condition, scope)
        first, rest = certain_when(asked, true=not turned), certain_when(asked, true=turned)
        shown = [self.nodes(node.consequence.nodes, scope.knowing(first))]
        # What only an `if` about itself keeps back is certain: where it is not shown, there is nothing to show.
        own = frozenset(name for name in shown[0] if first and all(covers(known, name) for known in first))
        for alternative in node.alternatives:
            asked = self._condition(alternative.expression, scope)
            inner = scope.knowing(rest | certain_when(asked, true=True))
            shown.append(self.nodes(alternative.block.nodes, inner))
            rest |= certain_when(asked, true=False)
        shown.append(self.nodes(node.default.nodes, scope.knowing(rest)) if node.default else NOTHING)
        return frozenset.intersection(*shown) | own

    def case(self, node: CaseNode, scope: _Scope) -> Names:
        self.names(node.expression, scope)
        known = {dotted(node.expression)} if isinstance(node.expression, Path) else NOTHING
        shown, otherwise = [], False
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                shown.append(self.nodes(block.block.nodes, scope.knowing(known)))
            else:
                otherwise = True
                shown.append(self.nodes(block.nodes, scope))
        return frozenset.intersection(*shown) if shown and otherwise else NOTHING

    def loop(self, node: ForNode, scope: _Scope) -> Names:
        expression = node.expression
        assert isinstance(expression, LoopExpression), "a for tag has a loop expression"
        over = self.names(expression, scope)
        inner = replace(scope, locals={**scope.locals, "forloop": _Local(NOTHING, may_be_empty=False)})
        self._name(inner, expression.identifier, _Local(over, may_be_empty=False))
        shown = self.nodes(node.block.nodes, inner)
        if node.default:
            self.nodes(node.default.nodes, scope)
        return shown & over

    def partial(self, node: RenderNode, scope: _Scope) -> Names:
        given: dict[str, _Local] = {}
        for argument in node.args:
            names = self.names(argument.value, scope)
            given[argument.name] = _Local(names, self.may_be_empty(argument.value, scope))
        if node.var is not None:
            given[str(node.alias or node.name)] = _Local(self.names(node.var, scope), may_be_empty=False)
        name = str(getattr(node.name, "value", node.name))
        try:
            partial = self.env.get_template(name)
        except TemplateNotFoundError:
            self._unknown(scope, node.name.token, "partial", name, self.env.partials.compiled)
            return NOTHING
        if name in scope.partials or len(scope.partials) >= DEPTH - 2:
            way = " > ".join((*scope.partials, name))
            self._problem(scope, node.name.token, "template-circle", f"a partial renders itself: {way}", "")
            return NOTHING
        known = scope.known - scope.locals.keys()  # a partial does not see this file's own names
        return self.nodes(partial.nodes, _Scope(partial.name, given, known, (*scope.partials, name)))

    # Small parts -----------------------------------------------------------------------------------------------------

    def _condition(self, expression: Expression, scope: _Scope) -> Expression:
        self.names(expression, scope)
        return expression.expression if isinstance(expression, BooleanExpression) else expression

    def _name(self, scope: _Scope, name: str, local: _Local) -> None:
        before = scope.locals.get(str(name))
        if before is not None:  # another branch may have named it: it can be either
            local = _Local(local.names | before.names, local.may_be_empty or before.may_be_empty)
        scope.locals[str(name)] = local

    def _variable(self, path: Path, scope: _Scope) -> Names:
        root, name = str(path.head()), dotted(path)
        if root in scope.locals:
            return scope.locals[root].names
        self.found.mentioned.add(name)
        words = name.split(".")
        if root == "values":
            return frozenset((name,))
        if root not in VARIABLES:
            self._unknown(scope, path.token, "variable", root, (*VARIABLES, "values", *scope.locals))
        elif len(words) > 1 and words[1] not in VARIABLES[root]:
            near = [f"{root}.{field}" for field in VARIABLES[root]]
            self._unknown(scope, path.token, "variable", ".".join(words[:2]), near)
        return frozenset((name,))

    def _unknown(self, scope: _Scope, token: Token, what: str, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(sorted(known))}"
        self._problem(scope, token, f"unknown-{what}", f"there is no {what} `{name}`", hint)

    def _problem(self, scope: _Scope, token: Token, code: str, message: str, hint: str) -> None:
        _, line, column = self._place(scope, token)
        self.found.problems.append(RenderProblem(scope.file, line, column, code, message, hint))

    def _place(self, scope: _Scope, token: Token) -> Place:
        return Place((scope.file, *where(LiquidError(token=token))))
