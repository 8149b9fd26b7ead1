"""AWS Signature Version 4, for requests whose body is at hand.

By https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Written here because the
library for it (botocore) brings the descriptions of every service along, 90 MB, for what is four HMACs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from engine.core.moments import Instant, moment

ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Credentials(Struct, frozen=True):
    """Who signs, and for what: an access key, its secret, a region such as eu-central-1, and a service such as ses."""

    key_id: str
    secret: str
    region: str
    service: str


def authorization(
    credentials: Credentials, method: str, target: str, headers: Mapping[str, str], body: bytes, now: Instant
) -> str:
    """Return the header Authorization of a request.

    Args:
        credentials: who signs.
        method: in capitals.
        target: path and query as they are sent, encoded once; the query's parts are sorted here.
        headers: all that are to be signed, host and x-amz-date among them.
        body: the whole body.
        now: the instant that x-amz-date says.

    """
    path, _, query = target.partition("?")
    lowered = {name.casefold(): " ".join(text.split()) for name, text in headers.items()}
    signed = ";".join(sorted(lowered))
    canonical = "\n".join(
        [
            method,
            quote(path or "/", safe="/-_.~"),
            "&".join(sorted(part if "=" in part else f"{part}=" for part in query.split("&") if part)),
            *(f"{name}:{lowered[name]}" for name in sorted(lowered)),
            "",
            signed,
            sha256(body).hexdigest(),
        ]
    )
    day = f"{moment(now):%Y%m%d}"
    scope = f"{day}/{credentials.region}/{credentials.service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, amz_date(now), scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), sha256).hexdigest()
    return f"{ALGORITHM} Credential={credentials.key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def amz_date(now: Instant) -> str:
    """Return an instant as x-amz-date has it."""
    return f"{moment(now):%Y%m%dT%H%M%SZ}"
