"""What mail services are given, and what becomes of a message when they answer otherwise than with a yes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.mail_services import CallerSettings, MailService, OwnService, SendGrid
from connectors.mail_services.calling import Answer
from connectors.memory import FixedClock
from engine.core.moments import SECOND
from engine.ports import Message, Sent
from tests.mail_servers import scripted_server
from tests.mail_service_servers import SERVERS, MailServiceServer, serving

NOW = 1_767_607_200_000_000
EFFECT = "0123456789abcdef0123456789abcdef"
ONE_CLICK = {
    "Reply-To": "answers@shop.example",
    "List-Unsubscribe": "<https://mail.shop.example/u/" + "t" * 300 + ">",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "List-Id": "<marketing.shop.example>",
    "Feedback-ID": "come-back:ask:shop:shopx",
}
REPLACE_IDS = {"ses", "brevo"}
"""Services that put a Message-ID of their own."""

REMEMBER = {"mailgun", "postmark", "brevo"}
"""Services that can be asked what they took."""


def message(**changes: Any) -> Message:
    """Return a marketing mail as the engine hands it over."""
    made = Message(
        effect_id=EFFECT,
        message_id=f"<{EFFECT}@shop.example>",
        sender_name="Lädchen, das",
        sender_address="hallo@shop.example",
        recipient="ada@example.org",
        subject="Grüße & mehr",
        text="Hallo Ada\n.ein Punkt\n",
        html="<p>Hällo Ada</p>\n",
        headers=ONE_CLICK,
        not_after=0,
    )
    return replace(made, **changes)


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[MailServiceServer]:
    """Each service in turn."""
    async with serving(SERVERS[request.param]()) as running:
        yield running


@asynccontextmanager
async def sender(server: MailServiceServer, answers_within: float = 5.0) -> AsyncIterator[MailService]:
    """Talk to a service."""
    made = server.client(FixedClock(NOW), answers_within)
    yield made
    await made.close()


async def test_a_message_arrives_whole_with_all_that_one_click_needs(server: MailServiceServer) -> None:
    """Subject, both bodies, the headers of lists, our id as metadata and as header; tracking is off (the server looks)."""
    async with sender(server) as made:
        assert await made.send(message()) == Sent("done")
    (taken,) = server.taken
    assert (taken.recipient, taken.subject) == ("ada@example.org", "Grüße & mehr")
    assert taken.text.splitlines()[:2] == ["Hallo Ada", ".ein Punkt"]
    assert "<p>Hällo Ada</p>" in taken.html
    assert {name: taken.headers[name.casefold()] for name in ONE_CLICK} == ONE_CLICK
    assert taken.headers["x-winback-message-id"] == f"{EFFECT}@shop.example"
    assert taken.metadata == (EFFECT if server.kind == "ses" else f"{EFFECT}@shop.example")
    kept = taken.headers["message-id"] == f"<{EFFECT}@shop.example>"
    assert kept == (server.kind not in REPLACE_IDS)


async def test_a_service_message_says_that_a_program_wrote_it(server: MailServiceServer) -> None:
    """`Auto-Submitted` goes along, and a mail of text alone arrives."""
    async with sender(server) as made:
        sent = await made.send(message(html="", headers={"Auto-Submitted": "auto-generated"}))
    assert sent == Sent("done")
    assert server.taken[0].headers["auto-submitted"] == "auto-generated"
    assert "Hallo Ada" in server.taken[0].text


async def test_a_long_message_id_goes_where_it_fits(server: MailServiceServer) -> None:
    """A Message-ID that carries the customer: the metadata is it, or where it is too long the effect's id alone."""
    long = f"{EFFECT}.{'c' * 120}.tag@shop.example"
    async with sender(server) as made:
        assert await made.send(message(message_id=f"<{long}>")) == Sent("done")
        assert await made.find(EFFECT, f"<{long}>") == (Sent("done") if server.kind in REMEMBER else None)
    assert server.taken[0].metadata == (EFFECT if server.kind in ("ses", "postmark") else long)
    assert server.taken[0].headers["x-winback-message-id"] == long


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "unreachable"), (403, "unreachable"), (404, "unreachable"), (307, "unreachable"), (402, "unreachable")],
)
async def test_what_is_about_the_place_or_us_holds_for_all_messages_and_loses_none(
    server: MailServiceServer, status: int, kind: str
) -> None:
    """A wrong key, a paused account, a redirect: later, as if nobody were there; no address of anybody is told on."""
    server.troubles = [web.json_response({"message": "no, ada@example.org"}, status=status)]
    async with sender(server) as made:
        sent = await made.send(message())
    assert (sent.outcome, sent.kind, sent.turned_away) == ("later", kind, False)
    assert "ada" not in sent.diagnostic
    assert not server.taken


