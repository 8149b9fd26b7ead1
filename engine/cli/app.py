"""The commands by name. A command's module is imported when it is called, so that `--help` answers at once."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

import click

from engine.cli.calling import BEFORE_WITH_VALUE, Wrong

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("check", "Check workflows, offers and templates, and play the scenarios."),
    "new": ("new", "Write a workflow with its scenarios and its mail, to begin with."),
    "graph": ("graph", "Draw a workflow: its stages, and what leads from one to another."),
    "simulate": ("simulate", "Replay a history: what would these workflows have sent?"),
    "cadence": ("cadence", "Show how many days lie between two orders, and who is late."),
    "run": ("run", "Run the engine: events in, timers, mails out."),
    "ingest": ("ingest", "Take in events from files; old ones are history and start nothing."),
    "incoming": ("incoming", "Take in bounces, complaints and replies from mails that were saved."),
    "import": ("importing", "Take in what other tools knew: customers, consents, suppressions, orders …"),
    "preflight": ("preflight", "Look at what must be right before the first mail."),
    "go-live": ("going_live", "Let what happens from now on reach customers."),
    "plan": ("planning", "Show what edited files would change, and whom they concern."),
    "apply": ("applying", "Put changed workflow files live."),
    "pause": ("pausing", "Stop sends within a second, until unpause."),
    "unpause": ("unpausing", "End a pause, and say what becomes of what it held."),
    "status": ("status", "Show how the engine is, who is where, and what is in the way."),
    "who": ("who", "List the customers in a workflow, a stage or a standing."),
    "explain": ("explain", "Tell one customer's whole story: what was sent, what was not, and why."),
    "bounce": ("bounce", "Show what the engine makes of a bounce or a complaint."),
    "preview": ("preview", "Render a template with sample or real data."),
    "test-send": ("sending_tests", "Send a template to yourself, by the real way."),
    "walk": ("walking", "Walk a workflow yourself: its mails come to you, a day in seconds."),
    "export": ("exporting", "Write everything that is known of one person into one document."),
    "erase": ("erasing", "Erase one person everywhere, with a proof of it."),
    "coupons": ("coupons", "Make, load and count codes that the shop knows."),
    "dead-letters": ("dead_letters", "List, show and replay input that could not be taken."),
    "backup": ("backing_up", "Copy the whole database into one file, while the engine goes on."),
    "restore": ("restoring", "Put a backup in the database's place, held until somebody has looked."),
    "export-state": ("exporting_state", "Write everything a shop would miss into one file, to move it elsewhere."),
    "import-state": ("importing_state", "Let a shop that was exported go on here."),
    "schema": ("schema", "Print the JSON Schema of a file, an event or a command's --json."),
    "sample": ("sample", "Make up a shop's history."),
    "topics": ("topics", "Distributed engine: make and check its topics, and show who is behind."),
    "gateway": ("gateway", "Distributed engine: take in what happens in the shop."),
    "worker": ("worker", "Distributed engine: decide what happens to customers."),
    "projector": ("projector", "Distributed engine: keep the books, look after the shop."),
    "console": ("console", "Distributed engine: the pages for the people who run the shop."),
    "sender": ("sender", "Distributed engine: hand over what workers release."),
    "demo": ("demo", "Let a made-up shop live a day per second in front of you."),
}
"""The commands in the order people meet them: the module of each, and its sentence."""

COMES_LATER = frozenset(
    {
        "worth",
        "report",
        "lift",
    }
)
"""Commands of later versions: named, so that nobody takes them for a slip of the pen."""


class Commands(click.Group):
    """The group of all commands. Options may stand before a command's name as well as after it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move what stands before the command's name behind it."""
        place = _place_of_command(args)
        if place is not None:
            args = [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"engine.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if name in COMES_LATER:
            raise click.UsageError(f"'{name}' comes with a later version", ctx)
        if name not in COMMANDS:
            near = get_close_matches(name, COMMANDS, n=1)
            hint = f": did you mean '{near[0]}'?" if near else ": winback --help lists all"
            raise click.UsageError(f"there is no command '{name}'{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


def _place_of_command(args: Sequence[str]) -> int | None:
    """Return where the command's name stands, None where there is none.

    What follows an option that is not known here may be its value; it is taken for that unless it names a command.
    """
    is_value = may_be_value = False
    for place, arg in enumerate(args):
        if is_value:
            is_value = False
        elif arg.startswith("-"):
            is_value = arg in BEFORE_WITH_VALUE
            may_be_value = "=" not in arg
        elif arg in COMMANDS or arg in COMES_LATER or not may_be_value:
            return place
        else:
            may_be_value = False
    return None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nExamples:\n  winback check\n  winback simulate --events orders.jsonl --all --out out/\n"
    "  winback run\n  winback explain c-1042",
)
@click.version_option(package_name="winback", message="%(prog)s %(version)s")
def winback() -> None:
    """Bring a shop's inactive customers back.

    Each command has a --help with examples. --data DIR, --workflows DIR, --config FILE and --json may stand before or
    after a command's name.
    """


def run(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command line; leave with 0 when all is well, 1 when what was checked is not, 2 when called wrongly."""
    try:
        code = winback.main(args=None if args is None else list(args), prog_name="winback", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except Wrong as wrong:
        code = _say(str(wrong), wrong.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        code = 2 if isinstance(wrong, click.UsageError) else 1
    except (click.Abort, KeyboardInterrupt):
        code = _say("stopped", 1)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("WINBACK_TRACEBACK"):
            raise
        code = _say(f"this is a defect: {type(error).__name__}: {error} (WINBACK_TRACEBACK=1 shows where)", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str, code: int) -> int:
    click.echo(f"winback: {message}", err=True)
    return code
