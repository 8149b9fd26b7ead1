"""The architecture as a failing test; the contracts themselves stand in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_imports_point_one_way() -> None:
    """Every import contract of pyproject.toml is kept; a broken one is named with file and line."""
    # Its command rather than its Python API: that one keeps settings, and a graph of the imports, for the whole process.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
