"""All checks together, with a real name server, a real page and a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from connectors.memory import FixedClock
from connectors.smtp import SmtpSender, SmtpSettings
from engine.core.links import Keys
from engine.listeners import READ, Notes, Shopfront, public_app, serve
from engine.wiring.preflight.check import Check
from engine.wiring.preflight.checks import Probes, is_ready, preflight
from engine.wiring.preflight.reach import Answered, judged, post
from tests.builders import START
from tests.mail_servers import Mails, mail_server
from tests.name_servers import NameServer, Signer, a_mail
from tests.wiring.preflight.test_inside import shop

KEYS = Keys({1: b"a secret of tests"})
NONCE = "preflight-0123"
CLOCK = FixedClock(START)


class Untouched:
    """Fails whatever is answered through it: a test's link must change nothing."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        raise AssertionError(f"a test's link led to {name}")


@asynccontextmanager
async def pages(keys: Keys = KEYS) -> AsyncIterator[str]:
    """Run the public listener with nothing behind it, and yield where it is."""
    answers: object = Untouched()
    notes = Notes(answers, READ)  # type: ignore[arg-type]  # nothing may be asked of it
    app = public_app(keys, answers, Shopfront(name="Kaffee"), lambda: "", clock=CLOCK, notes=notes)  # type: ignore[arg-type]  # as above
    running = await serve(app, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{running.port}"
    finally:
        await running.stop()


def by_name(checks: list[Check]) -> dict[str, Check]:
    """The checks by their names, each of which is there once."""
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


COMES_BACK = {"address": "b@bounces.kaffee.de", "replies_to": "team@kaffee.de", "files": "/var/mail/bounces"}


async def test_a_shop_that_is_set_up_well_passes(names: NameServer, signer: Signer) -> None:
    """With the DNS records of the domain, a mail that arrived, and a page that answers."""
    names.has("bounces.kaffee.de", "TXT", "v=spf1 ip4:203.0.114.7 -all")  # where reports go, SPF is asked of
    names.has("_dmarc.kaffee.de", "TXT", "v=DMARC1; p=quarantine; rua=mailto:d@kaffee.de")
    names.has("k1._domainkey.kaffee.de", "TXT", signer.record)
    names.has("7.114.0.203.in-addr.arpa", "PTR", "mail.kaffee.de.")
    names.has("mail.kaffee.de", "A", "203.0.114.7")
    async with pages() as url, mail_server(Mails()) as mail:
        situation = shop(
            public_url=url,
            sender={"kind": "smtp", "dkim_selectors": ["k1"], "sends_from": ["203.0.114.7"]},
            smtp={"host": "127.0.0.1", "port": mail.port, "tls": "none"},
            incoming=COMES_BACK,
            none_elsewhere=True,
        )
        server = SmtpSender(SmtpSettings(port=mail.port, tls="none"), CLOCK)
        probes = Probes(clock=CLOCK, keys=KEYS, nonce=NONCE, resolver=names.resolver, server=server)
        checks = by_name(await preflight(situation, probes, signer.sign(a_mail())))
        await server.close()
    assert [name for name, check in checks.items() if not check.ok] == ["budgets", "public_url"]
    assert is_ready(list(checks.values()))
    assert checks["unsubscribe_post"].message.endswith("answers a one-click unsubscribe with 200")


async def test_the_outside_is_a_warning_until_mail_reaches_people(names: NameServer) -> None:
    """With a server on this machine everything that is wrong outside is a warning; with a real one it is an error."""

    async def nobody(url: str, form: dict[str, str]) -> Answered:  # noqa: ARG001 - the port's own names
        return Answered(trouble="connection refused")

    class Refusing:
        async def trouble(self) -> str:
            return "mail.kaffee.de:25: certificate verify failed"

    probes = Probes(clock=CLOCK, keys=KEYS, nonce=NONCE, resolver=names.resolver, server=Refusing(), send=nobody)
    here, there = [
        by_name(await preflight(shop(public_url=None, sender={"kind": "smtp"}, smtp={"host": host}), probes))
        for host in ("127.0.0.1", "mail.kaffee.de")
    ]
    outside = {"budgets", "public_url", "unsubscribe_post", "spf", "dmarc", "tls"}
    assert {name for name, check in here.items() if check.level == "error"} == {"suppressions"}
    assert {name for name, check in there.items() if check.level == "error"} == {"suppressions", *outside}
    warned = {"dkim", "ptr", "signed_headers", "returns"}
    assert {name for name, check in there.items() if check.level == "warning"} == warned
    assert not is_ready(list(here.values()))


async def test_a_page_of_another_secret_is_no_page_of_ours(names: NameServer) -> None:
    """Links made with this data folder's secret must open there."""
    async with pages(Keys({1: b"another secret"})) as url:
        probes = Probes(clock=CLOCK, keys=KEYS, nonce=NONCE, resolver=names.resolver)
        checks = by_name(await preflight(shop(public_url=url), probes))
    assert "answers 404" in checks["unsubscribe_post"].message


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (Answered(200, body=f"<p>{NONCE}</p>"), ""),
        (Answered(200, body="<p>Welcome to our shop</p>"), "something else than winback"),
        (Answered(301, location="https://www.kaffee.de/u/x"), "redirects to https://www.kaffee.de/u/x"),
        (Answered(308), "redirects to elsewhere"),
        (Answered(405), "answers 405"),
        (Answered(401), "answers 401"),
        (Answered(trouble="certificate has expired"), "certificate has expired"),
    ],
)
def test_what_the_answer_to_a_one_click_post_means(answered: Answered, why: str) -> None:
    """200 by our own page, and nothing else."""
    check = judged(answered, "https://mail.kaffee.de/u/", NONCE)
    assert check.ok is not bool(why)
    assert why in check.message


