"""What DNS says of the sender's domain, asked of a real name server."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.wiring.preflight.check import Check
from engine.wiring.preflight.dns import DnsResolver, NoAnswerError
from engine.wiring.preflight.domain import are_aligned, asked, dkim_keys, dmarc, ptr, spf
from engine.wiring.preflight.spf import BrokenSpfError, TooHardError, evaluated
from tests.name_servers import NameServer, Signer, a_signer

HOME = "kaffee.de"
SERVER = "203.0.114.7"


def said(check: Check) -> tuple[bool, str]:
    """Whether it is right, and what is said."""
    return check.ok, check.message


# The resolver --------------------------------------------------------------------------------------------------------


def test_a_record_in_pieces_is_put_together(names: NameServer) -> None:
    """A TXT record holds at most 255 letters a piece; a key has more."""
    names.has(HOME, "TXT", "x" * 600)
    assert names.resolver.texts(HOME) == ("x" * 600,)


def test_no_record_and_no_answer_are_not_the_same(names: NameServer) -> None:
    """A name that is not there has no records; of one that nobody answers for nothing is known."""
    names.has(HOME, "A", SERVER)
    names.failing.add("broken.de")
    assert names.resolver.texts("gone.de") == names.resolver.texts(HOME) == ()
    with pytest.raises(NoAnswerError, match=r"broken\.de"):
        names.resolver.texts("broken.de")


@pytest.mark.parametrize("server", ["dns.kaffee.de", "127.0.0.1:x", "", "1.2.3:53"])
def test_a_name_server_is_an_address(server: str) -> None:
    """What is none is told with what to write."""
    with pytest.raises(ValueError, match="name servers are addresses"):
        DnsResolver([server])


# SPF -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "result"),
    [
        (f"v=spf1 ip4:{SERVER} -all", "pass"),
        ("v=spf1 ip4:203.0.114.0/24 ~all", "pass"),
        ("v=spf1 ip4:203.0.115.0/24 ~all", "softfail"),
        ("v=spf1 ip6:2001:db8::/32 -all", "fail"),
        ("v=spf1 a -all", "pass"),
        ("v=spf1 a:other.de/24 -all", "pass"),
        ("v=spf1 a:other.de//64 -all", "fail"),
        ("v=spf1 a/8//64 -all", "pass"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 mx:other.de ?all", "neutral"),
        ("v=spf1 include:service.de -all", "pass"),
        ("v=spf1 -include:service.de +all", "fail"),
        ("v=spf1 redirect=service.de", "pass"),
        ("v=spf1 exists:other.de -all", "pass"),
        ("v=spf1 ptr:kaffee.de -all", "pass"),
        ("v=spf1 exp=why.kaffee.de -all", "fail"),
        ("V=SPF1 IP4:203.0.114.7 -ALL", "pass"),
        ("v=spf1", "neutral"),
        ("v=spf10 +all", "none"),
    ],
)
def test_an_spf_record_is_followed_as_receivers_do(names: NameServer, record: str, result: str) -> None:
    """Mechanisms from left to right, the first that matches says it; `redirect` where none did."""
    names.has(HOME, "TXT", record, "some other text")
    names.has(HOME, "A", SERVER)
    names.has(HOME, "MX", "10 mail.kaffee.de.")
    names.has("mail.kaffee.de", "A", SERVER)
    names.has("other.de", "A", "203.0.114.99")
    names.has("other.de", "MX", "10 other.de.")
    names.has("service.de", "TXT", f"v=spf1 ip4:{SERVER} -all")
    names.has("7.114.0.203.in-addr.arpa", "PTR", "mail.kaffee.de.")
    assert evaluated(SERVER, HOME, names.resolver) == result


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (["v=spf1 -all", "v=spf1 ~all"], "2 SPF records"),
        (["v=spf1 include:gone.de -all"], "without an SPF record"),
        (["v=spf1 redirect=gone.de"], "which has no SPF record"),
        (["v=spf1 ip4:mail.kaffee.de -all"], "holds no address"),
        (["v=spf1 incl:service.de -all"], "no mechanism"),
        (["v=spf1 include:kaffee.de -all"], "more than 10 questions"),
    ],
)
def test_a_broken_spf_record_is_told(names: NameServer, records: list[str], why: str) -> None:
    """Receivers take it as if it were not there; one that includes itself ends at ten questions."""
    names.has(HOME, "TXT", *records)
    with pytest.raises(BrokenSpfError, match=why):
        evaluated(SERVER, HOME, names.resolver)
    check = spf(HOME, [SERVER], names.resolver)
    assert (check.ok, check.level) == (False, "error")
    assert "is broken" in check.message


def test_macros_are_left_to_people(names: NameServer) -> None:
    """What cannot be followed here is no error: it may be right."""
    names.has(HOME, "TXT", "v=spf1 exists:%{i}._spf.kaffee.de -all")
    with pytest.raises(TooHardError):
        evaluated(SERVER, HOME, names.resolver)
    check = spf(HOME, [SERVER], names.resolver)
    assert (check.ok, check.level) == (False, "warning")


@pytest.mark.parametrize(
    ("record", "addresses", "expected"),
    [
        ("v=spf1 ip4:203.0.114.7 -all", [SERVER], (True, "kaffee.de lets 203.0.114.7 send")),
        ("v=spf1 -all", [], (True, "kaffee.de has an SPF record; from where mail leaves is not known")),
        (
            "v=spf1 ~all",
            [SERVER],
            (False, "mail leaves from 203.0.114.7 (softfail), which kaffee.de's SPF record does not let pass"),
        ),
        ("v=spf1 a +all", [SERVER], (False, "kaffee.de lets everybody send in its name")),
        ("google-site-verification=1", [], (False, "kaffee.de has no SPF record")),
    ],
)
def test_what_the_spf_record_means_for_us(
    names: NameServer, record: str, addresses: list[str], expected: tuple[bool, str]
) -> None:
    """It must be there, let our servers pass, and not everybody."""
    names.has(HOME, "TXT", record)
    assert said(spf(HOME, addresses, names.resolver)) == expected


# DKIM ----------------------------------------------------------------------------------------------------------------


def test_a_key_that_is_there_and_ours_is_right(names: NameServer, signer: Signer) -> None:
    """Its length is told; a signature of the mail service beside ours does no harm."""
    names.has("k1._domainkey.kaffee.de", "TXT", signer.record)
    names.has("s9._domainkey.service.de", "TXT", signer.record)
    check = dkim_keys(HOME, [("k1", HOME), ("s9", "service.de")], names.resolver)
    assert (check.ok, check.hint) == (True, "")
    assert check.message.startswith("k1._domainkey.kaffee.de has a key of 2048 bits")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("", "there is no key at"),
        ("v=DKIM1; p=", "was taken back"),
        ("v=DKIM1; p=***", "cannot be read"),
        ("v=DKIM1; p=AAAA", "0 bits"),
    ],
)
def test_a_key_that_is_no_use_is_told(names: NameServer, record: str, why: str) -> None:
    """Missing, revoked, garbled or too short."""
    if record:
        names.has("k1._domainkey.kaffee.de", "TXT", record)
    check = dkim_keys(HOME, [("k1", HOME)], names.resolver)
    assert not check.ok
    assert why in check.message


def test_short_keys_are_refused_and_middling_ones_mentioned(names: NameServer, tmp_path: Path) -> None:
    """Receivers ignore keys below 1024 bits (RFC 8301); 2048 are usual."""
    names.has("short._domainkey.kaffee.de", "TXT", a_signer(tmp_path, 768).record)
    names.has("old._domainkey.kaffee.de", "TXT", a_signer(tmp_path, 1_024).record)
    short, old = (dkim_keys(HOME, [(selector, HOME)], names.resolver) for selector in ("short", "old"))
    assert (short.ok, "768 bits" in short.message) == (False, True)
    assert (old.ok, "2048 are usual" in old.hint) == (True, True)


def test_a_signature_of_somebody_else_alone_counts_for_nothing(names: NameServer, signer: Signer) -> None:
    """DMARC asks that the signing domain is the one in From, or above or below it."""
    names.has("s9._domainkey.service.de", "TXT", signer.record)
    check = dkim_keys(HOME, [("s9", "service.de")], names.resolver)
    assert said(check) == (
        False,
        "mail is signed for service.de, and comes from kaffee.de: that counts for nothing with DMARC",
    )


@pytest.mark.parametrize(
    ("sender", "signer", "aligned"),
    [
        ("kaffee.de", "kaffee.de", True),
        ("mail.kaffee.de", "kaffee.de", True),
        ("kaffee.de", "Mail.Kaffee.de", True),
        ("kaffee.de", "eiskaffee.de", False),
        ("kaffee.de", "tee.de", False),
    ],
)
def test_which_domains_count_as_one(sender: str, signer: str, *, aligned: bool) -> None:
    """The same, or one below the other; that one name ends as the other is not enough."""
    assert are_aligned(sender, signer) is aligned


# DMARC and PTR -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "records", "expected"),
    [
        ("_dmarc.mail.kaffee.de", ["v=DMARC1; p=none; rua=mailto:d@kaffee.de"], (True, "mail.kaffee.de has the policy none")),
        ("_dmarc.kaffee.de", ["v=DMARC1; p=none; sp=reject"], (True, "kaffee.de has the policy reject")),
        ("_dmarc.kaffee.de", ["v=DMARC1; p=reject"], (True, "kaffee.de has the policy reject")),
        ("_dmarc.de", ["v=DMARC1; p=reject"], (False, "mail.kaffee.de has no DMARC record")),
        ("_dmarc.kaffee.de", ["v=DMARC1; p=nothing"], (False, "the DMARC record of kaffee.de has no policy that counts: v=DMARC1; p=nothing")),
        ("_dmarc.kaffee.de", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], (False, "_dmarc.kaffee.de has 2 records; there may be one")),
    ],
)  # fmt: skip
def test_a_policy_is_there_for_the_domain_or_above_it(
    names: NameServer, place: str, records: list[str], expected: tuple[bool, str]
) -> None:
    """The big receivers ask for one; `p=none` is enough. A whole country has no say."""
    names.has(place, "TXT", *records)
    assert said(dmarc("mail.kaffee.de", names.resolver)) == expected


def test_a_server_has_a_name_that_leads_back(names: NameServer) -> None:
    """No name, or one that leads elsewhere, makes receivers refuse."""
    assert said(ptr([SERVER], names.resolver)) == (False, "203.0.114.7 has no name")
    names.has("7.114.0.203.in-addr.arpa", "PTR", "mail.kaffee.de.")
    names.has("mail.kaffee.de", "A", "203.0.114.8")
    assert not ptr([SERVER], names.resolver).ok
    names.has("mail.kaffee.de", "A", "203.0.114.8", SERVER)
    assert said(ptr([SERVER], names.resolver)) == (True, "203.0.114.7 is mail.kaffee.de")
    unknown = ptr(["10.0.0.9"], names.resolver)
    assert (unknown.ok, unknown.level) == (False, "warning")


def test_where_nobody_answers_nothing_is_known(names: NameServer) -> None:
    """A name server that fails is no reason to keep a shop from going live; a domain for examples is."""
    names.failing.add(HOME)
    failing = asked("spf", HOME, lambda: spf(HOME, [], names.resolver))
    assert (failing.ok, failing.level) == (False, "warning")
    example = asked("spf", "shop.example", lambda: spf("shop.example", [], names.resolver))
    assert (example.level, "for examples" in example.message) == ("error", True)
