from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WINBACK = [sys.executable, "-c", "from engine.cli import main; main()"]


def winback(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Call a command as a shell would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*WINBACK, *args], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A demonstration of three weeks, as fast as it can: its folder, and its summary."""
    folder = tmp_path_factory.mktemp("demo") / "shop"
    ended = winback(
        "demo",
        "--days",
        "21",
        "--speed",
        "1000",
        "--no-listen",
        "--today",
        "2026-02-02",
        "--data",
        str(folder),
        "--json",
    )
    assert ended.returncode == 0, ended.stderr
    return folder, json.loads(ended.stdout)


def test_mails_land_in_the_mailbox(shown: tuple[Path, dict[str, Any]]) -> None:
    """A year of history comes in first, then people get mails, and some come back."""
    folder, summary = shown
    assert summary["history"] > 1_000
    assert summary["days"] == 21
    assert summary["mails"]["coupon_offer"] > 0
    assert summary["codes"] > 0
    letters = (folder / "data/mailbox/index.jsonl").read_text().splitlines()
    assert len(letters) == sum(summary["mails"].values())


def test_history_got_no_mail(shown: tuple[Path, dict[str, Any]]) -> None:
    """Every mail is of the days after go-live."""
    folder, _ = shown
    assert min(path.name for path in (folder / "data/mailbox").iterdir() if path.is_dir()) >= "2026-02-01"


def test_one_customer_s_story_is_told(shown: tuple[Path, dict[str, Any]]) -> None:
    """The command that is printed tells why somebody got a mail, against the YAML's line."""
    folder, summary = shown
    ended = winback("explain", summary["interesting"], "--data", str(folder / "data"), "--json")
    story = json.loads(ended.stdout)
    sends = [each for each in story["decisions"] if each["what"].startswith("send ")]
    assert sends
    for send in sends:
        source = Path(send["file"]).read_text().splitlines()[send["line"] - 1]
        assert f"send: {send['what'].split()[1].rstrip(':')}" in source


def test_the_same_seed_shows_the_same_shop(shown: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Mails and outcomes repeat, whatever the machine's clock says."""
    _, summary = shown
    ended = winback(
        "demo",
        "--days",
        "21",
        "--speed",
        "1000",
        "--no-listen",
        "--today",
        "2026-02-02",
        "--data",
        str(tmp_path / "d"),
        "--json",
    )
    again = json.loads(ended.stdout)
    assert {**again, "data": ""} == {**summary, "data": ""}


def test_a_folder_with_data_is_refused(shown: tuple[Path, dict[str, Any]]) -> None:
    """A demonstration begins afresh, and touches nothing that is there."""
    folder, _ = shown
    ended = winback("demo", "--days", "1", "--no-listen", "--data", str(folder))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "fresh folder" in ended.stderr


def test_it_prints_where_to_look_and_ends_in_order(tmp_path: Path) -> None:
    """The mailbox's page and the command for one customer are named; Ctrl-C ends it with 0."""
    process = subprocess.Popen(
        [*WINBACK, "demo", "--speed", "20", "--data", str(tmp_path / "shop")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "why? winback explain" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "/mailbox" in printed
    assert "one customer's story" in rest
    assert "Traceback" not in err
