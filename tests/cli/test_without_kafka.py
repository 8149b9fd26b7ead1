from __future__ import annotations

import subprocess
import sys

import pytest

from engine.cli import parts
from tests.cli.conftest import Winback

OF_THE_EXTRA = ("aiokafka", "faust", "kafka", "mode", "psycopg", "rocksdict", "uvloop")
PARTS = ("gateway", "worker", "projector", "sender", "console")


def test_the_embedded_engine_needs_nothing_of_the_extra() -> None:
    """Every command's module, and with `run` the whole embedded engine, is imported without Kafka's or PostgreSQL's."""
    script = (
        "import importlib, sys\n"
        "from engine.cli.app import COMMANDS\n"
        f"class Absent:\n    def find_spec(self, name, *_):\n        if name.partition('.')[0] in {OF_THE_EXTRA}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "for module, _ in COMMANDS.values():\n    importlib.import_module(f'engine.cli.commands.{module}')\n"
        f"print(sorted(set({OF_THE_EXTRA}) & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.stdout.splitlines()[-1:], ended.stderr) == (["[]"], "")


@pytest.mark.parametrize("part", PARTS)
def test_without_brokers_a_part_names_the_setting(part: str, winback: Winback) -> None:
    """Whoever starts a part without Kafka is told what is missing, and what would do without."""
    called = winback(part)
    assert called.code == 2
    assert "WINBACK_KAFKA_BROKERS" in called.err
    assert "winback run" in called.err


@pytest.mark.parametrize("part", [part for part in PARTS if part != "worker"])
def test_without_postgresql_a_part_names_the_setting(
    part: str, winback: Winback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts but the worker write to PostgreSQL."""
    monkeypatch.setenv("WINBACK_KAFKA_BROKERS", "127.0.0.1:9")
    called = winback(part)
    assert called.code == 2
    assert "WINBACK_POSTGRES_URL" in called.err


@pytest.mark.parametrize("part", PARTS)
def test_without_the_extra_a_part_says_how_to_install_it(
    part: str, winback: Winback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sees an ImportError."""
    monkeypatch.setattr(parts, "NEEDED", ("no_such_package",))
    called = winback(part)
    assert called.code == 2
    assert "pip install 'winback[kafka]'" in called.err


def test_brokers_that_do_not_answer_end_a_part_with_their_address(
    winback: Winback, monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    """It waits as long as it may, and exits 1."""
    monkeypatch.setenv("WINBACK_KAFKA_BROKERS", "127.0.0.1:9")
    monkeypatch.setenv("WINBACK_KAFKA_REACH_WITHIN", "0.1")
    monkeypatch.setenv("WINBACK_POSTGRES_URL", postgres)
    for part in ("sender", "projector"):
        called = winback(part)
        assert called.code == 1
        assert "does not answer: 127.0.0.1:9" in called.err


def test_a_postgresql_that_does_not_answer_ends_a_part_with_its_address(
    winback: Winback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is not shown."""
    monkeypatch.setenv("WINBACK_KAFKA_BROKERS", "127.0.0.1:9")
    monkeypatch.setenv("WINBACK_KAFKA_REACH_WITHIN", "0.1")
    monkeypatch.setenv("WINBACK_POSTGRES_URL", "postgresql://winback:geheim@127.0.0.1:9/winback")
    called = winback("console")
    assert called.code == 1
    assert "127.0.0.1:9/winback cannot be reached" in called.err
    assert "geheim" not in called.err


def test_with_brokers_the_embedded_engine_does_not_start(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shop has one engine."""
    monkeypatch.setenv("WINBACK_KAFKA_BROKERS", "127.0.0.1:9")
    called = winback("run")
    assert called.code == 2
    assert "start winback gateway, worker, sender and projector" in called.err
