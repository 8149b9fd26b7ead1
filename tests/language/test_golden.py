"""Golden pairs: broken files and the messages they bring. A new case needs no Python, only NAME.yaml in err/KIND/.

`UPDATE_GOLDEN=1 pytest tests/language` writes the NAME.out beside it; read it before you keep it. The folder says what
the file is read as; the files of shop/ stand beside it. A folder in err/folder/ or ok/folder/ is read as it is, and the
scenarios of one in err/played/ are played. docs/reference/checks/ shows them, a page for each code.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.language.codes import CODES, CURES
from engine.language.files import Checked, read_files
from engine.language.folder import read_folder
from engine.language.playing import with_scenarios
from engine.language.problems import format_problems
from engine.wiring.checking import contradictions

HERE = Path(__file__).parent
SHOP = {path.name: path.read_bytes() for path in sorted((HERE / "shop").iterdir())}
WORKFLOW = SHOP.pop("winback.yaml")
TEMPLATES = ("coupon_offer", "coupon_reminder", "still_with_us", "last_call", "welcome_back", "receipt")


@dataclass(frozen=True)
class FineTemplate:
    """Facts of a template that lacks nothing."""

    without_text: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    blanks: tuple[()] = ()
    needs_offer: bool = False
    needs_question: bool = False
    html_bytes: int = 5_000

    def lacks(self, any_of: Iterable[str]) -> tuple[str, ...]:
        """No file lacks anything."""
        assert any_of
        return ()


FACTS = dict.fromkeys(TEMPLATES, FineTemplate())


def checked(case: Path) -> Checked:
    """Read a case as what its folder says it is."""
    kind = case.parent.name
    if case.is_dir():
        if (case / "templates").is_dir() or not list(case.glob("*.y*ml")):
            return read_folder(case, case)
        found = read_files({path.name: path.read_bytes() for path in case.iterdir()}, facts=FACTS)
        return with_scenarios(found, contradictions)[0] if kind == "played" else found
    name = {"workflow": case.name, "scenarios": "winback.scenarios.yaml"}.get(kind, f"{kind}.yaml")
    beside = {**SHOP, "winback.yaml": WORKFLOW} if kind == "scenarios" else SHOP
    return read_files({**beside, name: case.read_bytes()}, facts=FACTS)


def cases(where: str) -> list[Path]:
    """All cases below ok/ or err/."""
    return sorted(path for path in (HERE / where).glob("*/*") if path.suffix == ".yaml" or path.is_dir())


def label(case: Path) -> str:
    """What a case is called in the report."""
    return f"{case.parent.name}/{case.stem}"


@pytest.mark.parametrize("case", cases("err"), ids=label)
def test_broken_files_are_explained_as_their_golden_file_says(case: Path) -> None:
    """Each broken file brings exactly the messages beside it: place, code, source line, caret, cure."""
    found = checked(case)
    said = format_problems(found.problems, found.sources)
    golden = case.with_suffix(".out")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")
    assert found.problems


@pytest.mark.parametrize("case", cases("ok"), ids=label)
def test_correct_files_bring_neither_errors_nor_warnings(case: Path) -> None:
    """A correct file is read without a word."""
    found = checked(case)
    assert format_problems(found.problems, found.sources) == ""
    assert found.rules is not None


def test_every_code_has_a_golden_case() -> None:
    """No message is without an example, and no code without a message."""
    assert {problem.code for case in cases("err") for problem in checked(case).problems} == set(CODES)


def test_every_code_has_a_cure() -> None:
    """What to do about it stands beside what it means, for each code and for nothing else."""
    assert list(CURES) == list(CODES)
    assert all(text.endswith(".") for text in (*CODES.values(), *CURES.values()))
