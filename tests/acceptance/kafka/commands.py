"""winback as a shell calls it, against a broker: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
START = "from engine.cli import main; main()"


class Called(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def winback(folder: Path, *args: object, settings: Mapping[str, str] | None = None, within: float = 120) -> Called:
    """Call a command in a folder; `settings` are variables without their WINBACK_, in small letters."""
    variables = {f"WINBACK_{name.upper()}": value for name, value in (settings or {}).items()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINBACK_")}
    done = subprocess.run(
        [sys.executable, "-c", START, *map(str, args)],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
    return Called(done.returncode, done.stdout, done.stderr)
