"""What a preflight is about: the shop as it is set up, without a look at the outside world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from engine.core.moments import Instant
from engine.core.rules import Mode, Offer, RuleSet, Send, sends_of
from engine.rendering import Brand
from engine.wiring.composing import desk
from engine.wiring.settings import Settings

_FOR_EXAMPLES = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
"""Names that are nobody's (RFC 2606 and 6761): no mail from there can be checked by anybody."""


class Situation(Struct, frozen=True, kw_only=True):
    """The shop as it is set up.

    `templates` are the names of those in force; `errors` counts what keeps the files of a first start from being applied.
    `suppressions_at` is when suppressions were imported, 0 never; `none_elsewhere`: somebody said that there are none.
    `codes_left` says how many codes each offer with a pool has to give. `now` and `accepted` are the clock and the last instant the engine has given.
    """

    settings: Settings
    rules: RuleSet
    brand: Brand
    templates: tuple[str, ...]
    suppressions_at: Instant = 0
    none_elsewhere: bool = False
    errors: int = 0
    codes_left: Mapping[str, int] = {}
    now: Instant = 0
    accepted: Instant = 0

    @property
    def reaches_people(self) -> bool:
        """Whether mail leaves this machine: by a mail server or service that is not on loopback."""
        said = self.settings
        if said.sender.kind == "http":
            return not is_loopback(urlsplit(said.service.address).hostname or "")
        return said.sender.kind != "mailbox" and not is_loopback(said.smtp.host)

    @property
    def sender_address(self) -> str:
        """The address in From."""
        return desk(self.settings, self.brand).address

    @property
    def sender_domain(self) -> str:
        """Its domain."""
        return self.sender_address.rpartition("@")[2].casefold()

    @property
    def envelope_domain(self) -> str:
        """The domain of the envelope's sender: where reports go, which is the one that SPF is asked of."""
        bounces_to = self.settings.incoming.address
        return bounces_to.rpartition("@")[2].casefold() if bounces_to else self.sender_domain

    @property
    def live(self) -> tuple[str, ...]:
        """The names of the live workflows."""
        return tuple(sorted(name for name, each in self.rules.switches.items() if each.mode is Mode.LIVE))

    def live_sends(self) -> Iterator[Send]:
        """Yield each send of a live workflow."""
        for name in self.live:
            for stage in self.rules.workflows[name].stages:
                for step in stage.steps:
                    yield from sends_of(step)

    def live_offers(self) -> dict[str, Offer]:
        """Return the offers that live workflows make, by name."""
        named = {send.offer for send in self.live_sends() if send.offer}
        return {name: self.rules.offers[name] for name in sorted(named)}


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, seen from itself."""
    bare = host.strip("[]").casefold()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def is_for_examples(domain: str) -> bool:
    """Say whether a domain is one that exists in examples only."""
    return any(domain == name or domain.endswith(f".{name}") for name in _FOR_EXAMPLES)