async def test_a_form_is_posted_as_mail_programs_do(unused_tcp_port: int) -> None:
    """One field, no cookies, no redirect followed; what cannot be reached is told and not raised."""
    seen: list[tuple[str, str | None]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append((await request.text(), request.headers.get("Cookie")))
        response = web.Response(status=302, headers={"Location": "/elsewhere"})
        response.set_cookie("session", "1")
        return response

    app = web.Application()
    app.router.add_post("/u/x", handle)
    running = await serve(app, "127.0.0.1", 0)
    for _ in range(2):
        answered = await post(f"http://127.0.0.1:{running.port}/u/x", {"List-Unsubscribe": "One-Click"})
        assert (answered.status, answered.location) == (302, "/elsewhere")
    await running.stop()
    assert seen == [("List-Unsubscribe=One-Click", None)] * 2
    assert (await post(f"http://127.0.0.1:{unused_tcp_port}/u/x", {})).trouble
    assert (await post("https://", {})).trouble


async def test_the_mail_server_is_reached_as_a_send_does(unused_tcp_port: int) -> None:
    """Connect, encrypt, log in and hang up; nothing is sent."""
    mails = Mails()
    async with mail_server(mails) as running:
        plain = SmtpSender(SmtpSettings(port=running.port, tls="none"), CLOCK)
        encrypted = SmtpSender(SmtpSettings(port=running.port, tls="starttls"), CLOCK)
        assert await plain.trouble() == ""
        assert "STARTTLS" in await encrypted.trouble()
        await plain.close()
    gone = SmtpSender(SmtpSettings(port=unused_tcp_port, tls="none"), CLOCK)
    assert await gone.trouble()
    assert mails.taken == []


async def test_a_received_file_that_is_no_mail_is_told(names: NameServer) -> None:
    """The check says what to do instead."""
    probes = Probes(clock=CLOCK, keys=KEYS, nonce=NONCE, resolver=names.resolver)
    checks = by_name(await preflight(shop(public_url=None), probes, b"%PDF"))
    assert "cannot be read: there is no From" in checks["signed_headers"].message