@pytest.mark.parametrize(
    ("said", "wait"), [("7", 7), ("Mon, 05 Jan 2026 10:00:30 GMT", 30), ("99999", 3_600), ("x", 0)]
)
async def test_whoever_asks_to_be_called_later_is(server: MailServiceServer, said: str, wait: int) -> None:
    """429 and 503 put off everything, for as long as Retry-After says, an hour at most."""
    for status in (429, 503):
        server.troubles = [web.json_response({}, status=status, headers={"Retry-After": said})]
        async with sender(server) as made:
            sent = await made.send(message())
        assert (sent.outcome, sent.kind, sent.retry_after) == ("later", "unreachable", wait * SECOND)


@pytest.mark.parametrize("trouble", ["before", "after", "hangs", "garbage", "500", "502", "504"])
async def test_what_may_have_been_taken_is_not_sent_again(server: MailServiceServer, trouble: str) -> None:
    """From the first byte of a request on only an answer tells. Where a key is honoured it is simply made again."""
    server.troubles = [web.Response(status=int(trouble)) if trouble.isdigit() else trouble]
    async with sender(server, answers_within=0.3 if trouble == "hangs" else 5.0) as made:
        sent = await made.send(message())
        if server.kind == "webhook":
            expected = "done" if trouble == "garbage" else "later"  # any 2xx of one's own service is its yes
            assert sent.outcome == expected
            assert (await made.send(message())).outcome == "done"
            assert len(server.taken) == 1
        elif server.kind == "brevo":  # asked again at once, with the key it remembers for a while
            assert sent.outcome == ("done" if trouble in ("before", "500", "502", "504") else "unknown")
            assert (len(server.taken), server.calls) == (1, 2)
        else:
            assert (sent.outcome, server.calls) == ("unknown", 1)
        if server.kind != "webhook":
            assert "ada" not in sent.diagnostic


async def test_a_service_that_remembers_is_asked_what_became_of_a_call(server: MailServiceServer) -> None:
    """It knows what it took as soon as its index does; what it never had it does not know, which proves nothing."""
    known = f"<{EFFECT}@shop.example>"
    async with sender(server) as made:
        if server.kind not in REMEMBER:
            assert await made.find(EFFECT, known) is None
            return
        assert await made.find(EFFECT, known) == Sent("unknown")
        await made.send(message())
        server.indexed = False
        assert await made.find(EFFECT, known) == Sent("unknown")
        server.indexed = True
        assert await made.find(EFFECT, known) == Sent("done")
        other = EFFECT.replace("0", "f")
        assert await made.find(other, f"<{other}@shop.example>") == Sent("unknown")
        server.troubles = [web.Response(status=500)]
        assert await made.find(EFFECT, known) == Sent("unknown")


async def test_nobody_there_is_no_reason_to_doubt(server: MailServiceServer) -> None:
    """A refused connection, a name that is not there, or no TLS: nothing was given, so it goes later."""
    dialect = server.dialect()
    async with scripted_server(_speaks_no_tls) as plain:
        for url in (f"http://127.0.0.1:{_closed_port()}", "https://nobody.invalid", f"https://127.0.0.1:{plain.port}"):
            made = MailService(dialect, CallerSettings(url=url, connect_timeout=2.0), FixedClock(NOW))
            sent = await made.send(message())
            await made.close()
            assert (sent.outcome, sent.kind) == ("later", "unreachable"), sent


async def test_a_server_that_never_answers_the_connection_is_given_up(server: MailServiceServer) -> None:
    """A TLS handshake that hangs ends within the time for connecting, and nothing was given."""
    async with scripted_server(_hangs) as hanging:
        called = CallerSettings(url=f"https://127.0.0.1:{hanging.port}", connect_timeout=0.2, timeout=5.0)
        made = MailService(server.dialect(), called, FixedClock(NOW))
        sent = await asyncio.wait_for(made.send(message()), 3)
        await made.close()
    assert sent.outcome == "later"


