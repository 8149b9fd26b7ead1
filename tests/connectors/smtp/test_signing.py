"""Signatures of mail: what arrives by a real mail server verifies, and covers what one-click unsubscribe needs."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import dkim  # type: ignore[import-untyped]  # it comes without types
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]  # as above
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.memory import FixedClock
from connectors.smtp import BadKeyError, DkimSigner, SmtpSender, SmtpSettings
from engine.ports import Message
from engine.rendering.mime import as_bytes
from engine.wiring.preflight.domain import record_of
from engine.wiring.preflight.received import NEEDED, read, signed_headers
from tests.mail_servers import Mails, mail_server
from tests.name_servers import name_server

NOW = 1_767_607_200_000_000
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
HEADERS = {
    "Reply-To": "answers@shop.example",
    "List-Unsubscribe": "<https://mail.shop.example/u/" + "t" * 500 + ">, <mailto:u@shop.example?subject=unsubscribe>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "List-Id": "<marketing.shop.example>",
    "Feedback-ID": "come-back:ask:shop:shopx",
}


def pem(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    password: KeySerializationEncryption | None = None,
) -> bytes:
    """Return a private key as it lies in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password or NoEncryption())


SIGNER = DkimSigner("k1", "shop.example", pem(RSA))


def message(**changes: str) -> Message:
    """Return a marketing mail."""
    made = Message(
        effect_id="e1",
        message_id="<e1@shop.example>",
        sender_name="Lädchen",
        sender_address="hallo@shop.example",
        recipient="ada@example.org",
        subject="Grüße",
        text="Hallo\n",
        html="<p>Hallo</p>\n",
        headers=HEADERS,
        not_after=0,
    )
    return replace(made, **changes)


def verifies(mail: bytes, signer: DkimSigner = SIGNER) -> bool:
    """Let dkimpy verify a mail, with the key as DNS would have it."""
    record = record_of(signer.public_key).encode()
    names = {b"k1._domainkey.shop.example.": record}
    try:
        return bool(dkim.DKIM(mail).verify(dnsfunc=lambda name, timeout=5: names.get(name)))  # noqa: ARG005 - as it calls
    except dkim.ValidationError:  # what was signed is not what arrived
        return False


