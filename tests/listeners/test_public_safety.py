"""What anybody may try on the public listener: the rows of the table in docs/reference/public-pages.md."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.hdrs import METH_ALL

from engine.core.links import (
    ANSWER,
    CLICK,
    CONFIRM,
    OPEN,
    PAGES,
    PREFERENCES,
    QUESTION,
    SURVEY,
    UNSUBSCRIBE,
    Keys,
    Link,
)
from engine.core.preferences import Preferences
from engine.listeners import READ, Answers, Notes, Running, Shopfront, public_app, serve
from tests.listeners.conftest import World

PAGE = Path(__file__).parents[2] / "docs/reference/public-pages.md"
SHOP = Shopfront(name="Tee & Söhne", support_email="help@shop.example", url="https://shop.example")
TARGET = "https://shop.example/tea"
ASKS = (UNSUBSCRIBE, CONFIRM, ANSWER, QUESTION, SURVEY, PREFERENCES)
KINDS = (*ASKS, CLICK, OPEN)
EVIL = "evil<script>alert(1)</script>"


async def nobody(_: str) -> Preferences | None:
    """Nobody is known."""
    return None


Open = Callable[..., Any]


@pytest.fixture
def listener(world: World, keys: Keys) -> Open:
    """Return what opens the public listener on this machine, with the real limits unless others are said."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Running]:
        answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "")
        notes = Notes(world.intake(), READ)
        app = public_app(keys, answers, SHOP, lambda: "", clock=world.clock, notes=notes, known=nobody)
        running = await serve(app, "127.0.0.1", 0, **options)
        try:
            yield running
        finally:
            await running.stop()

    return opened


def path(keys: Keys, kind: str) -> str:
    """Return the path of a good link of a kind."""
    token = keys.seal(Link(kind, "c1", "newsletter", "e1", language="en", target=TARGET if kind == CLICK else ""))
    return f"/{PAGES[kind]}/{token}" + ".gif" * (kind == OPEN)


async def told(running: Running, request: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    async with asyncio.timeout(10):
        writer.write(request)
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
        writer.close()
    return answer


RUBBISH = [
    b"GET /u/SECRET" + EVIL.encode() + b" HTTP/9.9\r\nHost: a\r\n\r\n",
    EVIL.encode() + b" /u/SECRET HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /u/SECRET HTTP/1.1\r\n" + EVIL.encode() + b": a\r\n\r\n",
    b"GET /u/SECRET HTTP/1.1\r\nHost: a\r\nX: " + EVIL.encode() + b"y" * 20_000 + b"\r\n\r\n",
    b"GET /u/SECRET" + EVIL.encode() + b"z" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /u/SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: -5" + EVIL.encode() + b"\r\n\r\n",
    b"POST /u/SECRET HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"POST /u/SECRET HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + EVIL.encode() + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + EVIL.encode() + b"\r\n\r\n",
]


@pytest.mark.parametrize("request_", RUBBISH, ids=range(len(RUBBISH)))
async def test_what_is_no_request_is_neither_quoted_nor_logged(
    listener: Open, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], request_: bytes
) -> None:
    """It gets a bare status: no word of it, no trace and no version, in the answer or in the log."""
    with caplog.at_level(logging.INFO):
        async with listener() as running:
            answer = await told(running, request_)
    assert answer.startswith(b"HTTP/1.0 4")
    assert b"nosniff" in answer
    for part in (b"script", b"SECRET", b"Traceback", b"aiohttp", b"Python", b"yyy", b"zzz"):
        assert part not in answer
    assert "SECRET" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "path_",
    [
        "/u/../../etc/passwd",
        "/u/%2e%2e/%2e%2e/etc/passwd",
        "//evil.example/%2f..",
        "/u/%0d%0aSet-Cookie:%20a=b",
        "/u/%00",
        "/u/" + "%c0%ae" * 4,
        "/static/../engine.toml",
        "/.git/config",
        "/u/",
        "/c/https://evil.example",
        "/o/x.gif/../..",
        "http://evil.example/u/x",
        "/\\evil.example",
        "/u/<script>alert(1)</script>",
        "/healthz/../metrics",
        "/metrics",
        "/events",
    ],
)
async def test_no_path_leads_out(world: World, listener: Open, path_: str) -> None:
    """404 and a page in words: no file, no redirect, no header, nothing of ops."""
    async with listener() as running:
        answer = await told(running, f"GET {path_} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 404", b"HTTP/1.0 400"))
    assert b"Location" not in head
    assert b"Set-Cookie" not in head
    assert b"<script" not in body
    assert b"root:" not in body
    assert world.story == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_hosts_name_is_not_repeated(listener: Open, keys: Keys, kind: str) -> None:
    """Whatever host a request claims to be for, directly or through a proxy, stands nowhere in the answer."""
    async with listener() as running:
        said = "\r\n".join(
            f"{name}: evil.example" for name in ("Host", "X-Forwarded-Host", "X-Original-URL", "Forwarded")
        )
        answer = await told(running, f"GET {path(keys, kind)} HTTP/1.1\r\n{said}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302"))
    assert b"evil" not in answer


