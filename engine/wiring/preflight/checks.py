"""All checks of a preflight, made together.

What needs no look at the outside is pure; DNS, the unsubscribe page and the mail server are asked side by side. While mail
cannot leave this machine, what is wrong with the outside world or with what mails say keeps nobody from going live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from engine.core.links import Keys
from engine.ports import Clock
from engine.wiring.preflight.check import ERROR, WARNING, Check, wrong
from engine.wiring.preflight.codes import MakesCodes, codes
from engine.wiring.preflight.dns import NoAnswerError, Resolver
from engine.wiring.preflight.domain import about_domain, asked
from engine.wiring.preflight.hooks import HooksOn, hooks
from engine.wiring.preflight.inside import inside
from engine.wiring.preflight.reach import MailServer, Post, Service, post, service, tls, unsubscribe_post
from engine.wiring.preflight.received import NotAMailError, Received, read, signed_headers
from engine.wiring.preflight.returns import returns
from engine.wiring.preflight.situation import Situation

ALWAYS = frozenset({"suppressions", "workflows", "templates"})
"""What must be right even for a rehearsal on the local mailbox."""


class Probes(Struct, frozen=True, kw_only=True):
    """What the outside world is looked at with.

    `server` is the mail server or `service` the mail service that mail leaves by, both None where the sender is the
    mailbox; `signs` has the public half of our own key by its (selector, domain); `shop` makes codes.
    """

    clock: Clock
    keys: Keys
    nonce: str
    resolver: Resolver
    server: MailServer | None = None
    service: Service | None = None
    signs: Mapping[tuple[str, str], bytes] = {}
    shop: MakesCodes | None = None
    hooks: HooksOn = HooksOn()
    send: Post = post


def is_ready(checks: Sequence[Check]) -> bool:
    """Say whether nothing keeps the shop from going live."""
    return all(check.level != ERROR for check in checks)


async def preflight(situation: Situation, probes: Probes, received: bytes | None = None) -> list[Check]:
    """Make all checks. `received` is a test mail as it arrived elsewhere."""
    mail, unreadable = await _read(received, probes.resolver)
    said, domain = situation.settings.sender, situation.sender_domain
    addresses = [str(each) for each in said.sends_from]
    keys = [*probes.signs, *((selector, domain) for selector in said.dkim_selectors)]
    if mail is not None:
        addresses += [mail.address] if mail.address else []
        keys += [(each.selector, each.domain) for each in mail.signatures]
    questions = about_domain(
        domain,
        list(dict.fromkeys(addresses)),
        list(dict.fromkeys(keys)),
        probes.resolver,
        probes.signs,
        envelope=situation.envelope_domain,
    )
    looked = await asyncio.gather(
        unsubscribe_post(situation, probes.keys, probes.nonce, probes.send),
        *(asyncio.to_thread(asked, name, domain, check) for name, check in questions),
        tls(situation, probes.server) if probes.service is None else service(situation, probes.service),
        codes(situation, probes.shop),
    )
    back = returns(situation, probes.hooks.names)
    known = [*inside(situation), hooks(situation, probes.hooks), back]
    checks = [*known, *looked, unreadable or signed_headers(mail, domain)]
    return [_weighed(check, situation) for check in checks]


async def _read(received: bytes | None, resolver: Resolver) -> tuple[Received | None, Check | None]:
    if received is None:
        return None, None
    try:
        return await asyncio.to_thread(read, received, resolver), None
    except (NotAMailError, NoAnswerError) as error:
        return None, wrong("signed_headers", f"the received mail cannot be read: {error}", "save it whole, as .eml")


def _weighed(check: Check, situation: Situation) -> Check:
    if check.level == ERROR and check.name not in ALWAYS and not situation.reaches_people:
        return replace(check, level=WARNING)
    return check
