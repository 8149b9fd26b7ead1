"""`choose:`, the step that sends what fits: branches by cause, by a customer field, or by what was learned."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from engine.core.causes import CAUSES
from engine.core.rules import Branch, Choose, Send
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Key, Kind, value_of
from engine.language.nodes import Node, Text
from engine.language.problems import did_you_mean, one_of, shown
from engine.language.reading import Reading
from engine.language.scalars import CAUSE, NAME, PLAIN, Scalar, Word
from engine.language.shapes import Either
from engine.language.vocabulary import FIELD_NAMES, field_kind, field_reader

CAUSE_OF_LEAVING, LEARNING, NOTHING = "cause", "learning", "nothing"
_BOUNDS = ("at_least", "at_most")
_COMPARED = ("number", "money", "day")


@dataclass(frozen=True, slots=True)
class Sending:
    """A send that a step may make, and the keys it was read from: checks point at them."""

    send: Send
    fields: Fields


@dataclass(frozen=True, slots=True)
class Choice:
    """A `choose:` as it was read, and each of its sends."""

    step: Choose
    sends: tuple[Sending, ...]


class _BranchOf(Either):
    """What a branch sends, or the word `nothing`."""

    def read(self, node: Node, reading: Reading) -> Any:
        """Read a send or the word; a template alone is what people try first."""
        if isinstance(node, Text) and node.value != NOTHING:
            message = f"a branch holds a send, or the word nothing, not {shown(node.value)}"
            reading.error(node, "wrong-form", message, f"write {{send: {node.value}}}")
            return BAD
        return super().read(node, reading)


def choice_form(send: Form) -> Form:
    """Return the form of what stands under `choose:`; `send` is the form of a branch's send."""
    branch = _BranchOf(Word({NOTHING: NOTHING}), send)
    return Form(
        "the choice",
        "By what the branch is chosen, and the branches.",
        (
            Key(
                "by",
                replace(PLAIN, says="cause, learning, or a customer field"),
                "cause, a customer field, or learning.",
                required=True,
            ),
            Key("otherwise", branch, "What is sent when no branch fits; or nothing."),
        ),
        build=lambda fields, reading: _choice(fields, branch, reading),
        example="{by: cause, price: {send: TEMPLATE}, otherwise: nothing}",
        others=Key(
            "VALUE",
            branch,
            "What is sent to whom this value fits, or nothing; the first that fits is taken. "
            "Numbers, money and days may be written `at_least 200 EUR` or `at_most 3`.",
        ),
    )


def _choice(fields: Fields, branch: Kind, reading: Reading) -> Any:
    by = fields.nodes.get("by")
    if not isinstance(by, Text) or by.empty or not _can_choose_by(by, reading):
        return BAD
    made: list[tuple[Text, Branch, Sending | None]] = []
    for name, value in fields.others:
        test = _test(by.value, name, reading)
        read = value_of(Key(name.value, branch, ""), name, value, reading)
        if read is not BAD and test is not BAD:
            send = read if isinstance(read, Sending) else None
            made.append((name, Branch(name=name.value, send=send.send if send else None, **test), send))
    otherwise = fields.get("otherwise")
    _branches_are_fine(fields, by, reading)
    last = otherwise if isinstance(otherwise, Sending) else None
    step = Choose(
        key="",
        line=fields.line,
        by=by.value,
        branches=tuple(each for _, each, _ in made),
        otherwise=last.send if last else None,
    )
    if by.value != LEARNING:
        _none_is_hidden([(name, each) for name, each, _ in made], reading)
    return Choice(step, tuple(send for send in (*(send for *_, send in made), last) if send is not None))


def _can_choose_by(by: Text, reading: Reading) -> bool:
    if by.value in (CAUSE_OF_LEAVING, LEARNING) or field_kind(by.value) is not None:
        return True
    message = f"a customer has no field {shown(by.value)}"
    reading.unknown(by, "unknown-field", message, [CAUSE_OF_LEAVING, LEARNING, *FIELD_NAMES])
    reading.hint_last("write cause, learning, or a field of the customer")
    return False


def _test(by: str, name: Text, reading: Reading) -> Any:
    """Return what a branch's name asks for, as fields of `Branch`; BAD where it says nothing."""
    if by == LEARNING:
        return {} if NAME.read(name, reading) is not BAD else BAD
    kind = field_kind(by) or "text"
    bound, blank, rest = name.value.partition(" ")
    if blank and bound in _BOUNDS:
        if kind not in _COMPARED:
            message = f"{shown(by)} is a {kind.replace('_', ' or ')}, and knows no more or less"
            reading.error(name, "bad-word", message, "name the value itself")
            return BAD
        value = _value(by, Text(rest.strip(), name.spot, name.last_line, bare=False), reading)
        return value if value is BAD else {bound: value}
    if kind == "money" and re.match(r"\d", name.value):
        message = "money is hardly ever just so much, so a branch says from where or up to where"
        reading.error(name, "bad-word", message, f"write 'at_least {name.value}' or 'at_most {name.value}'")
        return BAD
    value = _value(by, name, reading)
    return value if value is BAD else {"equals": value}


def _value(by: str, text: Text, reading: Reading) -> Any:
    if by == CAUSE_OF_LEAVING and text.value not in CAUSES:
        hint = did_you_mean(text.value, [*CAUSES, "otherwise"]) or f"known are {one_of(CAUSES, 'and')}"
        reading.error(text, "unknown-cause", f"no cause is named {shown(text.value)}", hint)
        return BAD
    reader: Scalar | Word = CAUSE if by == CAUSE_OF_LEAVING else field_reader(by)
    return reader.read(text, reading)


def _branches_are_fine(fields: Fields, by: Text, reading: Reading) -> None:
    learning = by.value == LEARNING
    if learning and "otherwise" in fields.keys:
        message = "'otherwise' does not go with 'by: learning': everyone fits a branch"
        reading.error(
            fields.keys["otherwise"], "conflicting-keys", message, "make it a branch with a name, or leave it out"
        )
    if not learning and "otherwise" not in fields.keys:
        message = "the choice needs 'otherwise'"
        reading.error(fields.node.head, "missing-key", message, "add 'otherwise: nothing', or what is sent then")
    least = 2 if learning else 1
    if len(fields.others) < least:
        message = f"the choice has {'only one branch' if fields.others else 'no branch'}"
        hint = "name two branches or more" if learning else "name a value and what is sent then"
        reading.error(fields.node.head, "missing-key", message, hint)


def _none_is_hidden(branches: list[tuple[Text, Branch]], reading: Reading) -> None:
    """Note branches that come after one which takes all who fit them."""
    for number, (name, branch) in enumerate(branches):
        for earlier, other in branches[:number]:
            if _takes_all_of(other, branch):
                message = f"{shown(name.value)} is never chosen: {shown(earlier.value)} before it takes all who fit"
                reading.error(name, "never-chosen", message, f"put it before {shown(earlier.value)}")
                break


def _takes_all_of(one: Branch, other: Branch) -> bool:
    try:
        if one.at_least is not None:
            return any(
                value is not None and _amount(value) >= _amount(one.at_least)
                for value in (other.at_least, other.equals)
            )
        if one.at_most is not None:
            return any(
                value is not None and _amount(value) <= _amount(one.at_most) for value in (other.at_most, other.equals)
            )
    except TypeError:
        return False  # money of two currencies, which is said elsewhere
    return one.equals is not None and one.equals == other.equals


def _amount(value: Any) -> Any:
    return getattr(value, "amount", value)
