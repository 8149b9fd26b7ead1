"""What DNS must say of the sender's domain: SPF, DKIM, DMARC, and the names of the servers that mail leaves from."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

import dkim  # type: ignore[import-untyped]  # it comes without types

from engine.wiring.preflight import spf as sender_policy
from engine.wiring.preflight.check import Check, not_known, right, wrong
from engine.wiring.preflight.dns import NoAnswerError, Resolver
from engine.wiring.preflight.situation import is_for_examples

LEAST_BITS, USUAL_BITS = 1_024, 2_048
_HOW = "name the servers under [sender] sends_from, or give a mail that arrived: --received FILE.eml"
_AGAIN = "try again, or ask another: --nameserver 9.9.9.9"


def about_domain(
    domain: str,
    addresses: Sequence[str],
    keys: Sequence[tuple[str, str]],
    resolver: Resolver,
    ours: Mapping[tuple[str, str], bytes] = MappingProxyType({}),
    *,
    envelope: str = "",
) -> list[tuple[str, Callable[[], Check]]]:
    """Return the checks to make, by name; each asks DNS when it is called, so they can be made side by side.

    `addresses` are those that mail leaves from, `keys` the (selector, domain) of signatures, as far as they are known; of
    those that are `ours` the public half is here to compare with. `envelope` is the domain that reports go to, where that is
    another: servers ask SPF of it.
    """
    return [
        ("spf", lambda: spf(envelope or domain, addresses, resolver)),
        ("dkim", lambda: dkim_keys(domain, keys, resolver, ours)),
        ("dmarc", lambda: dmarc(domain, resolver)),
        ("ptr", lambda: ptr(addresses, resolver)),
    ]


def asked(name: str, domain: str, check: Callable[[], Check]) -> Check:
    """Make a check that asks DNS; say so where nobody answers, or nobody could."""
    if is_for_examples(domain):
        said = f"{domain or 'the sender'} is a domain for examples, which nobody can look up"
        return wrong(name, said, "set the address that mails come from: sender_email in shop.yaml, or [sender] address")
    try:
        return check()
    except NoAnswerError as error:
        return not_known(name, str(error), _AGAIN)


def spf(domain: str, addresses: Sequence[str], resolver: Resolver) -> Check:
    """Servers may send in the domain's name when its SPF record lists them."""
    found = sender_policy.records(domain, resolver)
    if not found:
        hint = f'publish a TXT record at {domain}: "v=spf1 include:YOUR-MAIL-SERVICE -all"'
        return wrong("spf", f"{domain} has no SPF record", hint)
    try:
        if sender_policy.evaluated(sender_policy.NOBODY, domain, resolver) == sender_policy.PASS:
            return wrong("spf", f"{domain} lets everybody send in its name", "end the record with -all or ~all")
        said = {address: sender_policy.evaluated(address, domain, resolver) for address in addresses}
    except sender_policy.BrokenSpfError as error:
        return wrong("spf", f"the SPF record of {domain} is broken: {error}", "mend it with your mail service's advice")
    except sender_policy.TooHardError as error:
        return not_known(
            "spf", f"{domain} has an SPF record that cannot be followed here: {error}", "look at it by hand"
        )
    refused = [f"{address} ({result})" for address, result in said.items() if result != sender_policy.PASS]
    if refused:
        said_so = f"mail leaves from {', '.join(refused)}, which {domain}'s SPF record does not let pass"
        return wrong("spf", said_so, "add the server, or your mail service's include:, to the record")
    if not said:
        return right("spf", f"{domain} has an SPF record; from where mail leaves is not known", _HOW)
    return right("spf", f"{domain} lets {', '.join(said)} send")


def dkim_keys(
    domain: str,
    keys: Sequence[tuple[str, str]],
    resolver: Resolver,
    ours: Mapping[tuple[str, str], bytes] = MappingProxyType({}),
) -> Check:
    """The public key of each signature must be there, be that of the key that signs, and belong to the domain of mails."""
    if not keys:
        hint = "name the selectors under [sender] dkim_selectors, or give a mail that arrived: --received FILE.eml"
        return not_known("dkim", f"which key signs mail of {domain} is not known", hint)
    found = [_dkim_key(selector, owner, resolver, ours.get((selector, owner), b"")) for selector, owner in keys]
    bad = [each for each in found if not each.ok]
    if bad:
        return bad[0]
    if not any(are_aligned(domain, owner) for _, owner in keys):
        owners = ", ".join(sorted({owner for _, owner in keys}))
        said = f"mail is signed for {owners}, and comes from {domain}: that counts for nothing with DMARC"
        return wrong("dkim", said, f"let your mail service sign with a key of {domain}")
    return right(
        "dkim", "; ".join(each.message for each in found), next((each.hint for each in found if each.hint), "")
    )


