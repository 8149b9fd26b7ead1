"""A mail as it arrived: whether one-click unsubscribe is signed for, verified with real signatures."""

from __future__ import annotations

import pytest

from engine.wiring.preflight.received import NotAMailError, read, signed_headers
from tests.name_servers import COVERED, NameServer, Signer, a_mail

HOME = "kaffee.de"


@pytest.fixture(autouse=True)
def published(names: NameServer, signer: Signer) -> None:
    """Publish the key for the shop's domain and for a mail service."""
    for place in ("k1._domainkey.kaffee.de", "k1._domainkey.service.de"):
        names.has(place, "TXT", signer.record)


def test_a_signature_over_both_headers_is_right(names: NameServer, signer: Signer) -> None:
    """It is verified with the key that DNS gives, and the server it came from is told."""
    mail = read(signer.sign(a_mail()), names.resolver)
    assert (mail.domain, mail.address) == (HOME, "203.0.114.7")
    check = signed_headers(mail, HOME)
    assert (check.ok, check.message) == (True, "signed by kaffee.de (k1), both List-Unsubscribe headers covered")


def test_saved_with_other_line_ends_it_is_still_the_same_mail(names: NameServer, signer: Signer) -> None:
    """Mail programs save with the line ends of their system."""
    assert signed_headers(read(signer.sign(a_mail()).replace(b"\r\n", b"\n"), names.resolver), HOME).ok


def test_what_a_library_signs_by_default_is_not_enough(names: NameServer, signer: Signer) -> None:
    """The usual trap: List-Unsubscribe is signed and List-Unsubscribe-Post is not."""
    mail = read(signer.sign(a_mail(), covered=COVERED[:-1]), names.resolver)
    check = signed_headers(mail, HOME)
    assert (check.ok, check.level) == (False, "error")
    assert "leaves out list-unsubscribe-post" in check.message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: raw.replace(b"One-Click", b"One-Klick"), "no signature is valid"),
        (lambda raw: raw.replace(b"Hallo!", b"Hallo?"), "no signature is valid"),
        (lambda raw: raw.replace(b"s=k1", b"s=k2"), "no signature is valid"),
        (lambda raw: raw.partition(b"Received:")[1] + raw.partition(b"Received:")[2], "has no DKIM signature"),
    ],
)
def test_a_signature_that_does_not_hold_is_told(names: NameServer, signer: Signer, change: object, why: str) -> None:
    """A header or the body was changed on the way, the key is not there, or nobody signed."""
    assert callable(change)
    check = signed_headers(read(change(signer.sign(a_mail())), names.resolver), HOME)
    assert not check.ok
    assert why in check.message


def test_the_services_own_signature_does_not_do(names: NameServer, signer: Signer) -> None:
    """A valid signature of another domain proves nothing of ours; beside ours it does no harm."""
    foreign = signer.sign(a_mail(), domain="service.de")
    assert "signed by service.de alone" in signed_headers(read(foreign, names.resolver), HOME).message
    both = signer.sign(foreign, covered=COVERED)
    assert signed_headers(read(both, names.resolver), HOME).ok


def test_the_mail_must_be_one_of_ours_and_a_marketing_one(names: NameServer, signer: Signer) -> None:
    """A mail of somebody else, or a receipt, says nothing of one-click."""
    other = read(signer.sign(a_mail("hallo@tee.de")), names.resolver)
    assert "comes from tee.de" in signed_headers(other, HOME).message
    receipt = read(signer.sign(a_mail(without="List-Unsubscribe-Post")), names.resolver)
    assert "has no list-unsubscribe-post" in signed_headers(receipt, HOME).message


def test_without_a_mail_nothing_is_known(names: NameServer) -> None:
    """That is a warning with the way to find out; what is no mail at all is told."""
    check = signed_headers(None, HOME)
    assert (check.level, "--received" in check.hint) == ("warning", True)
    with pytest.raises(NotAMailError):
        read(b"%PDF-1.4 \x00\xff", names.resolver)


@pytest.mark.parametrize(
    ("head", "address"),
    [
        ("Received-SPF: pass (mx.elsewhere.example: ...) client-ip=203.0.114.9; helo=x", "203.0.114.9"),
        ("Received: from [10.0.0.1] by inner with ESMTP", "203.0.114.7"),
        ("Received: from out (out [IPv6:2a00:1450:4001::1]) by mx", "2a00:1450:4001::1"),
        ("X-Other: [203.0.114.1]", "203.0.114.7"),
    ],
)
def test_where_it_came_from_is_read_off_its_head(names: NameServer, head: str, address: str) -> None:
    """What the receiver checked SPF against, else the last public server on the way."""
    assert read(f"{head}\r\n".encode() + a_mail(), names.resolver).address == address
