"""`breaker:` of lifecycle.yaml as frozen values: what share of mails may fail before marketing stops by itself."""

from __future__ import annotations

from msgspec import Struct

from engine.core.rules.terms import Share


class BreakerRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The limits: complaints where they are reported, `warn` of them, dead addresses, policy answers, unsubscribes."""

    complaints: Share = 30
    warn: Share = 10
    dead: Share = 200
    policy: Share = 500
    unsubscribes: Share = 200
