"""A page that is followed to the letter: its edits are made, its commands are run, and what they print is compared.

- A block `console` holds a command after `$`, and below it all that it prints (standard output, then standard error). A line
  `…` stands for any lines, and `…` within a line for any text. `NAME=value` before the command is its environment.
- A block `diff` changes the file that the text above it named last, in backticks: the lines with a minus stand there once and
  give way to those with a plus; without any minus the lines are added at the end, of a new file if there is none.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

_BLOCK = re.compile(r"^```(?P<kind>console|diff)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+\.(?:yaml|liquid|toml))`")


class Command(Struct, frozen=True):
    """A command, and what the page says it prints."""

    words: list[str]
    printed: str


class Edit(Struct, frozen=True):
    """Lines of a file that give way to others."""

    file: str
    out: list[str]
    into: list[str]


def steps(page: str) -> Iterator[Command | Edit]:
    """Yield what a page tells its reader to do, in its order."""
    for block in _BLOCK.finditer(page):
        lines = block["text"].splitlines()
        if block["kind"] == "console":
            yield Command(shlex.split(lines[0].removeprefix("$ ")), "\n".join(lines[1:]).strip())
        else:
            files = _FILE.findall(page[: block.start()])
            signed = [[line[1:] for line in lines if line.startswith(sign)] for sign in "-+"]
            yield Edit(files[-1], *signed)


def follow(page: str, run: Callable[[list[str]], str]) -> Iterator[tuple[str, str, str]]:
    """Do what a page says in the present folder; yield each command, what it printed and what the page says of that."""
    for step in steps(page):
        if isinstance(step, Edit):
            _edit(step)
        else:
            yield shlex.join(step.words), run(step.words), step.printed


def agrees(printed: str, said: str) -> bool:
    """Say whether a command printed what the page says."""
    pattern = "\n".join(
        r"(?:.*\n)*?.*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…")))
        for line in said.splitlines()
    )
    plain = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return re.fullmatch(pattern, plain) is not None


def _edit(step: Edit) -> None:
    path = Path(step.file)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    into = "".join(f"{line}\n" for line in step.into)
    if step.out:
        out = "".join(f"{line}\n" for line in step.out)
        assert text.count(out) == 1, (step.file, out)
        text = text.replace(out, into)
    else:
        text = f"{text.rstrip()}\n\n{into}".lstrip()
    path.write_text(text, encoding="utf-8")
