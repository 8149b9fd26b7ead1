"""A test mail as it arrived elsewhere: who signed it, which headers the signature covers, and from where it came.

It is the only proof of what mail looks like when it has left: whether the mail server signs, and signs enough. One-click
unsubscribe counts only where a valid DKIM signature covers both of its headers (RFC 8058), and libraries and servers
leave one of them out by default.
"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address

import dkim  # type: ignore[import-untyped]  # it comes without types
from msgspec import Struct

from engine.wiring.preflight.check import Check, not_known, right, wrong
from engine.wiring.preflight.dns import NoAnswerError, Resolver
from engine.wiring.preflight.domain import are_aligned, tags_of

NEEDED = ("list-unsubscribe", "list-unsubscribe-post")
_BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]+)\]")
_CLIENT = re.compile(r"client-ip=\[?([0-9a-fA-F.:]+)")
_HOW = "winback test-send TEMPLATE --to an address elsewhere, save the mail as it arrived, --received FILE.eml"


class NotAMailError(Exception):
    """The file is no mail, or none of the sender's."""


class Signature(Struct, frozen=True):
    """A DKIM signature: whose, which headers it covers (in small letters), and what is wrong with it, if anything."""

    domain: str
    selector: str
    covers: frozenset[str]
    trouble: str = ""


class Received(Struct, frozen=True):
    """What a received mail shows. `address` is that of the server which handed it over, empty if it cannot be told."""

    domain: str
    headers: frozenset[str]
    signatures: tuple[Signature, ...]
    address: str


def read(raw: bytes, resolver: Resolver) -> Received:
    """Read a mail as it was received, and verify its signatures.

    Raises:
        NotAMailError: it is no mail.

    """
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage), "the default policy makes these"
    sender = mail["from"]
    if sender is None or not sender.addresses:
        raise NotAMailError("there is no From in it: save the mail whole, with all of its headers")
    signatures = mail.get_all("dkim-signature", [])
    return Received(
        domain=sender.addresses[0].domain.casefold(),
        headers=frozenset(name.casefold() for name in mail),
        signatures=tuple(_signature(raw, place, str(text), resolver) for place, text in enumerate(signatures)),
        address=_came_from(mail),
    )


def signed_headers(received: Received | None, domain: str) -> Check:
    """One-click unsubscribe counts when a signature of the sender's domain covers both of its headers."""
    name = "signed_headers"
    if received is None:
        return not_known(name, "whether mail is signed is not known: no mail that arrived was shown", _HOW)
    if not are_aligned(domain, received.domain):
        said = f"the mail comes from {received.domain}, and ours come from {domain}"
        return wrong(name, said, f"show one of ours: {_HOW}")
    missing = [each for each in NEEDED if each not in received.headers]
    if missing:
        said = f"the mail has no {', '.join(missing)}: it is a service mail, or something on its way took them out"
        return wrong(name, said, "show a marketing mail, saved with all of its headers")
    if not received.signatures:
        said = "the mail has no DKIM signature"
        return wrong(
            name, said, "let your mail server or service sign what it sends, or set [dkim] so that winback does"
        )
    valid = [each for each in received.signatures if not each.trouble]
    if not valid:
        return wrong(
            name, f"no signature is valid: {received.signatures[0].trouble}", "see dkim; save the mail unchanged"
        )
    own = [each for each in valid if are_aligned(domain, each.domain)]
    if not own:
        owners = ", ".join(each.domain for each in valid)
        return wrong(
            name, f"it is signed by {owners} alone, not by {domain}", f"let it be signed with a key of {domain}"
        )
    left_out = min(([each for each in NEEDED if each not in one.covers] for one in own), key=len)
    if left_out:
        said = f"the signature leaves out {', '.join(left_out)}: mail programs will show no unsubscribe button"
        return wrong(name, said, "add both List-Unsubscribe and List-Unsubscribe-Post to the headers that are signed")
    return right(name, f"signed by {own[0].domain} ({own[0].selector}), both List-Unsubscribe headers covered")


def _signature(raw: bytes, place: int, text: str, resolver: Resolver) -> Signature:
    tags = tags_of(re.sub(r"\s+", " ", text))
    covers = frozenset(each.strip().casefold() for each in tags.get("h", "").split(":"))
    return Signature(
        domain=tags.get("d", "").casefold(),
        selector=tags.get("s", ""),
        covers=covers,
        trouble=_trouble(raw, place, resolver),
    )


def _trouble(raw: bytes, place: int, resolver: Resolver) -> str:
    """Say what is wrong with the signature at a place, empty when it is valid."""

    def key_record(name: bytes | str, timeout: int = 5) -> bytes | None:  # noqa: ARG001 - the resolver has its own
        text = name.decode("ascii") if isinstance(name, bytes) else name
        try:
            found = resolver.texts(text.rstrip("."))
        except NoAnswerError as error:
            raise dkim.DnsTimeoutError(str(error)) from error
        return found[0].encode() if found else None

    try:
        valid = dkim.DKIM(raw).verify(idx=place, dnsfunc=key_record)
    except dkim.DKIMException as error:
        return str(error) or type(error).__name__
    return "" if valid else "what was signed is not what arrived"


def _came_from(mail: EmailMessage) -> str:
    """Return the address of the server that handed the mail over to the receiver's, as far as the headers tell."""
    said = [str(each) for each in mail.get_all("received-spf", [])]
    for pattern, texts in ((_CLIENT, said), (_BRACKETED, [str(each) for each in mail.get_all("received", [])])):
        for text in texts:
            for found in pattern.findall(text):
                if _is_public(found):
                    return str(ip_address(found))
    return ""


def _is_public(text: str) -> bool:
    try:
        return ip_address(text).is_global
    except ValueError:
        return False
