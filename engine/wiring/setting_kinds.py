"""Kinds of values that settings hold, and what a table of winback.toml is."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from engine.core.moments import MINUTE, Length
from engine.language.values import Wrong, length

POSTGRES_URLS = ("postgresql://", "postgres://")
EXAMPLE_URL = "postgresql://winback@127.0.0.1/winback"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Part(BaseModel):
    """A table of winback.toml; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _place(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("write a host and a port, such as 127.0.0.1:8080")
    return text


def _length(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return length(value)
        except Wrong as wrong:
            raise ValueError(f"{wrong}; {wrong.hint}" if wrong.hint else str(wrong)) from None
    if isinstance(value, Length):
        return value
    raise ValueError('write a number and a unit in quotes, such as "72h"')


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("write it whole, such as https://mail.shop.example")
    return text.rstrip("/")


def _postgres_url(text: str) -> str:
    if not text.startswith(POSTGRES_URLS):
        raise ValueError(f"write it whole, such as {EXAMPLE_URL}")
    return text


def _safe_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "https" and parts.hostname:
        return text
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return text
    raise ValueError("write an https address; http is for this machine alone, such as http://127.0.0.1:9000/effects")


HostAndPort = Annotated[str, AfterValidator(_place)]
Url = Annotated[str, AfterValidator(_url)]
SafeUrl = Annotated[str, AfterValidator(_safe_url)]
"""Where customers' data may be sent to: over TLS, or to this machine."""

PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]

Span = Annotated[Length, BeforeValidator(_length)]


def _often(value: Any) -> Any:
    found = None if value in (None, "off") else _length(value)
    if found is not None and found.roughly < MINUTE:
        raise ValueError("write a length of a minute or more, or off")
    return found


Often = Annotated[Length | None, BeforeValidator(_often)]
"""How often something is done; `off` is never."""
