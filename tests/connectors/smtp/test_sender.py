"""The SMTP sender against real servers, kind and unkind."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, Envelope

from connectors.memory import FixedClock
from connectors.smtp import SmtpSender, SmtpSettings
from engine.ports import Message, Sent
from tests.mail_servers import Mails, mail_server, say, scripted_server, up_to_data

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


def message(recipient: str = "ada@example.org", **changes: Any) -> Message:
    """Return a message; `changes` are fields of it."""
    fields: dict[str, Any] = {
        "effect_id": "e1",
        "message_id": "<e1@shop.example>",
        "sender_name": "Example Shop",
        "sender_address": "hello@shop.example",
        "recipient": recipient,
        "subject": "A gift",
        "text": "Hello\n.\n.. dots\n",
        "html": "<p>Hello</p>\n",
        "headers": {},
        "not_after": 0,
    }
    return Message(**(fields | changes))


def sender(port: int, **changes: Any) -> SmtpSender:
    """Return a sender without TLS; `changes` are other settings."""
    fields: dict[str, Any] = {"host": "127.0.0.1", "port": port, "tls": "none", "hello": "test.example"}
    return SmtpSender(SmtpSettings(**(fields | changes)), FixedClock(NOW))


async def sent_to(port: int, given: Message | None = None, **changes: Any) -> Sent:
    """Send one message and close."""
    mail = sender(port, **changes)
    try:
        return await mail.send(given or message())
    finally:
        await mail.close()


async def test_a_message_arrives_as_it_was_written() -> None:
    """Envelope, headers, both bodies and lines of dots come out at the other end unchanged."""
    mails = Mails()
    async with mail_server(mails) as server:
        assert (await sent_to(server.port)).outcome == "done"

    (taken,), (mail,) = mails.taken, mails.mails()
    assert (taken.mail_from, taken.rcpt_tos) == ("hello@shop.example", ["ada@example.org"])
    assert mail["message-id"] == "<e1@shop.example>"
    assert mail["date"].datetime.isoformat() == "2026-01-05T10:00:00+00:00"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Hello", ".", ".. dots"]
    assert html.get_content().strip() == "<p>Hello</p>"


async def test_connections_are_kept_and_not_more_than_allowed() -> None:
    """Forty messages at once over three connections open three of them."""
    mails = Mails()
    async with mail_server(mails) as server:
        mail = sender(server.port, connections=3)
        ends = await asyncio.gather(*(mail.send(message(effect_id=f"e{n}")) for n in range(40)))
        await mail.close()

    assert {end.outcome for end in ends} == {"done"}
    assert len(mails.taken) == 40
    assert server.connections == 3


async def test_a_connection_is_given_up_after_its_share_of_messages() -> None:
    """With two messages a connection, five messages take three connections."""
    mails = Mails()
    async with mail_server(mails) as server:
        mail = sender(server.port, connections=1, messages_per_connection=2)
        for number in range(5):
            assert (await mail.send(message(effect_id=f"e{number}"))).outcome == "done"
        await mail.close()

    assert server.connections == 3


async def test_a_kept_connection_that_the_server_closed_costs_no_attempt() -> None:
    """Where the server closed an idle connection, the message goes over a new one at once."""

    async def one_mail_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await up_to_data(reader, writer)
        await say(writer, "354 go on")
        await reader.readuntil(b"\r\n.\r\n")
        await say(writer, "250 taken")

    async with scripted_server(one_mail_each) as server:
        mail = sender(server.port, idle_check=1e9)
        assert [(await mail.send(message())).outcome for _ in range(3)] == ["done"] * 3
        await mail.close()
        assert server.connections == 3


REPLIES = [
    ("550 5.1.1 no such user", "refused", "dead"),
    ("552 5.2.2 mailbox full", "refused", "full"),
    ("550 5.7.1 blocked by policy", "refused", "policy"),
    ("450 4.2.0 greylisted", "later", "policy"),
    ("451 4.3.0 try again", "later", "soft"),
    ("421 4.7.0 too busy", "later", "busy"),
]


@pytest.mark.parametrize(("said", "outcome", "kind"), REPLIES)
@pytest.mark.parametrize("at", ["recipient", "message"])
async def test_a_no_is_told_apart_from_not_now(said: str, outcome: str, kind: str, at: str) -> None:
    """5xx at RCPT or after the final dot is a refusal of some kind, 4xx another try; the next message is not harmed."""
    mails = Mails(
        at_recipient=lambda address: said if at == "recipient" and "bad" in address else None,
        at_message=lambda envelope: said if at == "message" and "bad" in envelope.rcpt_tos[0] else None,
    )
    async with mail_server(mails) as server:
        mail = sender(server.port, connections=1)
        bad = await mail.send(message("bad@example.org"))
        good = await mail.send(message("good@example.org"))
        await mail.close()

    assert (bad.outcome, bad.kind) == (outcome, kind)
    assert said[4:] in bad.diagnostic
    assert good.outcome == "done"
    assert [taken.rcpt_tos for taken in mails.taken] == [["good@example.org"]]


async def test_a_no_to_the_sender_is_no_bounce() -> None:
    """A 5xx to MAIL FROM is about us: the message is kept for later, and the server counts as unreachable."""

    async def refuses_us(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await up_to_data(reader, writer, until="MAIL")
        await say(writer, "550 5.7.1 sender not allowed")
        await reader.read()

    async with scripted_server(refuses_us) as server:
        end = await sent_to(server.port)
    assert (end.outcome, end.kind) == ("later", "unreachable")


async def closes_at_dot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole message, then hang up."""
    await up_to_data(reader, writer)
    await say(writer, "354 go on")
    await reader.readuntil(b"\r\n.\r\n")


