"""The page on Kafka: its settings are settings, its commands are commands, its parts and metrics are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from engine.books.meters import Meters as SenderMeters
from engine.cli.app import COMMANDS
from engine.cli.app import winback as group
from engine.runtimes.kafka.projector import Meters as ProjectorMeters
from engine.runtimes.kafka.worker_meters import WorkerMeters
from engine.wiring.settings import described, load

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "kafka.md"
TEXT = PAGE.read_text("utf-8")


def commands() -> list[str]:
    """Return the commands of ours that the page shows."""
    shown = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    return [line for line in shown if "winback " in line]


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one(line: str) -> None:
    """Its name is known, its options are taken, and what it needs is there."""
    words = shlex.split(line, comments=True)
    name, *rest = words[words.index("winback") + 1 :]
    command = group.get_command(click.Context(group), name)
    assert command is not None
    command.make_context(name, rest, resilient_parsing=False)


def test_every_part_is_shown() -> None:
    """Nobody who follows the page misses a process."""
    parts = {name for name, (_, says) in COMMANDS.items() if says.startswith("Distributed engine")}
    shown = {word for line in commands() for word in line.split()}
    assert parts <= shown


def test_the_settings_are_settings(tmp_path: Path) -> None:
    """The example is read as it stands, and each key that the text names is known."""
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    (tmp_path / "winback.toml").write_text(example[1])
    settings = load(tmp_path / "winback.toml", {})
    assert (settings.distributed, settings.kafka.partitions, settings.sender.kind) == (True, 32, "smtp")
    named = set(re.findall(r"`((?:kafka|worker|sender|postgres)\.\w+)", TEXT))
    assert named <= {key for key, _, _ in described()}


def test_the_metrics_are_shown_by_their_names() -> None:
    """What to watch is what is there to be watched."""
    registry = CollectorRegistry()
    for meters in (SenderMeters, ProjectorMeters, WorkerMeters):
        meters(registry)
    there = generate_latest(registry).decode()
    named = set(re.findall(r"`(winback_\w+)`", TEXT))
    assert len(named) >= 4
    assert [name for name in named if name not in there] == []


def test_links_lead_somewhere() -> None:
    """Every page that is linked is there."""
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
