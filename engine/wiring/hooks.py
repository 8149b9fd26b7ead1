"""The hooks that are on, by the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.hooks import (
    Brevo,
    Fetch,
    Generic,
    Mailgun,
    Postmark,
    SendGrid,
    Ses,
    ShopifyHook,
    ShopwareHook,
    Topics,
    WooCommerceHook,
)
from engine.ports import Hook
from engine.wiring.hook_settings import SECRETS_OF, SHOPS, DatedHook
from engine.wiring.settings import Settings, SettingsError


def hooks_of(settings: Settings, environment: Mapping[str, str], fetch: Fetch | None = None) -> list[Hook]:
    """Return the hooks that are on. `fetch` gets Amazon's certificates; over https, when left out.

    Raises:
        SettingsError: secrets or a certificate cannot be used, all of them told.

    """
    found: list[Hook] = []
    problems: list[str] = []
    secrets = _secrets(settings, environment, problems)
    prefixes = _prefixes(settings, secrets)
    for name, said in secrets.items():
        try:
            found.append(_made(name, said, settings, prefixes.get(name, "")))
        except ValueError as error:
            problems.append(f"hooks.{name}: {SECRETS_OF[name]}: {error}")
    if settings.hooks.ses.topics:
        try:
            found.append(
                Ses(Topics(settings.hooks.ses.topics, _certificate(settings.hooks.ses.certificate_file), fetch))
            )
        except (OSError, ValueError) as error:
            problems.append(f"hooks.ses.certificate_file: {getattr(error, 'strerror', None) or error}")
    elif settings.hooks.ses.certificate_file:
        problems.append("hooks.ses.topics: name the topics that are believed, such as arn:aws:sns:eu-west-1:…:mail")
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def prefix_of(shop: str, settings: Settings, environment: Mapping[str, str]) -> str:
    """Return what stands before the ids of a shop: nothing for one shop alone, its name where there are several."""
    return _prefixes(settings, _secrets(settings, environment, []))[shop]


def _prefixes(settings: Settings, secrets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    shops = {name for name in SHOPS if name in secrets}
    if settings.shop.kind is not None and settings.shop.poll is not None:
        shops.add(settings.shop.kind)
    return {name: f"{name}:" if len(shops) > 1 else "" for name in shops}


def _secrets(settings: Settings, environment: Mapping[str, str], problems: list[str]) -> dict[str, list[str]]:
    """Return the secrets of each hook that has some, the newest first."""
    found: dict[str, list[str]] = {}
    for name, variable in SECRETS_OF.items():
        file: Path | None = getattr(settings.hooks, name).secrets_file
        said = environment.get(variable, "").split(",")
        if file is not None and not any(said):
            try:
                said = file.read_text("utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"hooks.{name}.secrets_file: {file}: {getattr(error, 'strerror', None) or error}")
        if secrets := [each.strip() for each in said if each.strip()]:
            found[name] = secrets
    return found


def _made(name: str, secrets: Sequence[str], settings: Settings, prefix: str) -> Hook:
    said = getattr(settings.hooks, name)
    window = said.window.roughly if isinstance(said, DatedHook) else 0
    match name:
        case "shopify":
            return ShopifyHook(secrets, prefix=prefix)
        case "woocommerce":
            return WooCommerceHook(secrets, prefix=prefix)
        case "shopware":
            return ShopwareHook(secrets, prefix=prefix, where=f"{settings.links_begin_with}/hooks/shopware")
        case "sendgrid":
            return SendGrid(secrets, window=window)
        case "mailgun":
            return Mailgun(secrets, window=window)
        case "postmark":
            return Postmark(secrets)
        case "brevo":
            return Brevo(secrets)
        case _:
            return Generic(secrets, window=window)


def _certificate(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()