@pytest.mark.parametrize("kind", KINDS)
async def test_only_the_methods_of_a_page_are_allowed(world: World, listener: Open, keys: Keys, kind: str) -> None:
    """405 for the others, with those that there are; none of them does anything."""
    allowed = {"GET", "HEAD", "POST"} if kind in ASKS else {"GET", "HEAD"}
    async with listener() as running, ClientSession(f"http://127.0.0.1:{running.port}") as session:
        for method in sorted({*METH_ALL, "PROPFIND", "TRACE"} - allowed - {"CONNECT"}):
            async with session.request(method, path(keys, kind), allow_redirects=False) as answer:
                assert answer.status == 405
                assert set(answer.headers["Allow"].split(",")) == allowed
    assert world.story == []


@pytest.mark.parametrize("kind", [*KINDS, "nothing", "wrong", "big"])
async def test_every_answer_has_every_header(listener: Open, keys: Keys, kind: str) -> None:
    """Pages, pictures, redirects and errors alike: nothing is loaded, run, framed, guessed, kept or told on."""
    method, where = ("PUT" if kind == "wrong" else "POST" if kind == "big" else "GET"), "/nothing"
    if kind != "nothing":
        where = path(keys, {"wrong": UNSUBSCRIBE, "big": SURVEY}.get(kind, kind))
    body = b"answer=" + b"x" * 100_000 if kind == "big" else None
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with (
        listener() as running,
        ClientSession(f"http://127.0.0.1:{running.port}") as session,
        session.request(method, where, data=body, headers=form, allow_redirects=False) as answer,
    ):
        headers = answer.headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy.keys() == {"default-src", "style-src", "form-action", "base-uri", "frame-ancestors"}
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Server"] == "winback"
    assert "Set-Cookie" not in headers
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("kind", ASKS)
async def test_nothing_that_is_sent_is_shown(listener: Open, keys: Keys, kind: str) -> None:
    """Queries, forms and headers with HTML in them: no page repeats a word of it."""
    parts = {"answer": EVIL, "get": EVIL, "frequency": EVIL, "x": EVIL}
    told_by = {"User-Agent": EVIL, "Referer": EVIL, "Accept-Language": EVIL, "Cookie": f"a={EVIL}"}
    async with listener() as running, ClientSession(f"http://127.0.0.1:{running.port}") as session:
        for method in ("GET", "POST"):
            said = parts if method == "POST" else None
            async with session.request(method, path(keys, kind), params=parts, data=said, headers=told_by) as answer:
                assert "evil" not in await answer.text()
                assert all("evil" not in value for value in answer.headers.values())


@pytest.mark.parametrize("kind", ASKS)
async def test_pages_load_nothing(listener: Open, keys: Keys, kind: str) -> None:
    """No script, no picture, no other place: a page is what came, and its forms go back to where it came from."""
    async with (
        listener() as running,
        ClientSession(f"http://127.0.0.1:{running.port}") as session,
        session.get(path(keys, kind)) as answer,
    ):
        html = await answer.text()
    assert not re.search(r"<(?:script|img|iframe|link|object|embed|base|svg)\b|\bon\w+=|\bsrc=|\bstyle=|url\(", html)
    assert "action=" not in html
    for href in re.findall(r'href="([^"]*)"', html):
        assert href.startswith(("mailto:help@shop.example", "../preferences/"))


async def test_a_head_that_does_not_come_is_not_waited_for(listener: Open) -> None:
    """Neither before the first request nor before another on the same connection: it is closed."""
    first = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    async with listener(silent_seconds=0.2) as running:
        assert await told(running, b"GET /u/x HTT") == b""
        assert await told(running, b"") == b""
        answer = await told(running, first + b"GET /u/x HTT")
    assert answer.count(b"HTTP/1.1 200") == 1


async def test_connections_are_bounded(listener: Open) -> None:
    """One more than may be is closed at once; when another has ended there is room again."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with listener(at_a_time=2) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(2)]
        assert await told(running, ask) == b""
        reader, writer = held.pop()
        writer.write(ask)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert (await told(running, ask)).startswith(b"HTTP/1.1 200")
        held[0][1].close()


def test_each_row_of_the_table_has_its_test() -> None:
    """The page names tests that are there."""
    names = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    here = PAGE.parents[2] / "tests"
    texts = "".join(
        (here / file).read_text("utf-8")
        for file in (
            "listeners/test_public_safety.py",
            "listeners/test_public.py",
            "listeners/test_tracking.py",
            "listeners/test_preferences.py",
            "core/test_links.py",
            "acceptance/test_links_in_mails.py",
        )
    )
    assert len(names) >= 12
    assert [name for name in sorted(names) if f"def {name}(" not in texts] == []
