"""What a request says: in which language, who asks, what is looked for, and whether a form comes from a page of ours."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from engine.core.rules import Standing
from engine.listeners.console.customers import HINDRANCES
from engine.listeners.console.sights import Search
from engine.listeners.console.words import LANGUAGES

LANGUAGE: Final = "winback_language"
"""The cookie that remembers the language that was chosen."""


def search_of(query: Mapping[str, str]) -> Search:
    """Return what is looked for; values that no link of ours has count as not given."""
    standing, hindrance = query.get("standing", ""), query.get("hindrance", "")
    known = standing in {each.value for each in Standing}
    return Search(
        words=query.get("words", "").strip()[:300],
        standing=standing if known else "",
        hindrance=hindrance if known and hindrance in HINDRANCES else "",
        workflow=query.get("workflow", "")[:200],
        stage=query.get("stage", "")[:200],
        waiting=query.get("waiting") == "yes",
        after=query.get("after", "")[:400],
    )


def language_of(request: web.Request) -> str:
    """Return the language of a page: asked for, else chosen before, else the first the browser takes and we have."""
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept-Language", "").split(",")]
    for wish in (request.query.get("lang", ""), request.cookies.get(LANGUAGE, ""), *accepted):
        base = wish.partition("-")[0].lower()
        if base in LANGUAGES:
            return base
    return "en"


def user_of(request: web.Request) -> str:
    """Return the user's name of basic authentication, which whoever has the token may choose; empty without one."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(given, validate=True).decode().partition(":")[0].strip()[:80]
    except (NotBase64, ValueError):
        return ""


def is_from_here(request: web.Request) -> bool:
    """Say whether a form was sent by a page of ours, as far as the browser tells."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    return site == "same-origin" and (origin is None or urlsplit(origin).netloc == request.host)


def local_path(path: str) -> str:
    """Return a path of ours to go back to; a form must not lead elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
