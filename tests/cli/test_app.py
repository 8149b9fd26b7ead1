from __future__ import annotations

import subprocess
import sys

import click
import pytest

from engine.cli.app import COMES_LATER, COMMANDS
from engine.cli.app import winback as group
from tests.cli.conftest import Winback


def test_help_names_every_command(winback: Winback) -> None:
    """`winback --help` lists all commands with their sentence."""
    called = winback("--help")
    assert called.code == 0
    assert all(name in called.out for name in COMMANDS)


def test_help_imports_no_more_than_click() -> None:
    """What makes a start slow is imported by the commands that need it."""
    script = (
        "import sys\nfrom engine.cli.app import run\n"
        "try:\n    run(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'rich', 'pydantic', 'aiohttp', 'msgspec', 'liquid'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_examples(name: str, winback: Winback) -> None:
    """`--help` of a command says what it does, and shows how it is called."""
    called = winback(name, "--help")
    assert called.code == 0
    assert "Examples:" in called.out
    assert f"winback {name}" in called.out.partition("Examples:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_name_it_is_called_by(name: str) -> None:
    """The table of commands agrees with the commands."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.name == name


def test_an_unknown_command_is_called_wrongly(winback: Winback) -> None:
    """A slip of the pen exits 2, and names what may have been meant."""
    called = winback("chekc")
    assert called.code == 2
    assert "did you mean 'check'?" in called.err
    assert called.out == ""


@pytest.mark.parametrize("name", sorted(COMES_LATER))
def test_a_command_of_a_later_version_is_named_as_such(name: str, winback: Winback) -> None:
    """Nobody takes a command that is not there yet for a slip of the pen."""
    called = winback(name)
    assert called.code == 2
    assert "comes with a later version" in called.err


@pytest.mark.parametrize(
    "args",
    [
        ("schema", "--json", "workflow"),
        ("--json", "schema", "workflow"),
        ("--data", "check", "schema", "workflow"),
        ("--data=check", "schema", "--workflows", "x", "workflow"),
        ("--workflows", "x", "--json", "schema", "--data", "y", "workflow"),
    ],
)
def test_options_stand_before_or_after_the_name(args: tuple[str, ...], winback: Winback) -> None:
    """The same call, whatever the place of its options; a value that is a command's name stays a value."""
    called = winback(*args)
    assert (called.code, called.json["title"]) == (0, "winback: a workflow")


def test_a_command_s_own_options_may_stand_before_it(winback: Winback) -> None:
    """Not only the shared options may."""
    before = winback("--customers", 3, "--seed", 1, "sample")
    after = winback("sample", "--customers", 3, "--seed", 1)
    assert before.code == 0
    assert before.out == after.out != ""


def test_an_unknown_option_is_called_wrongly(winback: Winback) -> None:
    """Exit code 2, nothing on standard output."""
    called = winback("status", "--jsn")
    assert (called.code, called.out) == (2, "")
    assert "--json" in called.err


def test_without_a_command_the_help_is_shown(winback: Winback) -> None:
    """`winback` alone was called wrongly, and says how it is called."""
    called = winback()
    assert called.code == 2
    assert "Commands:" in called.err + called.out


def test_the_version_is_told(winback: Winback) -> None:
    """`winback --version` names the program and its version."""
    called = winback("--version")
    assert called.code == 0
    assert called.out.startswith("winback ")
