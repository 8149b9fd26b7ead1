"""Any tool that speaks Standard Webhooks (https://www.standardwebhooks.com, 1.0), with CloudEvents inside.

The signature covers id, time and body, so what was sent once can be brought again by anybody for minutes and says the
same: events know that by their ids. Signatures of other kinds (`v1a`) stand beside ours and are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connectors.hooks.signing import WINDOW, check_hmac, check_time, from_base64, must_have
from engine.core.standard_webhooks import secret_of, signed_part
from engine.ports import Heard, HookCall, UnreadableError

MOST_SIGNATURES = 16
"""In one header; who changes secrets sends two."""


class Generic:
    """Takes CloudEvents, one or an array of them."""

    name = "generic"

    def __init__(self, secrets: Sequence[str], *, window: int = WINDOW) -> None:
        """Take the secrets as they are written: whsec_ and base64.

        Raises:
            BadSecretError: one of them is not.

        """
        self._secrets = [secret_of(each) for each in secrets]
        self._window = window

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, and return the events as they are."""
        number = must_have(call.headers.get("webhook-id"), "webhook-id")
        seconds = must_have(call.headers.get("webhook-timestamp"), "webhook-timestamp")
        given = must_have(call.headers.get("webhook-signature"), "webhook-signature")
        signed = signed_part(number, seconds, call.body)
        ours = [each.removeprefix("v1,") for each in given.split(" ")[:MOST_SIGNATURES] if each.startswith("v1,")]
        check_hmac(self._secrets, signed, *(from_base64(each) for each in ours))
        check_time(seconds, call.now, self._window)
        return Heard(_cut(call.body))

    async def close(self) -> None:
        """Nothing is open."""


def _cut(body: bytes) -> tuple[bytes, ...]:
    bare = body.removeprefix(b"\xef\xbb\xbf")
    try:
        if bare.lstrip()[:1] == b"[":
            return tuple(bytes(each) for each in _decode_many(bare))
        _decode_one(bare)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError("the body is no CloudEvent in JSON, nor an array of them") from None
    except RecursionError:
        return (bare,)  # too deep to be cut; reading says so, and keeps it
    return (bare,)


_decode_one = msgspec.json.Decoder(msgspec.Raw).decode
_decode_many = msgspec.json.Decoder(list[msgspec.Raw]).decode
