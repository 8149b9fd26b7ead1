"""Commands called as a shell would call them, but in this process: their exit code, standard output and error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.cli.app import run

ROOT = Path(__file__).parents[2]


class Called(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


Winback = Callable[..., Called]


@pytest.fixture
def winback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Winback:
    """Call a command in a fresh folder that has the shipped workflows, and no settings but the defaults."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")

    def call(*args: object) -> Called:
        with pytest.raises(SystemExit) as ended:
            run([str(arg) for arg in args])
        captured = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return Called(ended.value.code, captured.out.decode(), captured.err.decode())

    return call


def all_live(folder: Path) -> set[str]:
    """Set every workflow of a folder live; return their names."""
    drafts = {path: text for path in folder.glob("*.yaml") if "mode: draft" in (text := path.read_text("utf-8"))}
    for path, text in drafts.items():
        path.write_text(text.replace("mode: draft", "mode: live"), "utf-8")
    return {path.stem for path in drafts}
