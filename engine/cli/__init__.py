"""The command `winback`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with its exit code."""
    from engine.cli.app import run  # noqa: PLC0415 - so that importing the package costs nothing

    run()