BODIES = {
    "plain": "Hallo Ada\n",
    "dots at the beginning of lines": ".\n..\n.punkt\nmitte . ende\n",
    "long lines": "wort " * 400 + "\n",
    "one long word": "x" * 3_000 + "\n",
    "umlauts and emoji": "Grüße ☕ 🎁\n" * 5,
    "blanks at the ends of lines": "Hallo   \nAda\t\n   \n\n\n",
    "no line end": "Hallo",
    "empty": "",
    "from": "From here on\n>From there\n",
    "control characters": "a\x0bb\x00c\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_what_arrives_by_a_real_mail_server_verifies(body: str) -> None:
    """The signature is of the mail as it leaves, and neither dots nor long lines nor letters beyond ASCII break it."""
    content = await arrived(message(text=body, html=f"<p>{body}</p>"))
    assert verifies(content)


async def test_an_address_beyond_ascii_is_signed_as_it_goes() -> None:
    """With SMTPUTF8 the headers leave as UTF-8, and are signed so."""
    content = await arrived(message(recipient="jürgen@example.org", subject="Grüße ☕"), enable_SMTPUTF8=True)
    assert "jürgen".encode() in content
    assert verifies(content)


async def arrived(mail: Message, **options: Any) -> bytes:
    """Send a mail signed to a real mail server, and return what it was given."""
    mails = Mails()
    async with mail_server(mails, **options) as server:
        sender = SmtpSender(SmtpSettings(port=server.port, tls="none", hello="t"), FixedClock(NOW), SIGNER)
        assert (await sender.send(mail)).outcome == "done"
        await sender.close()
    content = mails.taken[0].content
    assert isinstance(content, bytes)
    return content


def test_the_signature_covers_what_one_click_needs_and_from_twice() -> None:
    """Both List-Unsubscribe headers, Feedback-ID and all that identifies the mail stand in h=; From stands there twice."""
    signed = SIGNER(as_bytes(message(), NOW), NOW)
    head = signed.partition(b"\r\nFrom:")[0]
    names = re.search(rb"h=([^;]+);", head)
    assert names is not None
    covered = names[1].decode().split(":")
    assert covered[:2] == ["from", "from"]
    assert {*NEEDED, "feedback-id", "list-id", "reply-to", "subject", "to", "date", "message-id"} <= set(covered)
    assert {"mime-version", "content-type"} <= set(covered)
    assert b"t=1767607200" in head
    assert all(len(line) <= 200 for line in head.split(b"\r\n"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: no"),
        (b"Feedback-ID: come-back", b"Feedback-ID: gone"),
        (b"To: ada@", b"To: bob@"),
        (b"Hallo", b"Hello"),
        (b"From: ", b"From: evil@example.org\r\nFrom: "),
    ],
)
def test_what_is_changed_on_the_way_no_longer_verifies(old: bytes, new: bytes) -> None:
    """Headers that are covered, the body, and a second From."""
    signed = SIGNER(as_bytes(message(), NOW), NOW)
    assert old in signed
    assert verifies(signed)
    assert not verifies(signed.replace(old, new))


@pytest.mark.parametrize(
    "change", [lambda mail: mail.replace(b"Subject: ", b"Subject:   "), lambda mail: mail + b"\r\n\r\n"]
)
def test_what_servers_may_do_to_blanks_changes_nothing(change: object) -> None:
    """Relaxed forms on both sides: blanks in headers, and empty lines at the end."""
    assert callable(change)
    assert verifies(change(SIGNER(as_bytes(message(), NOW), NOW)))


@given(st.text(max_size=300), st.text(max_size=120).filter(lambda text: text.isprintable()))
@settings(max_examples=60, deadline=None)
def test_any_text_verifies(body: str, subject: str) -> None:
    """Whatever a template renders."""
    assert verifies(SIGNER(as_bytes(message(text=body, html=f"<i>{body}</i>", subject=subject), NOW), NOW))


def test_an_ed25519_signature_is_made_as_rfc_8463_says() -> None:
    """It signs the hash of the headers; the key in DNS is its 32 bytes. Reckoned here, since dkimpy needs PyNaCl for it."""
    signer = DkimSigner("k1", "shop.example", pem(ED25519))
    mail = signer(as_bytes(message(), NOW), NOW)
    headers, body = dkim.rfc822_parse(mail)
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    tags = dict(part.strip().split(b"=", 1) for part in re.sub(rb"\s+", b" ", headers[0][1]).split(b";"))
    assert tags[b"a"] == b"ed25519-sha256"
    assert b64decode(tags[b"bh"]) == sha256(policy.canonicalize_body(body)).digest()
    signature = b64decode(tags[b"b"].replace(b" ", b""))
    unsigned = (b"DKIM-Signature", headers[0][1].rpartition(b"b=")[0] + b"b=\r\n")
    covered = dkim.select_headers(policy.canonicalize_headers(headers[1:]), tags[b"h"].split(b":"))
    hashed = b"".join(name + b":" + text for name, text in covered)
    hashed += b"".join(name + b":" + text.rstrip() for name, text in policy.canonicalize_headers([unsigned]))
    public = ED25519.public_key()
    public.verify(signature, sha256(hashed).digest())
    with pytest.raises(InvalidSignature):
        public.verify(signature, sha256(hashed + b"x").digest())
    assert record_of(signer.public_key) == f"v=DKIM1; k=ed25519; p={b64encode(public.public_bytes_raw()).decode()}"


def test_preflight_finds_the_received_mail_signed_as_it_must_be() -> None:
    """What `preflight --received` looks for in a mail that arrived is there, by a real name server."""
    with name_server() as dns:
        dns.has("k1._domainkey.shop.example", "TXT", record_of(SIGNER.public_key))
        received = read(SIGNER(as_bytes(message(), NOW), NOW), dns.resolver)
        check = signed_headers(received, "shop.example")
    assert check.ok, check.message


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (b"garbage", "no private key as PEM"),
        (pem(rsa.generate_private_key(public_exponent=65_537, key_size=2_048), BestAvailableEncryption(b"x")), "PEM"),
        (pem(rsa.generate_private_key(public_exponent=65_537, key_size=1_024)).replace(b"MIIC", b"MIIX", 1), "PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "an RSA or an Ed25519 key"),
    ],
    ids=["garbage", "with a password", "broken", "elliptic curve"],
)
def test_what_is_no_key_to_sign_with_is_told(key: bytes, said: str) -> None:
    """In words, without the key in them."""
    with pytest.raises(BadKeyError, match=said):
        DkimSigner("k1", "shop.example", key)


@pytest.mark.parametrize(
    ("selector", "domain"), [("k1; d=evil", "shop.example"), ("k1", "shop.example\r\nBcc: x"), ("", "a")]
)
def test_names_that_would_break_out_of_the_header_are_refused(selector: str, domain: str) -> None:
    """Selector and domain are names of DNS."""
    with pytest.raises(BadKeyError, match="names of DNS"):
        DkimSigner(selector, domain, pem(RSA))
