"""Mailboxes, a folder and a listener: each mail is handled before it is deleted, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.incoming import Account, AccountError, Folder, Imap, Listener, NotNowError, Pop3, is_for
from tests.mailbox_servers import PASSWORD, USER, Mailbox, imap, pop3, serving

LONG = b"Subject: one line\r\n\r\n" + b"x" * 200_000 + b"\r\n"
DOTS = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nend\r\n"
MAILS = (b"Subject: one\r\n\r\nfirst\r\n", DOTS, LONG)


class Taken:
    """Keeps what it was given; `refuses` is how many mails it takes before it says "not now"."""

    def __init__(self, most: int = 1_000) -> None:
        self.mails: list[bytes] = []
        self.recipients: list[tuple[str, ...]] = []
        self.most = most

    async def take(self, raw: bytes, recipients: Sequence[str], _: str) -> None:
        """Take one in."""
        if len(self.mails) >= self.most:
            raise NotNowError("busy")
        self.mails.append(raw)
        self.recipients.append(tuple(recipients))


def account(mailbox: Mailbox, **changes: Any) -> Account:
    """Return how a mailbox of the tests is reached."""
    said: dict[str, Any] = {"host": "127.0.0.1", "port": mailbox.port, "tls": "none", "timeout": 2.0}
    return Account(**({"username": USER, "password": PASSWORD} | said | changes))


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for this machine, and a server's context with it."""
    key, file = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(
        [*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


# POP3 ----------------------------------------------------------------------------------------------------------------


async def test_pop3_takes_each_mail_as_it_is_then_deletes_it() -> None:
    """Lines of dots, and lines of any length."""
    box, taken = Mailbox(), Taken()
    box.put(*MAILS)
    async with serving(pop3, box):
        source = Pop3(account(box), taken.take)
        assert await source.look() == 3
        assert [mail.rstrip() for mail in taken.mails] == [mail.rstrip() for mail in MAILS]
        assert not box.mails
        assert await source.look() == 0


async def test_pop3_deletes_what_was_taken_and_no_more() -> None:
    """Where the engine says not now, that mail and those behind it stay; those before it are gone."""
    box, taken = Mailbox(), Taken(most=1)
    box.put(*MAILS)
    async with serving(pop3, box):
        with pytest.raises(NotNowError):
            await Pop3(account(box), taken.take).look()
        assert list(box.mails) == [2, 3]


async def test_pop3_reads_the_beginning_of_what_is_too_long() -> None:
    """So nothing is fetched without a bound, and it does not come again for ever."""
    box, taken = Mailbox(), Taken()
    box.put(LONG)
    async with serving(pop3, box):
        assert await Pop3(account(box, most_bytes=1_000), taken.take).look() == 1
    (mail,) = taken.mails
    assert (mail, box.mails) == (LONG[:1_000], {})


async def test_a_mail_that_cannot_be_fetched_is_left_alone_after_three_tries() -> None:
    """It does not keep those behind it for ever."""
    box, taken = Mailbox(breaks_at="RETR 1"), Taken()
    box.put(*MAILS)
    async with serving(pop3, box):
        source = Pop3(account(box), taken.take)
        for _ in range(3):
            with pytest.raises(AccountError, match="closed the connection"):
                await source.look()
        assert await source.look() == 2
        assert list(box.mails) == [1]


async def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    """A wrong one, a server that is not there, a certificate that nobody trusts: each says why, and no secret."""
    box = Mailbox()
    _, context = certificate(tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(pop3, box, context))
        for way in (Pop3, Imap):
            for changes in ({"password": "wrong word"}, {"port": 1}, {"tls": "tls"}):
                with pytest.raises(AccountError) as raised:
                    await way(account(box, **changes), Taken().take).look()
                assert "wrong word" not in str(raised.value)
                assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.parametrize(("way", "talk"), [(Pop3, pop3), (Imap, imap)])
async def test_over_tls_with_a_certificate_that_is_trusted(tmp_path: Path, way: Any, talk: Any, tls: str) -> None:
    """From the first byte, or after a word in the open; a certificate that nobody knows gets no password."""
    file, context = await asyncio.to_thread(certificate, tmp_path)
    box, taken = Mailbox(starttls=context if tls == "starttls" else None), Taken()
    box.put(MAILS[0])
    async with serving(talk, box, context if tls == "tls" else None):
        with pytest.raises(AccountError):
            await way(account(box, tls=tls), taken.take).look()
        assert not {"PASS", "LOGIN"} & set(box.said)
        assert await way(account(box, tls=tls, certificate_file=str(file)), taken.take).look() == 1


# IMAP ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keywords", "mark"), [(True, "WinbackTaken"), (False, "\\Seen")])
async def test_imap_marks_what_was_taken(*, keywords: bool, mark: str) -> None:
    """By a keyword of ours where the server keeps such; a person who reads the folder changes nothing then."""
    box, taken = Mailbox(keeps_keywords=keywords), Taken()
    box.put(*MAILS)
    box.flags[1] = {"\\Seen"}
    async with serving(imap, box):
        source = Imap(account(box), taken.take)
        assert await source.look() == (3 if keywords else 2)
        assert taken.mails == list(MAILS if keywords else MAILS[1:])
        assert all(mark in flags for flags in box.flags.values())
        assert await source.look() == 0


async def test_imap_deletes_where_it_is_told_to() -> None:
    """What was taken, and nothing else."""
    box, taken = Mailbox(), Taken(most=2)
    box.put(*MAILS)
    async with serving(imap, box):
        with pytest.raises(NotNowError):
            await Imap(account(box), taken.take, delete=True).look()
        assert list(box.mails) == [3]


async def test_imap_reads_the_beginning_of_what_is_too_long_and_tells_of_a_folder_that_is_not_there() -> None:
    """Bounded, and in words."""
    box, taken = Mailbox(), Taken()
    box.put(LONG)
    async with serving(imap, box):
        assert await Imap(account(box, most_bytes=1_000), taken.take).look() == 1
        with pytest.raises(AccountError, match="says NO"):
            await Imap(account(box), taken.take, folder="Nowhere").look()
    assert taken.mails == [LONG[:1_000]]


async def test_imap_leaves_a_mail_alone_that_breaks_the_connection() -> None:
    """After three tries, as POP3 does."""
    box, taken = Mailbox(breaks_at="UID FETCH 1"), Taken()
    box.put(*MAILS)
    async with serving(imap, box):
        source = Imap(account(box), taken.take)
        for _ in range(3):
            with pytest.raises(AccountError):
                await source.look()
        assert await source.look() == 2


# Files ---------------------------------------------------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's files."""
    return sorted(each.name for each in folder.iterdir())


async def test_files_are_deleted_when_they_are_taken(tmp_path: Path) -> None:
    """In the order of their names; those whose names begin with a dot are being written."""
    for name, mail in (("b.eml", MAILS[0]), ("a.eml", MAILS[1]), (".c.eml", LONG)):
        (tmp_path / name).write_bytes(mail)
    taken = Taken(most=1)
    with pytest.raises(NotNowError):
        await Folder(tmp_path, taken.take, 1_000).look()
    assert names_in(tmp_path) == [".c.eml", "b.eml"]
    assert taken.mails == [MAILS[1]]


async def test_a_maildir_keeps_what_was_taken(tmp_path: Path) -> None:
    """As seen, in `cur`."""
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.host").write_bytes(LONG)
    taken = Taken()
    assert await Folder(tmp_path, taken.take, 1_000).look() == 1
    assert names_in(tmp_path / "cur") == ["1.host:2,S"]
    assert taken.mails == [LONG[:1_000]]


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It may come with the next mount."""
    with pytest.raises(OSError, match="nowhere"):
        await Folder(tmp_path / "nowhere", Taken().take, 1_000).look()


# The listener --------------------------------------------------------------------------------------------------------

OURS = ("b@bounces.shop.example", "hello@shop.example")


@asynccontextmanager
async def listening(taken: Taken, **changes: Any) -> Any:
    """Run a listener; yield its port."""
    listener = Listener("127.0.0.1", 0, OURS, taken.take, **({"most_bytes": 100_000} | changes))
    try:
        yield await listener.start()
    finally:
        await listener.stop()


def give(port: int, mail: bytes, *to: str, lmtp: bool = True) -> Any:
    """Hand a mail over; return what was said of each recipient who was refused."""
    client: Any = smtplib.LMTP("127.0.0.1", port, timeout=5) if lmtp else smtplib.SMTP("127.0.0.1", port, timeout=5)
    with client:
        return client.sendmail("", list(to), mail)


async def test_a_mail_server_hands_mails_over_by_smtp() -> None:
    """For several of our addresses at once."""
    taken, to = Taken(), ("b+abc@BOUNCES.shop.example", "hello@shop.example")
    async with listening(taken, speaks="smtp") as port:
        assert await asyncio.to_thread(give, port, MAILS[1], *to, lmtp=False) == {}
    assert taken.recipients == [to]
    assert taken.mails == [DOTS]


async def test_lmtp_answers_for_each_recipient() -> None:
    """RFC 2033, 4.2: one answer each after the final dot, which the stdlib's client does not know."""
    taken = Taken()
    async with listening(taken) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        commands = [
            "LHLO mx",
            "MAIL FROM:<>",
            "RCPT TO:<b+abc@bounces.shop.example>",
            "RCPT TO:<hello@shop.example>",
            "DATA",
        ]
        writer.write("".join(f"{each}\r\n" for each in commands).encode())
        while not (await reader.readline()).startswith(b"354"):
            pass
        writer.write(b"Subject: x\r\n\r\ny\r\n.\r\nQUIT\r\n")
        answers = [(await reader.readline())[:3] for _ in range(3)]
        writer.close()
    assert answers == [b"250", b"250", b"221"]
    assert taken.recipients == [("b+abc@bounces.shop.example", "hello@shop.example")]


async def test_not_now_is_a_temporary_no() -> None:
    """The mail server keeps the mail and comes again."""
    async with listening(Taken(most=0)) as port:
        with pytest.raises(smtplib.SMTPDataError) as raised:
            await asyncio.to_thread(give, port, MAILS[0], OURS[0])
    assert raised.value.smtp_code == 451


async def test_a_mail_that_is_too_long_is_refused() -> None:
    """For good, before it is held."""
    taken = Taken()
    async with listening(taken) as port:
        with pytest.raises(smtplib.SMTPException):
            await asyncio.to_thread(give, port, LONG, OURS[0])
    assert not taken.mails


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("b@bounces.shop.example", True),
        ("B+TOKEN@Bounces.Shop.Example", True),
        ("prvs=4123abcdef=b+token@bounces.shop.example", True),
        ("SRS0=HH=TT=x.example=b+token@bounces.shop.example", True),
        ("bb@bounces.shop.example", False),
        ("b@shop.example", False),
        ("b=x@bounces.shop.example", False),
        ("", False),
    ],
)
def test_which_addresses_are_ours(address: str, *, ours: bool) -> None:
    """Itself, with a token behind a plus, and as forwarders and signers wrap it."""
    assert is_for(address, OURS[0]) is ours


@given(st.text(max_size=80))
def test_any_address_is_judged(address: str) -> None:
    """Whatever comes."""
    assert is_for(address, OURS[0]) in (True, False)