def _dkim_key(selector: str, domain: str, resolver: Resolver, ours: bytes) -> Check:
    name = f"{selector}._domainkey.{domain}"
    texts = [text for text in resolver.texts(name) if "p=" in text.replace(" ", "")]
    if not texts:
        return wrong(
            "dkim",
            f"there is no key at {name}",
            f'publish the TXT record "{record_of(ours)}" there'
            if ours
            else "publish the TXT record that your mail server or service gives",
        )
    tags = tags_of(texts[0])
    try:
        key = b64decode("".join(tags.get("p", "").split()), validate=True)
    except NotBase64:
        return wrong("dkim", f"the key at {name} cannot be read", "publish it anew, in one piece")
    if not key:
        return wrong("dkim", f"the key at {name} was taken back (its p= is empty)", "publish the key that signs now")
    if ours and not ours.endswith(key):  # the shorter form of an RSA key is the end of the longer one
        hint = f'publish "{record_of(ours)}" there, or sign with the key that belongs to it'
        return wrong("dkim", f"the key at {name} is not that of the key that signs", hint)
    if tags.get("k", "rsa") != "rsa":
        return right("dkim", f"{name} has a key")
    bits = _bits(key)
    if bits < LEAST_BITS:
        return wrong("dkim", f"the key at {name} has {bits} bits: receivers ignore it", "make one of 2048 bits")
    weak = "" if bits >= USUAL_BITS else f"{name} has {bits} bits; 2048 are usual today"
    return right("dkim", f"{name} has a key of {bits} bits", weak)


def record_of(public_key: bytes) -> str:
    """Return the TXT record that publishes a public key: 32 bytes are Ed25519's (RFC 8463), all others RSA's."""
    kind = "ed25519" if len(public_key) == 32 else "rsa"
    return f"v=DKIM1; k={kind}; p={b64encode(public_key).decode()}"


def _bits(key: bytes) -> int:
    try:
        parsed: dict[str, Any] = dkim.crypto.parse_public_key(key)
    except dkim.crypto.UnparsableKeyError:
        return 0
    return int(parsed["modulus"]).bit_length()


def dmarc(domain: str, resolver: Resolver) -> Check:
    """What receivers shall do with mail in the domain's name that proves nothing; the big ones ask for an answer."""
    for name in _upwards(domain):
        found = [text for text in resolver.texts(f"_dmarc.{name}") if text.startswith("v=DMARC1")]
        if len(found) > 1:
            return wrong("dmarc", f"_dmarc.{name} has {len(found)} records; there may be one", "keep one")
        if found:
            tags = tags_of(found[0])
            policy = (tags.get("sp") if name != domain else None) or tags.get("p", "")
            if policy not in ("none", "quarantine", "reject"):
                said = f"the DMARC record of {name} has no policy that counts: {found[0]}"
                return wrong("dmarc", said, "write p=none, p=quarantine or p=reject")
            reports = "" if tags.get("rua") else "add rua=mailto:… to hear what receivers see"
            return right("dmarc", f"{name} has the policy {policy}", reports)
    hint = f'publish a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    return wrong("dmarc", f"{domain} has no DMARC record", hint)


def ptr(addresses: Sequence[str], resolver: Resolver) -> Check:
    """Each server that mail leaves from has a name, and the name leads back to it."""
    public = [each for each in addresses if ip_address(each).is_global]
    if not public:
        return not_known("ptr", "from which addresses mail leaves is not known", _HOW)
    said = []
    for address in public:
        names = resolver.names(address)
        if not names:
            return wrong("ptr", f"{address} has no name", "ask whoever gave you the address to set its PTR record")
        back = [name for name in names if address in resolver.addresses(name)]
        if not back:
            said_so = f"{address} is called {names[0]}, and that name does not lead back to it"
            return wrong("ptr", said_so, f"publish an A or AAAA record at {names[0]}")
        said.append(f"{address} is {back[0]}")
    return right("ptr", "; ".join(said))


def are_aligned(sender: str, signer: str) -> bool:
    """Say whether two domains count as one with DMARC's relaxed alignment: the same, or one below the other."""
    one, other = sender.casefold(), signer.casefold()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def tags_of(record: str) -> dict[str, str]:
    """Return the `tag=value` pairs of a DKIM or DMARC record."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().casefold(): value.strip() for name, equals, value in pairs if equals}


def _upwards(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
