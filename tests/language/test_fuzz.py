"""Broken text of any kind ends in problems inside the file: never an exception, never a hang."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language import nodes
from engine.language.files import read_files
from engine.language.kinds import BAD
from engine.language.problems import Severity, Spot, format_problems, lines_of
from engine.language.reading import Reading
from engine.language.scalars import Scalar
from engine.language.schema import FILES
from engine.language.shapes import all_forms

HERE = Path(__file__).parent
WORKFLOWS = HERE.parents[1] / "workflows"
SHIPPED = {path.name: path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*.yaml"))}
PIECES = [
    *"\t\n\r :-[]{}#&*!|>'\"%@`,?~\\",
    "\n\n", ": ", "- ", "  ", "---\n", "...\n", "&a ", "*a", "!!str ", "<<: ", "? ", "|\n", ">-\n", "\ufeff", "\x00", "\x85",
    "\u2028", "\ud7ff", "\U0001f600", "é", '"\\U00110000"', '"\\x"', "%YAML 9.9\n", "{a: b, ", "[[[[", "]]", "null", "true",
    "\u2029", "\x0c", "\x1b", "\ufffe", "\u202e", "e\u0301", "\u0661\u0662d", "²d", "½", "Ⅷ", '"\\ud800"', "%TAG ! x\n", "0x10", "1_000", "inf",
    "2026-02-30", "0000-00-00", "25:99", "1 per 0d", "1e400 EUR", "quantile nan", "-1d", "9" * 400, "x" * 3000,
    "{" * 40, "[" * 40, "- " * 40, "not: {" * 40,
    "14", "14d", "10 days", "20 EUR", "5%", "event", "after: x", "end: y", "then: z", "stages", "steps:", "not: ",
]  # fmt: skip


LONGEST = 20.0
"""Seconds of our own that reading may take: far more than it does, and less than for ever."""


def reads_without_a_traceback(files: Mapping[str, bytes | str]) -> None:
    """Read files; every problem must lie inside its file, and be printable; and it must come to an end."""
    began = time.process_time()
    checked = read_files(files)
    assert time.process_time() - began < LONGEST
    for one in checked.problems:
        lines = lines_of(checked.sources[one.file])
        assert 1 <= one.line <= len(lines)
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1
        assert one.length >= 1
        assert one.message
        assert "\n" not in one.message + one.hint
    assert bool(checked.rules) == all(one.severity is Severity.WARNING for one in checked.problems)
    format_problems(checked.problems, checked.sources)


@given(st.data())
def test_mutated_files_bring_problems_inside_the_file(data: st.DataObject) -> None:
    """Shipped files with pieces put in, cut out, repeated and moved."""
    name = data.draw(st.sampled_from(sorted(SHIPPED)))
    text = SHIPPED[name]
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 40)))
        piece = data.draw(st.sampled_from(PIECES) | st.just(text[begin:end] * 2) | st.text(max_size=5))
        text = text[:begin] + piece + text[end:]
    reads_without_a_traceback({name: text})


@given(
    st.text(alphabet="ab:- \n\t[]{}&*!#'\"|>%,?\\0d\x00\x85", max_size=200),
    st.sampled_from(["a", "lifecycle", "a.scenarios"]),
)
def test_any_text_brings_problems_inside_the_file(text: str, name: str) -> None:
    """Text made of what YAML is made of."""
    reads_without_a_traceback({f"{name}.yaml": text})


@given(st.data())
def test_truncated_files_bring_problems_inside_the_file(data: st.DataObject) -> None:
    """A file that broke off anywhere, in the middle of a letter too, as an upload does."""
    name = data.draw(st.sampled_from(sorted(SHIPPED)))
    raw = SHIPPED[name].encode()
    reads_without_a_traceback({name: raw[: data.draw(st.integers(0, len(raw)))]})


@given(st.data())
def test_a_broken_file_hides_no_problem_of_another(data: st.DataObject) -> None:
    """What is wrong in itself with a file is told, whatever stands in the file beside it."""
    text = SHIPPED["welcome-back.yaml"].replace("again_after: 60d", "agian_after: 60 days").replace("2d", "two days")
    own = {(one.line, one.code) for one in read_files({"welcome-back.yaml": text}).problems}
    name = data.draw(st.sampled_from(sorted(SHIPPED.keys() - {"welcome-back.yaml"})))
    cut = data.draw(st.integers(0, len(SHIPPED[name])))
    piece = data.draw(st.sampled_from(PIECES))
    beside = read_files({"welcome-back.yaml": text, name: SHIPPED[name][:cut] + piece + SHIPPED[name][cut:]})
    assert own <= {(one.line, one.code) for one in beside.problems if one.file == "welcome-back.yaml"}
    assert {code for _, code in own} >= {"unknown-key", "bad-length"}


@pytest.mark.parametrize("depth", [31, 33, 200, 100_000])
@pytest.mark.parametrize(
    "opening", ["- ", "{a: ", "[", "? ", "a:\n", "{not: ", "!!x ", '"', "|\n ", "# ", "&a [", "{", "'"]
)
def test_depth_and_length_end_in_one_problem(opening: str, depth: int) -> None:
    """However often something is opened, it comes to an end, without Python's own limits."""
    indented = "".join(f"{' ' * level}{opening}" for level in range(min(depth, 2_000))) if opening == "a:\n" else ""
    reads_without_a_traceback({"a.yaml": indented or opening * depth, "a.scenarios.yaml": f"x: {opening * depth}"})


