"""SendGrid's Event Webhook (docs.sendgrid.com: event-webhook reference and security features; read 2026-11).

Signed with ECDSA over P-256 and SHA-256: `timestamp + raw body`, checked with the public key of the settings. Custom
arguments stand among an event's own fields. `sg_event_id` is the id of an event, the same when it comes again.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from connectors.hooks.mail import METADATA, Kind, Mailed, Refused, bounced, kept_back, told
from connectors.hooks.signing import WINDOW, check_time, from_base64, must_have
from connectors.hooks.telling import JSON, number_of, read_objects, since_1970, text
from engine.ports import ForgedError, Heard, HookCall

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


class SendGrid:
    """Takes what SendGrid tells of mails."""

    name = "sendgrid"

    def __init__(self, keys: Sequence[str], *, window: int = WINDOW) -> None:
        """Take the verification keys as SendGrid shows them: base64 of a public key.

        Raises:
            ValueError: one of them is not.

        """
        self._keys = [_key_of(each) for each in keys]
        self._window = window

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, and say what happened."""
        signature = from_base64(must_have(call.headers.get(SIGNATURE), SIGNATURE))
        seconds = must_have(call.headers.get(TIMESTAMP), TIMESTAMP)
        if not any(_made(key, signature, seconds.encode() + call.body) for key in self._keys):
            raise ForgedError("the signature is wrong")
        check_time(seconds, call.now, self._window)
        return Heard(tuple(each for said in read_objects(call.body) for each in _events(said)))

    async def close(self) -> None:
        """Nothing is open."""


def _key_of(written: str) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(b64decode(written, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError("write the verification key as SendGrid shows it (Settings, Mail Settings, Event Webhook)")


def _made(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _events(said: JSON) -> Iterator[bytes]:
    kind, time = text(said, "event"), since_1970(said.get("timestamp"))
    message_id = text(said, METADATA) or text(said, "smtp-id")
    mail = Mailed(source="sendgrid", address=text(said, "email"), message_id=message_id)
    number = text(said, "sg_event_id") or number_of(kind, mail.message_id, mail.address, time, text(said, "url"))
    match kind:
        case "delivered":
            yield told(mail, "email.delivered", number, time)
        case "bounce" | "blocked":
            yield bounced(mail, number, time, _refused(said))
        case "dropped":  # by SendGrid, which had it on a list of its own: it was never offered to a server
            yield kept_back(mail, number, time, text(said, "reason"))
        case "open":
            machine = True if said.get("sg_machine_open") is True else None
            yield told(mail, "email.opened", number, time, machine=machine, **_device(said))
        case "click":
            yield told(mail, "email.clicked", number, time, link=text(said, "url"), **_device(said))
        case "spamreport":
            yield told(mail, "email.complained", number, time)
        case "unsubscribe" | "group_unsubscribe":
            yield told(mail, "email.unsubscribed", number, time, list=text(said, "asm_group_id"))
        case _:
            return  # processed, deferred, group_resubscribe: nothing that says more about the customer


def _device(said: JSON) -> JSON:
    return {"user_agent": text(said, "useragent"), "ip": text(said, "ip")}


def _refused(said: JSON) -> Refused:
    """Return a refusal: `type` tells a bounce from a block, `bounce_classification` what SendGrid takes it for."""
    known, kind = text(said, "bounce_classification").casefold(), text(said, "type") or text(said, "event")
    is_bounce = kind == "bounce"
    dead = is_bounce and known == "invalid address"
    return Refused(
        words=text(said, "reason") or text(said, "response"),
        status=text(said, "status"),
        otherwise="dead" if dead else _CLASSES.get(known, _KINDS.get(kind, "soft")),
        at_worst_dead=dead or (is_bounce and not known),
        permanent=kind != "expired",
    )


_CLASSES: dict[str, Kind] = {
    "content": "spam",
    "reputation": "policy",
    "frequency or volume too high": "policy",
    "technical": "soft",
}
_KINDS: dict[str, Kind] = {"bounce": "doubtful", "blocked": "policy"}
