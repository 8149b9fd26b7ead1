"""What all commands share: where data and workflows are, whether JSON is wanted, and how errors end.

Imported before the command is known, so it imports no more than click; the settings are read when they are asked for.
"""

from __future__ import annotations

import functools
import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.books.database import Where
    from engine.core.moments import Instant
    from engine.wiring.settings import Settings

BEFORE_WITH_VALUE = frozenset({"--data", "--workflows", "--config"})
"""The shared options that take a value."""


WHO = "WINBACK_WHO"
"""The variable that names who calls, where several people share one user or a service calls for them."""


def who() -> str:
    """Return who calls, for the record: what WINBACK_WHO says, else the user's name; `?` where neither is known."""
    said = os.environ.get(WHO, "").strip()
    if said:
        return said
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "?"


class Wrong(Exception):
    """Something that ends a command: what and why, for people."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Misused(Wrong):
    """The command was called wrongly: it exits 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 2)


@dataclass(frozen=True)
class Call:
    """The shared options of one call. What was not said comes from the settings."""

    json: bool = False
    said_data: Path | None = None
    said_workflows: Path | None = None
    config: Path | None = None

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings of winback.toml and the environment, with what was said on the command line over them."""
        from engine.wiring.settings import SettingsError, load  # noqa: PLC0415 - costs as much as a small command

        try:
            return load(self.config, os.environ, data=self.said_data, workflows=self.said_workflows)
        except SettingsError as error:
            raise Misused(str(error)) from None

    def must_be_embedded(self, instead: str) -> None:
        """See that this is no distributed engine; `instead` says what does there what the command does.

        Raises:
            Misused: it is one.

        """
        if self.settings.distributed:
            raise Misused(f"kafka.brokers is set, so this is the distributed engine: {instead}")

    def now(self) -> Instant:
        """Return the present instant, by the clock that the data folder lives by."""
        from engine.wiring.clock import clock_of  # noqa: PLC0415 - as above
        from engine.wiring.settings import SettingsError  # noqa: PLC0415 - as above

        try:
            return clock_of(self.settings).now()
        except SettingsError as error:
            raise Misused(str(error)) from None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.settings.data

    @property
    def books(self) -> Where:
        """Where the books are: in the data folder, or the distributed engine's PostgreSQL."""
        from engine.wiring.settings import SettingsError  # noqa: PLC0415 - as above

        try:
            return self.settings.books
        except SettingsError as error:
            raise Misused(str(error)) from None

    @property
    def workflows(self) -> Path:
        """The folder of workflows."""
        return self.settings.workflows


def named(name: str, *examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function: its first argument is the `Call`, its help ends with the examples."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def called(*, json: bool, data: Path | None, workflows: Path | None, config: Path | None, **rest: Any) -> None:
            function(Call(json, data, workflows, config), **rest)

        epilog = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
        return click.command(name, epilog=epilog)(shared(called))

    return decorate


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that all commands have."""
    folder = click.Path(path_type=Path, file_okay=False)
    for option in (
        click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file. [winback.toml]"),
        click.option("--workflows", type=folder, help="Folder of workflows. [./workflows]"),
        click.option("--data", type=folder, help="Folder of the engine's database. [./data]"),
        click.option("--json", is_flag=True, help="Print one JSON document on standard output."),
    ):
        function = option(function)
    return function
