"""What the page about mail services shows can be set: each of its examples is read as settings, and gives a sender."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.mail_services import MailService
from connectors.memory import FixedClock
from connectors.smtp import SmtpSender
from engine.wiring.senders import outside_of
from engine.wiring.service_settings import ServiceSettings
from engine.wiring.settings import load
from tests.mail_service_servers import SECRET, SERVERS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "mail-services.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_can_be_set(example: str, tmp_path: Path) -> None:
    """With the way out that it is about, and a key of the right form."""
    text = example if "[sender]" in example or "[dkim]" in example else f'[sender]\nkind = "http"\n{example}'
    path = tmp_path / "winback.toml"
    path.write_text(text, "utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    kind = read.get("service", {}).get("kind")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = {"WINBACK_SERVICE_KEY": SECRET if kind == "webhook" else "key", "WINBACK_DKIM_KEY": pem}
    made = outside_of(load(path, keys), keys, FixedClock(0))
    assert isinstance(made, MailService if kind else SmtpSender)


def test_every_service_has_its_example_and_its_limits() -> None:
    """No kind without an example; and the table says the limits that are kept."""
    shown = {tomllib.loads(example).get("service", {}).get("kind") for example in EXAMPLES} - {None}
    kinds = ServiceSettings.model_json_schema()["properties"]["kind"]["anyOf"][0]["enum"]
    assert shown == SERVERS.keys() == set(kinds)
    (row,) = re.findall(r"^\| largest message \|(.*)\|$", PAGE, re.MULTILINE)
    told = [int(cell.strip().removesuffix(" MB")) * 1_000_000 for cell in row.split("|")]
    dialects = []
    for kind in ("ses", "sendgrid", "mailgun", "postmark", "brevo", "webhook"):
        server = SERVERS[kind]()
        server.url = "http://127.0.0.1:1"
        dialects.append(server.dialect())
    assert told == [each.largest for each in dialects]
