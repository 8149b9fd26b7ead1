"""Whether anything takes in what comes back about mails."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.wiring.preflight.check import WARNING, Check, right, wrong
from engine.wiring.preflight.situation import Situation

NAME: Final = "returns"
_REPORTING: Final = ("ses", "sendgrid", "mailgun", "postmark", "brevo")
"""Hooks of mail services, which tell of bounces and complaints."""


def returns(situation: Situation, hooks_on: Collection[str]) -> Check:
    """Reports of failed mails, complaints and replies must come back, or dead addresses and a "no" go unheard."""
    settings = situation.settings
    hint = "name a mailbox or a listener under [incoming], or the hook of your mail service"
    if settings.sender.kind in ("mailbox", "kafka"):
        return right(NAME, "mails leave by the local mailbox or the shop's own service, so nothing comes back to us")
    if settings.incoming.takes_mail and settings.incoming.address:
        return right(NAME, f"reports come back to {settings.incoming.address}")
    by_hooks = [name for name in _REPORTING if name in hooks_on]
    if by_hooks:
        return right(NAME, f"bounces and complaints come by the hook of {', '.join(by_hooks)}")
    if settings.incoming.takes_mail:
        said = "[incoming] address is not set, so reports do not say which mail they are about: most prove nothing"
        return wrong(NAME, said, 'address = "b@bounces.YOUR-DOMAIN": one that reaches what takes mail in', WARNING)
    return wrong(NAME, "nothing takes bounces, complaints and replies in", hint, WARNING)