async def test_what_a_message_cannot_have_is_refused_before_the_call(server: MailServiceServer) -> None:
    """A header that breaks out of its line, a message that is too large, an address beyond ASCII: no call is made."""
    too_large = message(text="x" * 990 + "\n", html=("y" * 989 + "\n") * (server.dialect().largest // 990 + 1))
    async with sender(server) as made:
        broken = await made.send(message(headers={"Feedback-ID": "a\r\nBcc: b@example.org"}))
        large = await made.send(too_large)
        local = await made.send(message(recipient="jürgen@example.org"))
    assert (broken.outcome, broken.kind) == ("refused", "policy"), "as SMTP has it: a fault of ours"
    assert (large.outcome, large.kind, large.status) == ("refused", "soft", "5.3.4")
    if server.kind == "webhook":
        assert local.outcome == "done", "one's own service may know how"
    else:
        assert (local.outcome, local.kind, local.status) == ("refused", "soft", "5.6.7")
        assert not server.calls


def _answers() -> Iterator[tuple[str, int, Any, dict[str, str], tuple[str, str]]]:
    """Yield what services answer, by their references, and the outcome and kind it means."""
    unreachable, soft, dead = ("later", "unreachable"), ("refused", "soft"), ("refused", "dead")

    def ses(status: int, name: str, text: str, means: tuple[str, str]) -> Any:
        return "ses", status, {"message": text}, {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/"}, means

    yield ses(429, "TooManyRequestsException", "Maximum sending rate exceeded.", unreachable)
    yield ses(400, "LimitExceededException", "Daily message quota exceeded.", unreachable)
    yield ses(400, "SendingPausedException", "Email sending is disabled.", unreachable)
    yield ses(400, "AccountSuspendedException", "suspended", unreachable)
    yield ses(400, "MessageRejected", "Email address is not verified: hallo@shop.example", unreachable)
    yield ses(400, "MessageRejected", "Email contains a virus", ("refused", "spam"))
    yield ses(400, "BadRequestException", "Missing final '@domain'", soft)
    yield ses(403, "ExpiredTokenException", "expired", unreachable)
    yield ses(500, "InternalFailure", "", ("unknown", ""))

    def sendgrid(status: int, text: str, place: str, means: tuple[str, str]) -> Any:
        return "sendgrid", status, {"errors": [{"message": text, "field": place}]}, {}, means

    yield sendgrid(400, "Does not contain a valid address.", "personalizations.0.to.0.email", dead)
    yield sendgrid(400, "The subject is required.", "subject", soft)
    yield sendgrid(403, "The from address does not match a verified Sender Identity.", "from", unreachable)
    yield sendgrid(401, "Maximum credits exceeded", "", unreachable)
    yield sendgrid(413, "too large", "", soft)

    def mailgun(status: int, text: str, means: tuple[str, str]) -> Any:
        return "mailgun", status, {"message": text}, {}, means

    yield mailgun(400, "to parameter is not a valid address. please check documentation", dead)
    yield mailgun(400, "from parameter is missing", soft)
    yield mailgun(400, "from parameter is not a valid address. please check documentation", ("refused", "policy"))
    yield mailgun(403, "Domain shop.example is not allowed to send: recently created", unreachable)
    yield mailgun(404, "Domain not found: shop.example", unreachable)

    def postmark(code: int, text: str, means: tuple[str, str]) -> Any:
        return "postmark", 422, {"ErrorCode": code, "Message": text}, {}, means

    yield postmark(300, "Error parsing 'To': Illegal email domain 'example' in address.", dead)
    yield postmark(300, "Invalid 'From' address: 'hallo@shop.example'.", soft)
    yield postmark(300, "Zero recipients specified", soft)
    yield postmark(
        406, "You tried to send to recipient(s) that have been marked as inactive: hard bounce", ("refused", "policy")
    )
    yield postmark(400, "The 'From' address you supplied is not a Sender Signature on your account.", unreachable)
    yield postmark(405, "You ran out of credits", unreachable)
    yield postmark(412, "Your account is pending approval", unreachable)

    def brevo(status: int, code: str, text: str, means: tuple[str, str]) -> Any:
        return "brevo", status, {"code": code, "message": text}, {}, means

    yield brevo(400, "invalid_parameter", "email is not valid in to", dead)
    yield brevo(400, "invalid_parameter", "Sending has been rejected because the sender is not valid", unreachable)
    yield brevo(400, "missing_parameter", "subject is missing", soft)
    yield brevo(402, "not_enough_credits", "Not enough credits", unreachable)

    def own(status: int, body: Any, means: tuple[str, str]) -> Any:
        return "webhook", status, body, {}, means

    yield own(422, {"status": "5.1.1", "reason": "550 5.1.1 no such user"}, dead)
    yield own(422, {"reason": "552 5.2.2 mailbox full"}, ("refused", "full"))
    yield own(422, {"reason": "550 5.0.0 rejected"}, ("refused", "unknown"))
    yield own(400, "garbage", soft)
    yield own(500, {}, ("later", "soft"))


@pytest.mark.parametrize(("kind", "status", "body", "headers", "means"), list(_answers()))
async def test_what_services_say(
    kind: str, status: int, body: Any, headers: dict[str, str], means: tuple[str, str]
) -> None:
    """Only words that speak of an address count against it; what would meet every message refuses none."""
    async with serving(SERVERS[kind]()) as server, sender(server) as made:
        server.troubles = [web.json_response(body, status=status, headers=headers)] * 2
        sent = await made.send(message())
    assert (sent.outcome, sent.kind) == means, sent
    assert sent.status == ("5.1.3" if means[1] == "dead" and kind != "webhook" else sent.status)


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "message", "Message", "code", "ErrorCode", "MessageID", "messageId", "id", "field"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(SERVERS)), st.integers(100, 999), JSON_BODIES, st.text(max_size=20))
@settings(max_examples=400, deadline=None)
def test_no_answer_is_more_than_it_says(kind: str, status: int, body: Any, error: str) -> None:
    """Whatever comes back: it ends the call in one of four ways, and only a 2xx can be a yes."""
    server = SERVERS[kind]()
    server.url = "http://127.0.0.1:1"
    dialect = server.dialect()
    answer = Answer(status, body, 0, error)
    sent = dialect.ending(answer)
    assert sent.outcome in ("done", "refused", "later", "unknown")
    assert 200 <= status < 300 or sent.outcome != "done"
    assert dialect.found(answer) in (True, False)
    for _, read in dialect.looks("shop.example", NOW):
        assert isinstance(read(answer), str)


async def test_a_key_that_brevo_has_had_is_looked_up() -> None:
    """A repeated key says nothing of what became of the first request: the call is of unknown end, and can be found."""
    async with serving(SERVERS["brevo"]()) as server, sender(server) as made:
        await made.send(message())
        again = await made.send(message())
        assert (again.outcome, len(server.taken)) == ("unknown", 1)
        assert await made.find(EFFECT, "") == Sent("done")


async def test_what_preflight_asks(server: MailServiceServer) -> None:
    """A good key and a domain that is signed for: no trouble. A wrong key, or a domain that is not: told."""
    clock = FixedClock(NOW)
    async with sender(server) as made:
        assert await made.trouble("shop.example") == ""
        server.authenticated = False
        says_domains = server.kind in ("ses", "sendgrid", "mailgun", "brevo")
        assert bool(await made.trouble("shop.example")) == says_domains
    good, server.key = server.dialect(), "another key"
    if server.kind != "webhook":
        made = MailService(good, CallerSettings(url=server.url), clock)
        assert "is the key right" in await made.trouble("shop.example")
        await made.close()
    made = MailService(good, CallerSettings(url=f"http://127.0.0.1:{_closed_port()}"), clock)
    assert "cannot be reached" in await made.trouble("shop.example")
    await made.close()


@pytest.mark.parametrize(("name", "value"), [("tracks", True), ("unsubscribing", "Postmark"), ("stream", "other")])
async def test_what_postmark_would_put_into_mails_by_itself(name: str, value: Any) -> None:
    """Open tracking of the whole server, links to unsubscribe of its own, and a stream that is not there are told."""
    server = SERVERS["postmark"]()
    async with serving(server), sender(server) as made:
        setattr(server, name, value)
        assert await made.trouble("shop.example") != ""


async def test_a_wrong_secret_of_ones_own_service_is_told() -> None:
    """A signature that the service does not take: preflight says so, and mails wait."""
    server = SERVERS["webhook"]()
    async with serving(server):
        made = MailService(
            OwnService(f"{server.url}/mails", lambda *_: "v1,bm90aGluZw=="),
            CallerSettings(url=server.url),
            FixedClock(NOW),
        )
        assert "401" in await made.trouble("shop.example")
        assert (await made.send(message())).kind == "unreachable"
        await made.close()


async def test_a_redirect_takes_neither_key_nor_message_along() -> None:
    """Where somebody else points, nothing goes."""
    async with serving(SERVERS["sendgrid"]()) as elsewhere, serving(SERVERS["sendgrid"]()) as server:
        server.troubles = [web.Response(status=308, headers={"Location": f"{elsewhere.url}/v3/mail/send"})]
        async with sender(server) as made:
            assert (await made.send(message())).kind == "unreachable"
        assert elsewhere.calls == 0


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """A megabyte of an answer is enough: what is longer is no answer of the service's."""
    async with serving(SERVERS["postmark"]()) as server, sender(server) as made:
        server.troubles = [web.Response(text='{"ErrorCode": 0, "MessageID": "' + "x" * 3_000_000 + '"}')]
        assert (await made.send(message())).outcome == "unknown"


@pytest.mark.parametrize(("status", "outcome"), [(200, "unknown"), (403, "later")])
async def test_an_answer_that_breaks_off(status: int, outcome: str) -> None:
    """A yes that is cut may be one; a no that is cut is one."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 500\r\n\r\n{{".encode())
        await writer.drain()

    async with scripted_server(cut) as server:
        called = CallerSettings(url=f"http://127.0.0.1:{server.port}")
        made = MailService(SendGrid("key"), called, FixedClock(NOW))
        assert (await made.send(message())).outcome == outcome
        await made.close()


async def _speaks_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def _hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(10_000)
    await asyncio.Event().wait()


def _closed_port() -> int:
    return 1  # which no test listens on
