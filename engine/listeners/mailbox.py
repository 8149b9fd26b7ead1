"""The local mailbox as pages of the ops listener: a list to search, and one message as its reader would see it.

A message's HTML is shown in a sandboxed frame of its own: it was made from customers' data, and runs nothing here.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import Protocol
from urllib.parse import quote, urlencode

from aiohttp import web

from engine.core.moments import Instant, moment

PAGE = 100
_FRAME_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: https:; style-src 'unsafe-inline'"
_SHOWN = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)


class Letter(Protocol):
    """One message of the mailbox."""

    @property
    def id(self) -> str:
        """Its id in addresses of pages."""
        ...

    @property
    def at(self) -> Instant:
        """When it was written."""
        ...

    @property
    def recipient(self) -> str:
        """Who it is for."""
        ...

    @property
    def subject(self) -> str:
        """Its subject."""
        ...


class Letters(Protocol):
    """What the pages need of a mailbox."""

    def letters(self, search: str = "", limit: int = 100, skip: int = 0) -> tuple[Sequence[Letter], int]:
        """Return the newest messages that hold the words, and how many there are of them."""
        ...

    def read(self, letter_id: str) -> bytes | None:
        """Return a message as it was written, None where there is none of this id."""
        ...


STYLE = """
:root{color-scheme:light dark;--ink:#1d2421;--soft:#5b6661;--paper:#fff;--ground:#f3f5f4;--line:#dfe5e2;--mark:#0f6b5c}
@media(prefers-color-scheme:dark){:root{--ink:#e9eeec;--soft:#a3afaa;--paper:#1b211f;--ground:#121615;--line:#2c3532;--mark:#5cc7b2}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main{max-width:60rem;margin:0 auto;padding:1.25rem}
header{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;justify-content:space-between;padding-bottom:0}
h1{margin:0;font-size:1.4rem;text-wrap:balance}
a{color:inherit}
input{font:inherit;padding:.5rem .8rem;border:1px solid var(--line);border-radius:.6rem;background:var(--paper);color:inherit;width:16rem;max-width:100%}
.sheet{background:var(--paper);border:1px solid var(--line);border-radius:.9rem;overflow:hidden;list-style:none;margin:0;padding:0}
.sheet li+li{border-top:1px solid var(--line)}
.sheet a{display:grid;grid-template-columns:minmax(9rem,15rem) 1fr auto;gap:1rem;padding:.75rem 1.1rem;text-decoration:none}
.sheet a:hover,.sheet a:focus-visible{background:var(--ground)}
.sheet span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.soft,time{color:var(--soft);font-size:.9rem;font-variant-numeric:tabular-nums}
a:focus-visible,input:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.pages{display:flex;justify-content:space-between;margin-top:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0 0 1.25rem;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
iframe{display:block;width:100%;height:75vh;border:0;background:#fff}
pre{margin:0;padding:1.1rem;white-space:pre-wrap;overflow-wrap:anywhere;font:.9rem/1.5 ui-monospace,Menlo,Consolas,monospace}
h2{font-size:1rem;margin:1.5rem 0 .5rem}
.empty{padding:3rem 1.5rem;text-align:center;color:var(--soft)}
@media(max-width:40rem){.sheet a{grid-template-columns:1fr auto}.sheet a .subject{grid-column:1/-1;grid-row:2}}
"""
_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def add_mailbox(app: web.Application, letters: Letters) -> None:
    """Add the pages to an application."""

    async def listed(request: web.Request) -> web.Response:
        search = request.query.get("q", "")[:200]
        skip = int(skipped) if (skipped := request.query.get("skip", "0")).isdecimal() and len(skipped) < 9 else 0
        found, total = letters.letters(search, PAGE, skip)
        return _html(_list_page(found, total, search, skip))

    async def one(request: web.Request) -> web.Response:
        letter_id = request.match_info["id"]
        mail = await _mail(letters, letter_id)
        return _html(_letter_page(letter_id, mail))

    async def body(request: web.Request) -> web.Response:
        mail = await _mail(letters, request.match_info["id"])
        html = f'<base target="_blank">{_part(mail, "html")}'
        headers = _HEADERS | {"Content-Security-Policy": _FRAME_POLICY}
        return web.Response(text=html, content_type="text/html", headers=headers)

    app.router.add_get("/mailbox", listed)
    app.router.add_get("/mailbox/{id}", one)
    app.router.add_get("/mailbox/{id}/html", body)


async def _mail(letters: Letters, letter_id: str) -> EmailMessage:
    raw = await asyncio.to_thread(letters.read, letter_id)
    if raw is None:
        raise web.HTTPNotFound(text="there is no such message")
    return message_from_bytes(raw, policy=policy.default)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _list_page(found: Sequence[Letter], total: int, search: str, skip: int) -> str:
    rows = "".join(
        f'<li><a href="/mailbox/{quote(letter.id)}"><span>{escape(letter.recipient)}</span>'
        f'<span class="subject">{escape(letter.subject)}</span><time>{moment(letter.at):%Y-%m-%d %H:%M}</time></a></li>\n'
        for letter in found
    )
    nothing = "No message holds these words." if search else "No message yet. Sends appear here as they leave."
    sheet = f'<ol class="sheet">\n{rows}</ol>' if rows else f'<p class="sheet empty">{nothing}</p>'
    head = (
        f'<h1>Mailbox <span class="soft">{total:,} messages, times in UTC</span></h1>\n<form><input type="search" name="q" '
        f'value="{escape(search)}" placeholder="Recipient or subject" aria-label="Search recipient or subject"></form>'
    )
    return _page("Mailbox", head, sheet + _turns(total, search, skip))


def _turns(total: int, search: str, skip: int) -> str:
    newer = f'<a href="?{_query(search, max(skip - PAGE, 0))}">Newer</a>' if skip else "<span></span>"
    older = f'<a href="?{_query(search, skip + PAGE)}">Older</a>' if skip + PAGE < total else ""
    return f'<nav class="pages">{newer}{older}</nav>' if skip or older else ""


def _query(search: str, skip: int) -> str:
    return escape(urlencode({"q": search, "skip": skip}))


def _letter_page(letter_id: str, mail: EmailMessage) -> str:
    named = "".join(f"<dt>{name}</dt><dd>{escape(str(mail[name]))}</dd>" for name in _SHOWN if mail[name] is not None)
    subject = str(mail["subject"] or "(no subject)")
    frame = (
        f'<div class="sheet"><iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="The message" '
        f'src="/mailbox/{quote(letter_id)}/html"></iframe></div>'
        if _part(mail, "html")
        else ""
    )
    text = f'<h2>Text</h2><div class="sheet"><pre>{escape(_part(mail, "plain"))}</pre></div>'
    return _page(subject, f'<h1>{escape(subject)}</h1><a href="/mailbox">Mailbox</a>', f"<dl>{named}</dl>{frame}{text}")


def _page(title: str, head: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · winback</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>{head}</header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
