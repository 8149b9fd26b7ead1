"""Which receivers of effects there are, by the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connectors.team_mail import TeamMail
from connectors.webhooks import Webhook, WebhookSettings
from engine.core.standard_webhooks import BadSecretError, secret_of
from engine.ports import Clock, Receiver, Sender
from engine.rendering.envelope import Desk
from engine.wiring.secret import from_file
from engine.wiring.settings import PREFIX, Settings, SettingsError
from engine.wiring.shops import code_maker


def receivers_of(
    settings: Settings, environment: Mapping[str, str], clock: Clock, sender: Sender, desk: Callable[[], Desk]
) -> tuple[Receiver, ...]:
    """Return the receivers that the settings name.

    Args:
        settings: which they are.
        environment: where secrets may be.
        clock: the time of day.
        sender: takes mails to teams.
        desk: returns who writes them, as of now.

    Raises:
        SettingsError: secrets are missing or cannot be read; all of them are told.

    """
    shop = code_maker(settings.shop, environment)
    return (*_webhooks(settings, environment, clock), *_teams(settings, sender, desk), *([shop] if shop else []))


def _webhooks(settings: Settings, environment: Mapping[str, str], clock: Clock) -> list[Receiver]:
    found: list[Receiver] = []
    problems = []
    for name, said in settings.webhooks.items():
        try:
            secrets = _secrets_of(settings, name, environment)
        except SettingsError as error:
            problems.append(str(error))
            continue
        made = WebhookSettings(
            name=f"webhooks.{name}",
            url=said.url,
            secrets=secrets,
            types=frozenset(said.take),
            channels=frozenset(said.channels),
            at_once=said.at_once,
            timeout=said.timeout,
        )
        found.append(Webhook(made, clock))
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def _secrets_of(settings: Settings, name: str, environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return a webhook's secrets: separated by commas in the variable, a line each in the file."""
    variable = f"{PREFIX}WEBHOOKS_{name.upper()}_SECRET"
    text = from_file(settings.webhooks[name].secret_file, variable, environment)
    written = [each.strip() for line in text.splitlines() for each in line.split(",") if each.strip()]
    where = f"webhooks.{name}: {variable}, or the file that secret_file names"
    if not written:
        raise SettingsError(
            f"{where}, must hold the secret that it is signed with, such as whsec_ and 32 bytes in base64"
        )
    try:
        return tuple(secret_of(each) for each in written)
    except BadSecretError as error:
        raise SettingsError(f"{where}: {error}") from None


def _teams(settings: Settings, sender: Sender, desk: Callable[[], Desk]) -> Iterator[Receiver]:
    for name, said in settings.teams.items():
        yield TeamMail(name, said.mail, sender, desk, settings.console_begins_with, settings.sender.only_to)
