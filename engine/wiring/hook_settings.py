"""Settings of those who tell us what happened: shops and mail services, by their webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from engine.core.moments import DAY, Length
from engine.wiring.setting_kinds import Part, Span

LONGEST_WINDOW: Final = DAY
_WINDOW = "how far the time that it signs may be from our clock; longer takes in what it brings again after our absence"


class Hook(Part):
    """[hooks.NAME]: a service that posts to /hooks/NAME. Off until it has secrets."""

    secrets_file: Path | None = Field(
        default=None, description="holds its secrets, a line each, while they change two; or WINBACK_HOOKS_NAME_SECRETS"
    )


class DatedHook(Hook):
    """A hook whose signature covers the time of the call."""

    window: Span = Field(default=Length(minutes=5), description=_WINDOW)

    @field_validator("window")
    @classmethod
    def _is_a_day_at_most(cls, window: Length) -> Length:
        if window.roughly > LONGEST_WINDOW:
            raise ValueError("write a day or less: what was said once is not remembered for longer")
        return window


class SesHook(Part):
    """[hooks.ses]: off until it has topics; its messages are signed with Amazon's certificate instead of a secret."""

    topics: tuple[str, ...] = Field(default=(), description="ARNs of the SNS topics that are believed and confirmed")
    certificate_file: Path | None = Field(
        default=None, description="a PEM to check signatures with, instead of fetching Amazon's"
    )


class Hooks(Part):
    """[hooks.NAME]: by service."""

    shopify: Hook = Hook()
    woocommerce: Hook = Hook()
    shopware: Hook = Hook()
    ses: SesHook = SesHook()
    sendgrid: DatedHook = DatedHook()
    mailgun: DatedHook = DatedHook()
    postmark: Hook = Hook()
    brevo: Hook = Hook()
    generic: DatedHook = DatedHook()


SHOPS: Final = ("shopify", "woocommerce", "shopware")
NAMES: Final = tuple(Hooks.model_fields)
SECRETS_OF: Final = {name: f"WINBACK_HOOKS_{name.upper()}_SECRETS" for name in NAMES if name != "ses"}
"""Variables that hold secrets, new and old with a comma between them."""
