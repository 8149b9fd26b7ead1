"""Which effects leave the engine, and what the outside is told of them."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.effects import SEND_GIVEN_OUT, SEND_REQUESTED, Effect
from engine.core.shop import Shop


def may_leave(effect: Effect, shop: Shop) -> bool:
    """Say whether an effect leaves otherwise than as a mail.

    Shadow effects never do, nor does anything decided before `go-live`. A requested send does not: mails leave by the
    relay, and are told to nobody who could send them again; what is no mail leaves when the relay has given it out.
    """
    if effect.shadow or effect.type == SEND_REQUESTED or not shop.gone_live:
        return False
    return effect.time >= shop.live_since and effect.data.get("outcome") != "rehearsal"


def told(effect: Effect) -> Effect:
    """Return the effect as the outside is told of it: what was given out is a requested send, with its text."""
    return replace(effect, type=SEND_REQUESTED) if effect.type == SEND_GIVEN_OUT else effect