@given(st.binary(max_size=80))
def test_any_bytes_bring_problems_inside_the_file(raw: bytes) -> None:
    """Bytes that are no text."""
    checked = read_files({"a.yaml": raw})
    assert checked.problems
    format_problems(checked.problems, checked.sources)


SCALARS = {
    id(key.kind): key.kind
    for file in FILES.values()
    for form in all_forms(file)
    for key in form.keys
    if isinstance(key.kind, Scalar)
}
AMOUNTS = [
    "9" * 99,
    "9" * 400,
    "9" * 5_000,
    "0." + "9" * 80,
    "-" + "9" * 5_000,
    "1e999999",
    "nan",
    "inf",
    "\u0661",
    "²",
    "",
]
SHAPES = [
    "{}", "{}d", "{} days", "{}.5d", "P{}D", "{} EUR", "€{}", "{},5 EUR", "{}%", "{} per 7d", "1 per {}d", "{} EUR per 30d",
    "{}:00", "09:00-{}:00", "2 x {}", "quantile {}", "2026-{}-01", "{}-01-01", "12-{}", "{}d ago", "{}/1/1", "1.{}.1", "a{}",
]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda text: f"{text[:6]} of {len(text)}")
@pytest.mark.parametrize("shape", SHAPES)
def test_no_number_is_too_long_or_too_odd_to_be_answered(shape: str, amount: str) -> None:
    """Every kind of scalar takes it, or says in a line or two what to write."""
    text = nodes.Text(shape.format(amount), Spot("x.yaml", 1, 1), 1)
    assert len(SCALARS) > 15
    for scalar in SCALARS.values():
        reading = Reading()
        read = scalar.read(text, reading)
        assert (read is BAD) == bool(reading.problems)
        assert all(len(one.message + one.hint) < 500 for one in reading.problems)


json_like: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=8) | st.sampled_from(["14d", "ten", "20 EUR", "5%", "reader"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "event", "send", "by"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def keys_in(text: str) -> list[tuple[int, int]]:
    """Where the values of a file's keys stand."""
    root, _ = nodes.tree("x", text)
    found: list[tuple[int, int]] = []
    waiting: list[nodes.Node] = [root] if root else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Mapping):
            for _, value in node.entries:
                waiting.append(value)
                if isinstance(value, nodes.Text) and value.last_line == value.spot.line and value.value:
                    found.append((value.spot.line, value.spot.column))
        elif isinstance(node, nodes.Listing):
            waiting += node.items
    return sorted(found)


@given(st.data())
def test_values_of_another_form_bring_problems(data: st.DataObject) -> None:
    """Any value replaced by a list, a mapping or a strange text."""
    name = data.draw(st.sampled_from(sorted(SHIPPED)))
    lines = SHIPPED[name].splitlines()
    places = keys_in(SHIPPED[name])
    if not places:
        return
    line, column = data.draw(st.sampled_from(places))
    value = data.draw(json_like)
    lines[line - 1] = lines[line - 1][: column - 1] + written(value)
    reads_without_a_traceback({name: "\n".join(lines)})


def written(value: Any) -> str:
    """A value as flow YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(inner) for inner in value) + "]"
    return "'" + str(value).replace("'", "''").replace("\n", " ") + "'"
