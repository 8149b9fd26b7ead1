"""Which receivers the settings name."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from connectors.memory import FixedClock, MemorySender
from engine.ports import Receiver
from engine.rendering.envelope import Desk
from engine.wiring.receivers import receivers_of
from engine.wiring.settings import SettingsError, load

DESK = Desk(name="Tea", address="hello@tea.example", public_url="https://mail.tea.example")
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
CRM = '[webhooks.crm]\nurl = "https://crm.example/x"\ntake = ["winback.suppressed"]\n'
PRINTER = (
    '[webhooks.printer]\nurl = "https://print.example/x"\ntake = ["winback.send.requested"]\nchannels = ["letter"]\n'
)


def found(folder: Path, text: str, **environment: str) -> dict[str, Receiver]:
    """Return the receivers that winback.toml and the environment name, by name."""
    path = folder / "winback.toml"
    path.write_text(text)
    settings = load(path, environment)
    made = receivers_of(settings, environment, FixedClock(), MemorySender(), lambda: DESK)
    return {each.name: each for each in made}


def test_each_table_is_a_receiver_of_what_it_takes(tmp_path: Path) -> None:
    """They are known by the names of their tables."""
    (tmp_path / "secrets").write_text(f"{SECRET}\n{SECRET}\n")
    text = CRM + f'secret_file = "{tmp_path / "secrets"}"\n' + PRINTER + '[teams.care]\nmail = "care@tea.example"\n'
    receivers = found(tmp_path, text, WINBACK_WEBHOOKS_PRINTER_SECRET=SECRET)
    assert {name: sorted(each.types) for name, each in receivers.items()} == {
        "webhooks.crm": ["winback.suppressed"],
        "webhooks.printer": ["winback.send.requested"],
        "teams.care": ["winback.handed_off"],
    }


def test_without_settings_there_are_none(tmp_path: Path) -> None:
    """Nobody takes anything unless somebody said so."""
    assert found(tmp_path, "") == {}


def test_missing_and_broken_secrets_are_told_at_once(tmp_path: Path) -> None:
    """An unsigned webhook could be forged by anybody, so there is none."""
    with pytest.raises(SettingsError) as refused:
        found(tmp_path, CRM + PRINTER, WINBACK_WEBHOOKS_PRINTER_SECRET="secret")
    crm, printer = str(refused.value).splitlines()
    assert crm.startswith("webhooks.crm: WINBACK_WEBHOOKS_CRM_SECRET")
    assert printer.startswith("webhooks.printer: WINBACK_WEBHOOKS_PRINTER_SECRET")
    assert "24 to 64 bytes" in printer
