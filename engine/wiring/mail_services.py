"""The mail service that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from connectors.mail_services import (
    Brevo,
    CallerSettings,
    Dialect,
    Mailgun,
    MailService,
    OwnService,
    Postmark,
    SendGrid,
    Ses,
)
from engine.core.standard_webhooks import BadSecretError, secret_of, signatures
from engine.ports import Clock
from engine.wiring.secret import from_file
from engine.wiring.settings import Settings, SettingsError

_KEY = "WINBACK_SERVICE_KEY"


def mail_service_of(settings: Settings, environment: Mapping[str, str], clock: Clock) -> MailService:
    """Return the mail service the settings name, whether the shop is live or not.

    Raises:
        SettingsError: its key is missing or cannot be read.

    """
    said = settings.service
    key = from_file(said.key_file, _KEY, environment)
    if not key:
        raise SettingsError(f"service.key_file: {said.kind} needs its key: name a file that holds it, or set {_KEY}")
    if said.kind != "webhook" and not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(f"service.key_file, or {_KEY}: a key is one word of ASCII, and nothing beside it")
    parts = urlsplit(said.address)
    base = f"{parts.scheme}://{parts.netloc}" if said.kind == "webhook" else said.address
    called = CallerSettings(
        url=base, connections=said.connections, connect_timeout=said.connect_timeout, timeout=said.timeout
    )
    return MailService(_dialect(settings, key), called, clock)


def _dialect(settings: Settings, key: str) -> Dialect:
    said = settings.service
    match said.kind:
        case "ses":
            return Ses(said.address, said.region, said.key_id, key, said.configuration_set)
        case "sendgrid":
            return SendGrid(key)
        case "mailgun":
            return Mailgun(said.domain, key)
        case "postmark":
            return Postmark(key, said.stream)
        case "brevo":
            return Brevo(key)
        case _:
            return OwnService(said.address, partial(signatures, _secrets(key)))


def _secrets(text: str) -> tuple[bytes, ...]:
    try:
        return tuple(secret_of(each.strip()) for each in text.replace(",", "\n").splitlines() if each.strip())
    except BadSecretError as error:
        raise SettingsError(f"service.key_file, or {_KEY}: {error}") from None
