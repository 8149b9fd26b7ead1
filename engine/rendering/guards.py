"""What a condition of a template makes sure of: which variables are surely not empty where it came out true, or false."""

from __future__ import annotations

from typing import Final

from liquid.builtin.expressions import Nil, Path, StringLiteral
from liquid.builtin.expressions.logical import EqExpression, LogicalAndExpression, LogicalOrExpression, NeExpression
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.expression import Expression

Names = frozenset[str]
NOTHING: Final[Names] = frozenset()


def dotted(path: Path) -> str:
    """Return a variable as it is written: `offer.minimum_basket`."""
    return ".".join(str(segment) for segment in path.path)


def covers(asked: str, shown: str) -> bool:
    """Say whether asking for one variable asks for another: `offer` covers `offer.value`."""
    return asked == shown or shown.startswith(asked + ".")


def certain_when(condition: Expression, *, true: bool) -> Names:
    """Return the variables that are surely not empty where the condition came out true (or false)."""
    match condition:
        case Path():
            return frozenset((dotted(condition),)) if true else NOTHING
        case LogicalAndExpression() | LogicalOrExpression():
            left, right = certain_when(condition.left, true=true), certain_when(condition.right, true=true)
            both = isinstance(condition, LogicalAndExpression) is true
            return left | right if both else left & right
        case EqExpression() | NeExpression() if isinstance(condition.left, Path):
            nothing = is_nothing(condition.right)
            same = isinstance(condition, EqExpression) is true
            return frozenset((dotted(condition.left),)) if same is not nothing else NOTHING
    return NOTHING


def is_nothing(expression: Expression) -> bool:
    """Say whether an expression is written as nothing: nil, empty, blank or an empty text."""
    if isinstance(expression, StringLiteral):
        return not expression.value
    return isinstance(expression, Nil | Empty | Blank)
