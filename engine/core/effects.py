"""Effects: what the world is asked to do, or told. Every effect is a CloudEvent too."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from engine.core.moments import Instant, rfc3339

SEND_REQUESTED = "winback.send.requested"
SEND_GIVEN_OUT = "winback.send.given_out"  # kept, and told outside as what was requested, with its text
SEND_HELD_OUT = "winback.send.held_out"
SEND_DEFERRED = "winback.send.deferred"
SEND_DROPPED = "winback.send.dropped"
STEP_HELD_OUT = "winback.step.held_out"
SUPPRESSED = "winback.suppressed"
RESUMED = "winback.resumed"
NEWSLETTER_ADAPTED = "winback.newsletter_adapted"
HANDED_OFF = "winback.handed_off"
ACCOUNT_CLOSING = "winback.account_closing"
ACCOUNT_CLOSED = "winback.account_closed"
EMITTED = "winback.emitted"
TAGGED = "winback.tagged"
UNTAGGED = "winback.untagged"
STANDING_CHANGED = "winback.standing_changed"
ADDRESS_CHANGED = "winback.address_changed"
RUN_STARTED = "winback.run_started"
RUN_MOVED = "winback.run_moved"
RUN_ENDED = "winback.run_ended"
COUPON_ISSUED = "winback.coupon_issued"
COUPON_VOIDED = "winback.coupon_voided"

TOLD: tuple[str, ...] = (
    SEND_REQUESTED,
    SEND_HELD_OUT,
    SEND_DEFERRED,
    SEND_DROPPED,
    STEP_HELD_OUT,
    SUPPRESSED,
    RESUMED,
    NEWSLETTER_ADAPTED,
    HANDED_OFF,
    ACCOUNT_CLOSING,
    ACCOUNT_CLOSED,
    EMITTED,
    TAGGED,
    UNTAGGED,
    STANDING_CHANGED,
    ADDRESS_CHANGED,
    RUN_STARTED,
    RUN_MOVED,
    RUN_ENDED,
    COUPON_ISSUED,
    COUPON_VOIDED,
)
"""Every type that the outside knows."""

CHANNELS_BUT_EMAIL: tuple[str, ...] = ("letter", "phone", "sms", "push")
"""What is written on these is given out to whoever takes requested sends."""


class Effect(Struct, frozen=True, gc=False):
    """One effect. `effect_id` names the act; it is the same in a deferral and in the send that follows.

    `ordinal` counts effects of one act and type, so that the CloudEvent's id (`effect_id.type.ordinal`) is unique.
    `shadow` effects are recorded and never leave.
    """

    type: str
    time: Instant
    customer: str
    effect_id: str
    data: dict[str, Any]
    ordinal: int = 0
    shadow: bool = False

    @property
    def id(self) -> str:
        """The CloudEvent's id."""
        kind = self.type.removeprefix("winback.")
        return f"{self.effect_id}.{kind}.{self.ordinal}"

    def cloud_event(self) -> dict[str, Any]:
        """The effect as a CloudEvent 1.0, keys in the order they are written."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": "winback",
            "type": self.type,
            "time": rfc3339(self.time),
            "subject": self.customer,
            "data": {"effect_id": self.effect_id, **self.data},
        }


_encoder = msgspec.json.Encoder()


def line(effect: Effect) -> bytes:
    """Return the effect as one line of `effects.jsonl`."""
    return _encoder.encode(effect.cloud_event()) + b"\n"
