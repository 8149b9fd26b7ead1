"""The pages on hooks: their settings can be used as they stand, every hook is on them, and the tables say what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.core.events import DATA
from engine.core.reading import Reader
from engine.ports import HookCall
from engine.wiring.hook_settings import NAMES
from engine.wiring.hooks import hooks_of
from engine.wiring.settings import Settings, load
from tests.hook_senders import SENDERS, environment

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "connect-a-shop-and-a-mail-service.md").read_text("utf-8")
REFERENCE = (DOCS / "reference" / "hooks.md").read_text("utf-8")
NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


def test_the_settings_it_shows_are_settings(tmp_path: Path) -> None:
    """What is copied from the page is taken."""
    found = re.search(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)
    assert found is not None
    (tmp_path / "winback.toml").write_text(found[1])
    settings = load(tmp_path / "winback.toml", {})
    assert settings.hooks.ses.topics
    assert settings.shop.poll is not None


def test_every_hook_is_told_of() -> None:
    """Where it is connected, and how it is checked."""
    for name in NAMES:
        assert re.search(rf'/hooks/{name}[`"]', HOW_TO), name
        assert f"| `{name}` |" in REFERENCE, name


def test_no_event_is_named_that_is_none() -> None:
    """Each of our types on the page is one."""
    ours = set(re.findall(r"`((?:order|email|consent|customer|newsletter|account|profile)\.[a-z_]+)`", REFERENCE))
    assert ours - set(DATA) <= {"newsletter.confirm", "newsletter.unsubscribe"}


def rows() -> list[tuple[str, str, str]]:
    """Yield each word of the table of mail services as (service, word, what it becomes)."""
    table = REFERENCE.partition("| what happened |")[2].partition("\n\n")[0]
    found = []
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        becomes = (re.findall(r"`(email\.\w+)`", cells[6]) or [""])[0]
        for service, cell in (("sendgrid", cells[2]), ("brevo", cells[5])):
            found += [(service, word, becomes) for word in re.findall(r"`(\w+)`", cell)]
    return found


@pytest.mark.parametrize(("service", "word", "becomes"), rows())
async def test_each_word_becomes_what_its_row_says(service: str, word: str, becomes: str) -> None:
    """Of the two services whose words stand alone."""
    (hook,) = hooks_of(Settings(), environment(service))
    said = {"event": word, "email": "ada@example.org", "timestamp": 1_767_607_140, "ts_epoch": 1_767_607_140_000}
    sender = SENDERS[service]
    headers, body = sender.signed(json.dumps([said]).encode(), sender.secrets[0], NOW)
    heard = await hook.hear(HookCall({name.lower(): value for name, value in headers.items()}, body, NOW))
    events = [Reader().read(raw, now=NOW).event for raw in heard.events]
    assert [event.type for event in events if event is not None] == ([becomes] if becomes else [])


def test_the_table_is_read() -> None:
    """The test above looks at many words, not at none."""
    assert len(rows()) >= 25
