"""A folder of workflows on disk, read as one set of files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from engine.language import nodes
from engine.language.files import ENDING, SCENARIOS_ENDING, Checked, read_files
from engine.language.problems import Spot, problem
from engine.rendering import load_templates


def read_folder(folder: Path, started_in: Path | None = None) -> Checked:
    """Read and check a folder of workflows with its templates. Problems name files relative to `started_in`.

    Raises:
        OSError: the folder or a file in it cannot be read.

    """
    root = os.path.relpath(folder, started_in) if started_in is not None else str(folder)
    texts = {path.name: _bytes(path) for path in sorted(folder.iterdir()) if path.is_file() and _is_ours(path.name)}
    if not texts:
        message, hint = "there is no file of workflows in this folder", "name the folder that holds them"
        return Checked(None, (problem(Spot(root, 1, 1), "no-files", message, hint),))
    return read_files(
        texts, "" if root == "." else root, lambda language: load_templates(folder / "templates", language)
    )


def read_path(path: Path, started_in: Path | None = None) -> Checked:
    """Read and check a folder, or one file of it: the others stand beside it, and only its own problems are told.

    The scenarios of a workflow come with its file, so that whoever plays them sees what an edit contradicts.

    Raises:
        OSError: there is no such folder or file, or it cannot be read.

    """
    if path.is_dir():
        return read_folder(path, started_in)
    path.stat()  # says that it is not there
    name = os.path.relpath(path, started_in) if started_in is not None else str(path)
    if not _is_ours(path.name):
        message = f"files of workflows end in {ENDING}"
        return Checked(None, (problem(Spot(name, 1, 1), "file-name", message, "name such a file, or its folder"),))
    checked = read_folder(path.parent, started_in)
    mine = tuple(one for one in checked.problems if one.file == name)
    about = path.name.removesuffix(SCENARIOS_ENDING).removesuffix(ENDING)
    return replace(
        checked, problems=mine, scenarios=tuple(each for each in checked.scenarios if each.workflow == about)
    )


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(nodes.MOST_BYTES + 1)  # one more than is allowed, so that too much is noticed and not kept


def _is_ours(name: str) -> bool:
    return name.endswith((ENDING, ".yml")) and not name.startswith(".")
