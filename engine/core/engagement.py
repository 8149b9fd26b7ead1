"""Who opened or clicked, as far as one request tells: a person, a machine, or nobody can say.

Judged once, where bytes become events, since address and browser are not kept. What needs the customer's past (how soon
after the mail, how many links how fast) is judged from their record: `engine.core.clicks`. Nothing is dropped for what it
is found to be; it is marked, with the reason.

A mail service that says so itself is believed. Names of programs are matched by what no browser of a person bears: bare
words such as `java` or `security` are not among them, nor `bot`, which is part of the name of a telephone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from engine.core.events import Mail

IsApples = Callable[[str], bool]
"""Says whether an internet address lies in the ranges that Apple publishes."""

HIDDEN_LINK: Final = "hidden_link"
MANY_RECIPIENTS: Final = "many_recipients"
WORDS: Final = {
    HIDDEN_LINK: "followed the hidden link",
    MANY_RECIPIENTS: "one visitor for many recipients at once",
    "request": "asked in a way that no browser does for a person",
    "no_user_agent": "a visitor that names no browser",
    "scanner": "a program by its own name",
    "apple_proxy": "Apple's mail proxy, which fetches every picture",
    "google_prefetch": "Gmail, ahead of the reader",
    "google_proxy": "Gmail's proxy, for a reader or ahead of one",
    "yahoo_proxy": "Yahoo's proxy, for a reader or ahead of one",
    "unknown_proxy": "bears the name of Apple's proxy, from an address that is not Apple's",
}
"""What the short words of `why` mean. Reasons that count something (`3 links in 2 s`) say it themselves."""

_ASKED_BY_BROWSERS = ("GET", "POST")
_APPLE = "Mozilla/5.0"
_GOOGLE_PREFETCH = "Edge/12.246 Mozilla/5.0"
_LONGEST = 500
_PROGRAMS = (
    "microsoft office existence discovery",
    "safelinks",
    "barracuda",
    "proofpoint",
    "mimecast",
    "ironport",
    "trendmicro",
    "trend micro",
    "fortiguard",
    "fortisandbox",
    "sophos",
    "messagelabs",
    "fireeye",
    "zscaler",
    "forcepoint",
    "cloudmark",
    "avanan",
    "virustotal",
    "spamassassin",
    "headlesschrome",
    "phantomjs",
    "python-requests",
    "python-urllib",
    "python/",
    "aiohttp/",
    "go-http-client",
    "curl/",
    "wget/",
    "libwww-perl",
    "java/",
    "apache-httpclient",
    "node-fetch",
    "axios/",
    "scrapy",
    "googlebot",
    "bingbot",
    "slackbot",
    "twitterbot",
    "linkedinbot",
    "telegrambot",
    "discordbot",
    "facebookexternalhit",
    "bot/",
    "crawler",
    "+http",
)


def told_apart(mail: Mail, is_apples: IsApples | None = None) -> Mail:
    """Return what an opening or a click tells, with what its request says of who did it.

    Args:
        mail: as it came. What its sender says of it (`machine` is set) stands, but that nobody follows a hidden link.
        is_apples: says whether an address is one of Apple's, where the shop named the file of them.

    """
    if mail.hidden:
        return _by_machine(mail, HIDDEN_LINK)
    if mail.machine is not None or not (mail.user_agent or mail.method):
        return mail
    agent = mail.user_agent
    if program := _program(mail.method, agent[:_LONGEST].strip()):
        return _by_machine(mail, program)
    if agent == _APPLE:
        if is_apples is None or not mail.ip or is_apples(mail.ip):
            return _by_machine(mail, "apple_proxy")
        return _unverified(mail, "unknown_proxy")
    if "GoogleImageProxy" in agent:
        return _unverified(mail, "google_proxy")
    return _unverified(mail, "yahoo_proxy") if "YahooMailProxy" in agent else mail


def is_human(said: Callable[[str], Any]) -> bool:
    """Say whether an opening or a click counts as a person's, by its fields `machine` and `unverified`."""
    return not (said("machine") or said("unverified"))


def asks_by_whom(where: Mapping[str, Any]) -> bool:
    """Say whether a `where:` asks who did it, so that not only what people did counts."""
    return "machine" in where or "unverified" in where


def in_words(why: tuple[str, ...]) -> str:
    """Say reasons so that people understand them."""
    return ", ".join(WORDS.get(each, each) for each in why)


def _program(method: str, agent: str) -> str:
    """Return what proves a program, whatever else is known; empty where nothing does."""
    if method and method.upper() not in _ASKED_BY_BROWSERS:
        return "request"
    if not agent:
        return "no_user_agent"
    if agent.endswith(_GOOGLE_PREFETCH):
        return "google_prefetch"
    named = agent.lower()
    return "scanner" if any(each in named for each in _PROGRAMS) else ""


def _by_machine(mail: Mail, reason: str) -> Mail:
    return replace(mail, machine=True, why=(*mail.why, reason) if reason not in mail.why else mail.why)


def _unverified(mail: Mail, reason: str) -> Mail:
    return replace(mail, unverified=True, why=(*mail.why, reason) if reason not in mail.why else mail.why)