async def hangs_at_dot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole message, and never answer."""
    await closes_at_dot(reader, writer)
    await reader.read()


async def gibberish_at_dot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole message, and answer what is no SMTP."""
    await closes_at_dot(reader, writer)
    await say(writer, "well, thanks")
    await reader.read()


async def closes_at_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up when DATA comes."""
    await up_to_data(reader, writer)


async def hangs_at_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answer DATA."""
    await up_to_data(reader, writer)
    await reader.read()


async def hangs_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never greet."""
    await reader.read()
    writer.close()


async def busy_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet with a 421."""
    await say(writer, "421 4.3.2 come back later")
    await reader.read()


async def stops_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for the message, and read no further."""
    await up_to_data(reader, writer)
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport reads too
    await say(writer, "354 go on")
    await asyncio.get_running_loop().create_future()


UNKIND = [
    (closes_at_dot, "unknown", ""),
    (hangs_at_dot, "unknown", ""),
    (gibberish_at_dot, "unknown", ""),
    (closes_at_data, "later", "soft"),
    (hangs_at_data, "later", "soft"),
    (hangs_at_once, "later", "unreachable"),
    (busy_at_once, "later", "unreachable"),
]


@pytest.mark.parametrize(("script", "outcome", "kind"), UNKIND, ids=lambda value: getattr(value, "__name__", None))
async def test_only_after_the_final_dot_the_end_is_unknown(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], outcome: str, kind: str
) -> None:
    """What breaks before the final dot is safe to try again; what breaks after it may have been taken."""
    async with scripted_server(script) as server:
        end = await sent_to(server.port, connect_timeout=0.1, command_timeout=0.1, final_timeout=0.1)
    assert (end.outcome, end.kind) == (outcome, kind)


async def test_a_message_stuck_half_way_was_not_given() -> None:
    """Where the server stops reading in the middle, its final dot has not left, so it is tried again."""
    big = message(text="x" * 70 + "\n", html="y" * 16_000_000)
    async with scripted_server(stops_reading) as server:
        end = await sent_to(server.port, big, final_timeout=0.3)
    assert end.outcome == "later"
    assert "middle" in end.diagnostic


async def test_nobody_listening_is_unreachable(unused_tcp_port: int) -> None:
    """A refused connection is tried again, and concerns all messages."""
    end = await sent_to(unused_tcp_port)
    assert (end.outcome, end.kind) == ("later", "unreachable")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that no authority knows, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*made, "-keyout", key, "-out", cert, *subject], check=True, capture_output=True)
    return cert, key


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """Return what a server needs for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_tls_with_a_certificate_that_is_named(tls: str, certificate: tuple[Path, Path]) -> None:
    """Both kinds of TLS work with an authority of one's own, and the server's certificate is checked without it."""
    mails, context = Mails(), server_context(certificate)
    options: dict[str, Any] = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    async with mail_server(mails, tls=context if tls == "tls" else None, **options) as server:
        trusted = await sent_to(server.port, tls=tls, certificate_file=str(certificate[0]))
        strange = await sent_to(server.port, tls=tls)

    assert trusted.outcome == "done"
    assert (strange.outcome, strange.kind) == ("later", "unreachable")
    assert "certificate" in strange.diagnostic.lower()
    assert len(mails.taken) == 1


async def test_starttls_is_required_not_tried() -> None:
    """A server that offers no TLS gets no message in the clear when starttls was asked for."""
    mails = Mails()
    async with mail_server(mails) as server:
        end = await sent_to(server.port, tls="starttls")
    assert (end.outcome, end.kind) == ("later", "unreachable")
    assert not mails.taken


