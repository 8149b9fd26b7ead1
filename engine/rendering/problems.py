"""What can be wrong with a template: found when the folder is loaded, or when a message is rendered."""

from __future__ import annotations

from msgspec import Struct


class RenderProblem(Struct, frozen=True):
    """Something wrong with a file of the templates' folder. `file` is its path in there; line and column count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""


class RenderError(Exception):
    """A message could not be rendered: which template, and where and why as far as that is known."""

    def __init__(self, template: str, reason: str, file: str = "", line: int = 0) -> None:
        place = f" ({file}:{line})" if file and line else f" ({file})" if file else ""
        super().__init__(f"template {template}{place}: {reason}")
        self.template = template
        self.reason = reason
        self.file = file
        self.line = line
