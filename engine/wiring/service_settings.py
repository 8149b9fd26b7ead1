"""Settings of the way out through a mail service, and of the key that signs what leaves by a mail server."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from engine.wiring.setting_kinds import Part, SafeUrl

_ADDRESSES: Final = {
    "ses": "https://email.{region}.amazonaws.com",
    "sendgrid": "https://api.sendgrid.com",
    "mailgun": "https://api.mailgun.net",
    "postmark": "https://api.postmarkapp.com",
    "brevo": "https://api.brevo.com",
}
_IN_THE_EU: Final = {"sendgrid": "https://api.eu.sendgrid.com", "mailgun": "https://api.eu.mailgun.net"}


class ServiceSettings(Part):
    """[service]: the mail service that mails leave by, with sender.kind = "http"."""

    kind: Literal["ses", "sendgrid", "mailgun", "postmark", "brevo", "webhook"] | None = Field(
        default=None, description="ses, sendgrid, mailgun, postmark, brevo, or webhook (a service of your own)"
    )
    url: SafeUrl | None = Field(
        default=None, description="where it answers; the service's own address when left out, and yours for webhook"
    )
    region: str = Field(
        default="", pattern=r"^[a-z0-9-]*$", description='SES: such as eu-central-1; SendGrid and Mailgun: "eu"'
    )
    key_file: Path | None = Field(
        default=None,
        description="holds the API key or server token, SES's secret access key, or the webhook's whsec_ secrets; or WINBACK_SERVICE_KEY",
    )
    key_id: str = Field(default="", description="SES: the id of the access key")
    domain: str = Field(default="", description="Mailgun: the sending domain")
    stream: str = Field(default="broadcast", description="Postmark: the id of the message stream")
    configuration_set: str = Field(default="", description="SES: the configuration set that publishes events")
    connections: int = Field(default=4, ge=1, le=64, description="messages at a time")
    connect_timeout: float = Field(default=15.0, gt=0, le=120, description="seconds")
    timeout: float = Field(default=60.0, gt=0, le=600, description="seconds that an answer may take")

    @property
    def address(self) -> str:
        """Where it answers, without a slash at its end."""
        if self.url is not None:
            return self.url.rstrip("/")
        if self.kind is None or self.kind == "webhook":
            return ""
        known = _IN_THE_EU.get(self.kind) if self.region == "eu" else None
        return known or _ADDRESSES[self.kind].format(region=self.region)

    def at_odds(self) -> list[str]:
        """Say what is missing, or does not go with the kind."""
        if self.kind is None:
            return ['service.kind: with sender.kind = "http" say which service: ses, sendgrid, mailgun, postmark, ...']
        needed = {
            "ses": {"region": "such as eu-central-1", "key_id": "the id of the access key"},
            "mailgun": {"domain": "the sending domain"},
            "webhook": {"url": "where your service takes mails"},
        }
        said = [
            f"service.{name}: {self.kind} needs it: {what}"
            for name, what in needed.get(self.kind, {}).items()
            if not getattr(self, name)
        ]
        if self.kind in _IN_THE_EU and self.region not in ("", "eu"):
            said.append(f'service.region: {self.kind} has "eu", or leave it out')
        return said


class DkimSettings(Part):
    """[dkim]: signs what leaves by a mail server that does not sign; mail services sign by themselves."""

    selector: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]*$", description="names the public key: SELECTOR._domainkey.DOMAIN"
    )
    domain: str = Field(default="", description="who signs: the domain of the sender's address, or one above it")
    key_file: Path | None = Field(
        default=None, description="holds the private key, RSA or Ed25519, as PEM; or WINBACK_DKIM_KEY"
    )

    @property
    def is_set(self) -> bool:
        """Whether mail is to be signed."""
        return bool(self.selector or self.domain or self.key_file)

    def at_odds(self, sender_kind: str) -> list[str]:
        """Say what is missing, or does not go with the sender."""
        if not self.is_set:
            return []
        said = [
            f"dkim.{name}: a signature needs selector and domain"
            for name in ("selector", "domain")
            if not getattr(self, name)
        ]
        if sender_kind == "http":
            said.append("dkim: mail services sign what they send; leave [dkim] out, and set DKIM up with the service")
        return said
