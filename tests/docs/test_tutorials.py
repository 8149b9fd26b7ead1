"""The pages that are to be followed step by step, followed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.cli.app import run
from tests.docs.walkthrough import agrees, follow

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
PAGES = [
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    HOW_TO / "bring-a-shop-over.md",
    HOW_TO / "codes-the-checkout-knows.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_tutorial_can_be_followed_to_the_letter(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Every edit finds its lines, every command prints what the page shows."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")

    def call(words: list[str]) -> str:
        place = words.index("winback")
        with monkeypatch.context() as during:
            for word in words[:place]:
                during.setenv(*word.split("=", 1))
            with pytest.raises(SystemExit):
                run(words[place + 1 :])
        captured = capfdbinary.readouterr()
        return captured.out.decode() + captured.err.decode()

    followed = list(follow(page.read_text(encoding="utf-8"), call))
    assert [(command, printed) for command, printed, said in followed if not agrees(printed, said)] == []
    assert len(followed) >= 8


@pytest.mark.parametrize(
    ("printed", "said", "is_so"),
    [
        ("a\nb\n", "a\nb", True),
        ("a\nb\n", "a", False),
        ("a\nb\nc", "a\n…\nc", True),
        ("a\nc", "…\nc", True),
        ("12 events a second", "… events a second", True),
        ("12 events a minute", "… events a second", False),
        ("", "…", True),
    ],
)
def test_an_ellipsis_stands_for_what_may_change(printed: str, said: str, is_so: bool) -> None:  # noqa: FBT001 - a table
    """On a line of its own for any lines, within one for any text; everything else must be as it is."""
    assert agrees(printed, said) is is_so
