"""The workflows that ship, set live, and what tests change about them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.core.rules import Mode, RuleSet, Switch
from engine.language.files import Checked
from engine.language.folder import read_folder

FOLDER = Path(__file__).parents[2] / "workflows"


@cache
def shipped_files() -> Checked:
    """Return the shipped folder as it was read: rules, templates, brand."""
    return read_folder(FOLDER)


def shipped(mode: Mode = Mode.LIVE, **lifecycle: Any) -> RuleSet:
    """Return the shipped rules with every workflow in a mode, and changed values of lifecycle.yaml."""
    rules = shipped_files().rules
    assert rules is not None, shipped_files().errors
    switches = {name: replace(switch, mode=mode) for name, switch in rules.switches.items()}
    return replace(rules, switches=switches, lifecycle=replace(rules.lifecycle, **lifecycle))


def switched(rules: RuleSet, workflow: str, **changes: Any) -> RuleSet:
    """Return the rules with another switch (mode, reach, pace) of one workflow."""
    switch: Switch = replace(rules.switches[workflow], **changes)
    return replace(rules, switches={**rules.switches, workflow: switch})