async def test_login(certificate: tuple[Path, Path]) -> None:
    """The right password gets in; a wrong one makes the server unreachable, and no bounce."""
    mails = Mails()

    def check(_server: object, _session: object, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        return AuthResult(success=getattr(data, "password", b"") == b"secret", handled=False)

    options: dict[str, Any] = {
        "tls_context": server_context(certificate),
        "authenticator": check,
        "auth_required": True,
    }
    async with mail_server(mails, **options) as server:
        known: dict[str, Any] = {"tls": "starttls", "certificate_file": str(certificate[0]), "username": "shop"}
        right = await sent_to(server.port, password="secret", **known)
        wrong = await sent_to(server.port, password="guess", **known)

    assert right.outcome == "done"
    assert (wrong.outcome, wrong.kind) == ("later", "unreachable")
    assert "guess" not in wrong.diagnostic
    assert len(mails.taken) == 1


async def test_international_addresses() -> None:
    """A domain beyond ASCII travels as punycode; a local part beyond ASCII only where the server takes it."""
    mails, plain = Mails(), Mails()
    async with mail_server(mails, enable_SMTPUTF8=True) as server:
        assert (await sent_to(server.port, message("ada@straße.example"))).outcome == "done"
        assert (await sent_to(server.port, message("äda@straße.example"))).outcome == "done"
    async with mail_server(plain, enable_SMTPUTF8=False) as server:
        assert (await sent_to(server.port, message("ada@straße.example"))).outcome == "done"
        refused = await sent_to(server.port, message("äda@straße.example"))

    assert [taken.rcpt_tos[0] for taken in mails.taken] == ["ada@xn--strae-oqa.example", "äda@xn--strae-oqa.example"]
    assert (refused.outcome, refused.status) == ("refused", "5.6.7")


BROKEN = [
    (message("no address"), "dead"),
    (message("ada@example.org>\r\nRCPT TO:<eve@example.org"), "dead"),
    (message(subject="Hi\r\nBcc: eve@example.org"), "policy"),
    (message(sender_name="Shop\nBcc: eve@example.org"), "policy"),
    (message(headers={"X-Note": "a\r\n\r\nbody"}), "policy"),
    (message(headers={"X-A\r\nBcc": "eve@example.org"}), "policy"),
    (message(headers={"To": "eve@example.org"}), "policy"),
]


@pytest.mark.parametrize(("given", "kind"), BROKEN)
async def test_nothing_gets_out_of_its_header(given: Message, kind: str) -> None:
    """A line end in an address, a name or a header is refused before anything is sent."""
    mails = Mails()
    async with mail_server(mails) as server:
        end = await sent_to(server.port, given)
        assert server.connections == 0
    assert (end.outcome, end.kind) == ("refused", kind)


async def test_a_cancelled_call_takes_its_connection_with_it() -> None:
    """After a cancelled call the connection is not used again: nobody knows what it waits for."""
    mails, inside = Mails(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await up_to_data(reader, writer)
        inside.set()
        await reader.read()

    async with scripted_server(slow) as server:
        mail = sender(server.port, connections=1)
        call = asyncio.create_task(mail.send(message()))
        await inside.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        inside.clear()
        again = asyncio.create_task(mail.send(message()))
        await inside.wait()
        assert server.connections == 2
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
    assert not mails.taken


def test_settings_say_what_they_take() -> None:
    """A wrong kind of TLS or no connection at all is refused with the cure."""
    with pytest.raises(ValueError, match="starttls, tls or none"):
        SmtpSettings(tls="ssl")
    with pytest.raises(ValueError, match="at least 1"):
        SmtpSettings(connections=0)


async def test_reports_go_to_the_envelope_sender_and_from_stays_as_it_is() -> None:
    """The address in From is the shop's; reports of failed mails come back to an address that says which mail it was."""
    mails = Mails()
    path = "b+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bounces.shop.example"
    async with mail_server(mails) as server:
        assert (await sent_to(server.port, message(envelope_sender=path))).outcome == "done"
    (taken,), (mail,) = mails.taken, mails.mails()
    assert taken.mail_from == path
    assert "hello@shop.example" in mail["from"]
    assert mail["return-path"] is None


async def test_a_server_that_makes_reports_is_asked_to_name_the_mail_in_them() -> None:
    """ENVID is the token (RFC 3461), and the headers are enough; a server without DSN is asked nothing of the kind."""
    said: list[str] = []

    async def offers_dsn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(writer, "220 mail.test")
        await reader.readuntil(b"\r\n")
        await say(writer, "250-mail.test")
        await say(writer, "250 DSN")
        said.append((await reader.readuntil(b"\r\n")).decode().strip())
        await say(writer, "550 5.7.1 no")

    async with scripted_server(offers_dsn) as server:
        await sent_to(server.port, message(envelope_sender="b+abcdefg@bounces.shop.example"))
        await sent_to(server.port, message())
    assert said == [
        "MAIL FROM:<b+abcdefg@bounces.shop.example> RET=HDRS ENVID=abcdefg",
        "MAIL FROM:<hello@shop.example>",
    ]
