"""What a preflight looks with, made from the settings."""

from __future__ import annotations

import secrets as chance
from collections.abc import Mapping, Sequence

from engine.core.links import Keys
from engine.ports import Clock
from engine.wiring.hooks import hooks_of
from engine.wiring.mail_services import mail_service_of
from engine.wiring.preflight.checks import Probes
from engine.wiring.preflight.dns import DnsResolver
from engine.wiring.preflight.hooks import HooksOn
from engine.wiring.secret import keys_of
from engine.wiring.senders import mail_server_of, signer_of
from engine.wiring.settings import Settings, SettingsError
from engine.wiring.shops import code_maker


def probes_of(
    settings: Settings, environment: Mapping[str, str], clock: Clock, keys: Keys, name_servers: Sequence[str] = ()
) -> Probes:
    """Return what looks at the world as the settings have it. `name_servers` are asked instead of the system's.

    Raises:
        SettingsError: a password or key is missing or cannot be used, or the shop's settings are not whole.
        ValueError: a name server is no address.

    """
    kind = settings.sender.kind
    server = None if kind in ("mailbox", "http") else mail_server_of(settings, environment, clock)
    service = mail_service_of(settings, environment, clock) if kind == "http" else None
    signer = signer_of(settings, environment) if kind != "http" else None
    signs = {} if signer is None else {(signer.selector, signer.domain): signer.public_key}
    nonce = f"preflight-{chance.token_hex(8)}"
    shop = code_maker(settings.shop, environment)
    resolver = DnsResolver(name_servers)
    return Probes(
        clock=clock,
        keys=keys,
        nonce=nonce,
        resolver=resolver,
        server=server,
        service=service,
        signs=signs,
        shop=shop,
        hooks=_hooks_on(settings, environment),
    )


def _hooks_on(settings: Settings, environment: Mapping[str, str]) -> HooksOn:
    try:
        return HooksOn(tuple(hook.name for hook in hooks_of(settings, environment)))
    except SettingsError as error:
        return HooksOn(trouble=str(error))


def keys_to_ask_with(settings: Settings, environment: Mapping[str, str]) -> Keys:
    """Return the keys of links; before there is a secret some others, since to look must not make one.

    Raises:
        SettingsError: the secret cannot be used.

    """
    if environment.get("WINBACK_SECRET") or settings.secret_place.exists():
        return keys_of(settings, environment).links
    return Keys({1: chance.token_bytes(32)})
