"""The way round: what a mail service was given as our id comes back by its webhook as the mail it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.core.events import Mail
from engine.core.message_ids import carrying, customer_of, effect_of
from tests.connectors.hooks.test_mail_services import NOW, heard
from tests.connectors.mail_services.test_services import EFFECT, message
from tests.hook_senders import SENDERS
from tests.mail_service_servers import SERVERS, Taken, serving

KEY = b"a key of tests"


def told_back(kind: str, taken: Taken) -> Any:
    """Return what the service's webhook says of a mail that it took: with the metadata and headers it kept."""
    said = SENDERS[kind].said(1)
    match kind:
        case "ses":
            kept = [{"name": name, "value": text} for name, text in taken.headers.items()]
            inner = json.loads(said["Message"])
            inner["mail"] |= {"tags": {"winback_message_id": [taken.metadata]}, "headers": kept}
            said["Message"] = json.dumps(inner)
        case "sendgrid":
            (said[0] if isinstance(said, list) else said)["winback_message_id"] = taken.metadata
        case "mailgun":
            said["event-data"]["user-variables"] = {"winback_message_id": taken.metadata}
        case "postmark":
            said["Metadata"] = {"winback_message_id": taken.metadata}
        case "brevo":
            said["X-Mailin-custom"] = taken.headers["x-mailin-custom"]
    return said


@pytest.mark.parametrize("kind", [kind for kind in SERVERS if kind != "webhook"])
@pytest.mark.parametrize("customer", ["", "c-1042"], ids=["embedded", "distributed"])
async def test_our_id_comes_back(kind: str, customer: str, tmp_path: Path) -> None:
    """The event names our effect; where the Message-ID carries the customer, and the service keeps it whole, the customer too."""
    ours = f"{carrying(EFFECT, customer, KEY)}@shop.example"
    async with serving(SERVERS[kind]()) as server:
        made = server.client(FixedClock(NOW))
        await made.send(message(message_id=f"<{ours}>"))
        await made.close()
    event, *_ = await heard(kind, told_back(kind, server.taken[0]), tmp_path)
    assert isinstance(event.data, Mail)
    assert effect_of(event.data.message_id) == EFFECT
    assert customer_of(event.data.message_id, KEY) == customer
