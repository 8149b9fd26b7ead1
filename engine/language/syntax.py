"""What a YAML parser's complaint means to the person who wrote the file, and on which line the slip is.

The parser notices late: a colon that is missing on one line makes the next one unreadable. So the place it names is
looked at together with the lines before it.
"""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.reader import ReaderError

from engine.language.problems import Problem, Spot, lines_of, problem, shown

_KEY = re.compile(r"^(\s*(?:- +)*)([\w.-]+):(?: |$)")
_BARE_KEY = re.compile(r"^\s*(?:- +)*[\w.-]+")


def diagnosis(file: str, text: str, error: Exception) -> Problem:
    """Return the problem behind an exception of the YAML parser."""
    lines = lines_of(text)
    if isinstance(error, ReaderError):
        return _unreadable_character(file, text, error)
    if not isinstance(error, MarkedYAMLError):
        return problem(Spot(file, 1, 1), "syntax", f"this is not YAML: {error}", "look for a wrong escape such as \\U")
    said = str(error.problem or "")
    mark = error.problem_mark or error.context_mark
    line, column = _place(lines, mark)
    context_line, context_column = _place(lines, error.context_mark or mark)
    here = lines[line - 1]
    if "\\t" in said or here[column - 1 : column] == "\t":
        return _at(Spot(file, line, column), lines, "tab", "a tab; YAML is indented with blanks", "use blanks")
    if "could not find expected ':'" in said:
        return _missing_colon(file, lines, context_line)
    if "mapping values are not allowed" in said:
        return _stray_colon(file, lines, line, column)
    if "scanning a quoted scalar" in str(error.context):
        quote = lines[context_line - 1][context_column - 1 : context_column]
        message = f"the quote {quote} that begins here is not closed"
        return _at(Spot(file, context_line, context_column), lines, "syntax", message, f"close it with {quote}")
    if "flow" in str(error.context):
        return _unclosed(file, lines, context_line, context_column)
    if "cannot start any token" in said:
        letter = here[column - 1 : column]
        message = f"a text cannot begin with {letter}"
        return _at(Spot(file, line, column), lines, "syntax", message, "put the text into quotes")
    if "expected <block end>" in said:
        hint = "indent it like the lines it belongs to"
        return _at(
            Spot(file, line, column), lines, "indentation", "this line is not indented like its neighbours", hint
        )
    return _at(Spot(file, line, column), lines, "syntax", f"this is not YAML: {said or error}", "")


def _place(lines: list[str], mark: StringMark | None) -> tuple[int, int]:
    """Return line and column from 1, inside the file: the parser's end of file is one line after it."""
    if mark is None:
        return 1, 1
    if mark.line >= len(lines):
        return len(lines), len(lines[-1]) + 1
    return mark.line + 1, min(mark.column, len(lines[mark.line])) + 1


def _at(at: Spot, lines: list[str], code: str, message: str, hint: str) -> Problem:
    rest = lines[at.line - 1][at.column - 1 :]
    length = len(rest.split(" #")[0].rstrip()) if code == "missing-colon" else 1
    return problem(Spot(at.file, at.line, at.column, max(1, length)), code, message, hint)


def _missing_colon(file: str, lines: list[str], line: int) -> Problem:
    here = lines[line - 1]
    column = len(here) - len(here.lstrip(" ")) + 1
    while here[column - 1 : column + 1] == "- ":
        column += 2
    content = here[column - 1 :].split(" #")[0].rstrip()
    if match := re.match(r"([\w.-]+):(\S.*)$", content):
        cure = f"a blank belongs after the colon: '{match[1]}: {match[2]}'"
        return _at(Spot(file, line, column), lines, "missing-colon", f"a blank is missing in {shown(content)}", cure)
    first, _, rest = content.partition(" ")
    cure = f"write '{first}: {rest.strip()}'" if rest else f"write '{first}:'"
    return _at(Spot(file, line, column), lines, "missing-colon", f"a colon is missing in {shown(content)}", cure)


def _stray_colon(file: str, lines: list[str], line: int, column: int) -> Problem:
    """Tell a colon inside a text from one that is missing on an earlier line."""
    before = lines[line - 1][: column - 1]
    if _KEY.match(before):
        hint = "put a text with ': ' in it into quotes"
        return _at(Spot(file, line, column), lines, "syntax", "a second colon on this line", hint)
    if " " in re.sub(r"^\s*(?:- +)*", "", before):  # `given {standing: …`: two words before the first colon
        return _missing_colon(file, lines, line)
    earlier = _content_before(lines, line)
    if earlier and not _KEY.match(lines[earlier - 1]) and _BARE_KEY.match(lines[earlier - 1]):
        return _missing_colon(file, lines, earlier)
    indent = len(before) - len(before.lstrip(" ")) + 1
    hint = "indent it like the lines it belongs to"
    message = "this line is indented under one that has a value already"
    return _at(Spot(file, line, indent), lines, "indentation", message, hint)


def _content_before(lines: list[str], line: int) -> int:
    """Return the number of the nearest line before this one that is neither blank nor a comment; 0 for none."""
    for number in range(line - 1, 0, -1):
        stripped = lines[number - 1].strip()
        if stripped and not stripped.startswith("#"):
            return number
    return 0


def _unclosed(file: str, lines: list[str], line: int, column: int) -> Problem:
    bracket = lines[line - 1][column - 1 : column]
    closing = {"[": "]", "{": "}"}.get(bracket, "]")
    message = f"the {bracket} that begins here is not closed, or a comma is missing in it"
    return _at(Spot(file, line, column), lines, "syntax", message, f"close it with {closing}")


def _unreadable_character(file: str, text: str, error: ReaderError) -> Problem:
    before = lines_of(text[: error.position])
    spot = Spot(file, len(before), len(before[-1]) + 1)
    letter = text[error.position : error.position + 1]
    message = f"the control character U+{ord(letter):04X} cannot stand in YAML" if letter else "an unreadable character"
    return problem(spot, "syntax", message, "delete it")
