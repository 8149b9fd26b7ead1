"""Whether shops and mail services can tell us what happens."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct

from engine.wiring.preflight.check import WARNING, Check, right, wrong
from engine.wiring.preflight.situation import Situation, is_loopback

NAME = "hooks"


class HooksOn(Struct, frozen=True):
    """The hooks that are on, by name; `trouble` says why their settings cannot be used, empty when they can."""

    names: tuple[str, ...] = ()
    trouble: str = ""


def hooks(situation: Situation, found: HooksOn) -> Check:
    """Each hook that is on has secrets that are some, and an address that services reach."""
    if found.trouble:
        said = "; ".join(found.trouble.splitlines())
        return wrong(
            NAME, f"hooks cannot be used: {said}", "put it right in winback.toml or the variables, then restart"
        )
    if not found.names:
        said = "no hook is on, so no shop and no mail service tells what happens"
        return right(NAME, said, "a hook is on as soon as it has secrets: WINBACK_HOOKS_SHOPIFY_SECRETS")
    listed, url = ", ".join(found.names), urlsplit(situation.settings.public_url or "")
    if url.scheme != "https" or is_loopback(url.hostname or ""):
        said = f"on: {listed}; but no service can reach them over https at {situation.settings.links_begin_with}"
        return wrong(NAME, said, "set public_url to where your proxy hands on to [listen] public", WARNING)
    return right(
        NAME, f"on: {', '.join(f'{situation.settings.links_begin_with}/hooks/{name}' for name in found.names)}"
    )
