"""The page on permission: its files can be read, its events are taken, and what it says holds where nothing is said does."""

from __future__ import annotations

import re
from pathlib import Path

from engine.core.reading import Reader
from engine.core.rules import BASES, Keep, PermissionRule
from engine.core.rules.permission import ACCEPTED, CountryRule
from engine.language.files import read_files

PAGE = (Path(__file__).parents[2] / "docs/reference/permission.md").read_text(encoding="utf-8")


def _block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_rules_that_it_shows_can_be_written() -> None:
    """They are read without a problem, and a country's rule is whole: what it leaves out is as for everybody."""
    checked = read_files({"lifecycle.yaml": _block("yaml").encode()})
    assert checked.problems == ()
    assert checked.rules is not None
    lifecycle = checked.rules.lifecycle
    assert lifecycle.permission == PermissionRule()
    assert lifecycle.countries["AT"] == CountryRule(PermissionRule(accepts={"phone": ("express",)}), lifecycle.quiet)
    assert lifecycle.countries["GB"] == CountryRule(PermissionRule(double_opt_in=False), (21 * 60, 8 * 60))


def test_the_event_that_it_shows_is_taken() -> None:
    """With wording, page and IP address as its proof."""
    event = Reader().read(_block("json").encode()).event
    assert event is not None
    assert event.data.proof.keys() == {"wording", "page", "ip"}


def test_it_names_every_key_and_what_holds_where_nothing_is_said() -> None:
    """All keys of a country's rule; the days, and the bases by channel, are those of the code."""
    keys = {*PermissionRule.__struct_fields__, "quiet"}
    assert {key for key in keys if f"`{key}`" not in PAGE and f"`{key}:" not in PAGE} == set()
    usual = PermissionRule()
    for length in (usual.unused_block, usual.existing_customer_max_age, Keep().call_consents):
        assert str(length) in PAGE
    first_table = PAGE.partition("## What counts as permission")[2].partition("\n\n`consent.given`")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", first_table, re.MULTILINE))
    for basis in BASES:
        channels = {channel for channel, enough in ACCEPTED.items() if basis in enough}
        said = rows[basis]
        named = set(ACCEPTED) if said == "every channel" else {each for each in ACCEPTED if each in said}
        assert named == channels
