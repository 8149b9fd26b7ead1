"""Problems found in files: where, what, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import takewhile
from typing import Any

from msgspec import Struct, to_builtins

from engine.language.codes import CODES

_NEAR = 0.65  # at difflib's own 0.6, holdout is near to colour
_WIDEST = 240  # of a longer source line, only what is around the problem is shown
_LINE_END = re.compile(r"\r\n|\r|\n")


class Severity(StrEnum):
    """An error refuses the whole set of files; a warning is said and lets them pass."""

    ERROR = "error"
    WARNING = "warning"


class Spot(Struct, frozen=True):
    """A place in a file: line and column from 1, and how many characters of that line are meant."""

    file: str
    line: int
    column: int
    length: int = 1


class Problem(Struct, frozen=True):
    """One thing that is wrong. `hint` is the cure; `length` how many characters the caret line underlines."""

    file: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str
    hint: str = ""
    length: int = 1

    @property
    def place(self) -> tuple[str, int, int, str, str]:
        """What problems are sorted by."""
        return self.file, self.line, self.column, self.code, self.message


def problem(spot: Spot, code: str, message: str, hint: str = "", severity: Severity = Severity.ERROR) -> Problem:
    """Return a problem at a spot. The code must be one of the table `CODES`, so that each is explained in the docs."""
    assert code in CODES, f"no entry for {code!r} in engine/language/codes.py"
    return Problem(spot.file, spot.line, spot.column, severity, code, message, hint, max(1, spot.length))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the hint `did you mean 'x'?`, or an empty one where nothing known is near."""
    nearest = nearest_of(word, known)
    return f"did you mean '{nearest}'?" if nearest else ""


def nearest_of(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to this one, empty where none is near. Case and `-` for `_` do not count.

    Of words that are equally near, the one that begins alike is the better guess.
    """
    plain = _plain(word)
    matcher = SequenceMatcher(b=plain, autojunk=False)
    best, best_score = "", _NEAR
    for name in known:
        matcher.set_seq1(_plain(name))
        if matcher.real_quick_ratio() < _NEAR or matcher.quick_ratio() < _NEAR:
            continue
        score = matcher.ratio() + _alike_at_first(plain, _plain(name)) / 1000
        if score > best_score:
            best, best_score = name, score
    return best


def one_of(words: Iterable[str], last: str = "or") -> str:
    """Write a list of words for people: `a, b or c`."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def shown(text: str, longest: int = 40) -> str:
    """Return a piece of somebody's text as it may stand in a message: in quotes, on one line, not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return f"'{line if len(line) <= longest else line[: longest - 1] + '…'}'"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as YAML counts them; `str.splitlines` counts form feeds and others as well."""
    return _LINE_END.split(text)


def format_problems(problems: Iterable[Problem], sources: Mapping[str, str]) -> str:
    """Write problems for people: place, message and code, then the source line with its number, a caret line, the cure.

    `sources` holds the text of each file by the name the problems use; a file that is not in it is cited without its line.
    """
    lines = {file: lines_of(text.removeprefix("\ufeff")) for file, text in sources.items()}
    return "\n".join(_formatted(one, lines.get(one.file, [])) for one in problems)


def to_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems as `winback check --json` prints them."""
    return [to_builtins(one) for one in problems]


def _formatted(one: Problem, lines: list[str]) -> str:
    warning = "warning: " if one.severity is Severity.WARNING else ""
    head = f"{one.file}:{one.line}:{one.column}: {warning}{one.message} [{one.code}]\n"
    source = lines[one.line - 1].replace("\t", " ") if one.line <= len(lines) else ""
    if not source.strip():
        return head + (f"  {one.hint}\n" if one.hint else "")
    column = one.column
    if len(source) > _WIDEST:
        begin = max(0, column - _WIDEST // 2)
        source, column = source[begin : begin + _WIDEST], column - begin
    number = str(one.line)
    margin = " " * len(number)
    carets = "^" * min(one.length, max(1, len(source) - column + 1))
    pointer = f"{' ' * (column - 1)}{carets} {one.hint}".rstrip()
    return f"{head}{margin} |\n{number} | {source}\n{margin} | {pointer}\n"


def _alike_at_first(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
