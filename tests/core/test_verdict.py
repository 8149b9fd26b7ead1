"""What a failed mail means, by the words of those who would not take it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.verdict import Verdict, verdict_of
from engine.core.wording import LONGEST, heard

KINDS = {"dead", "doubtful", "full", "policy", "spam", "soft"}


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("smtp; 550 5.2.1 mailbox is full", "5.1.1", "full"),
        ("smtp; 550 5.7.1 user unknown", "5.7.1", "dead"),
        ("smtp; 550 5.1.1 your IP has a poor reputation", "5.1.1", "policy"),
        ("smtp; 550 rejected, looks like spam", "5.1.1", "spam"),
        ("connection timed out", "5.1.1", "soft"),
        ("", "5.1.1", "dead"),
        ("", "5.7.26", "policy"),
        ("", "5.2.2", "full"),
        ("", "4.4.1", "soft"),
        ("", "5.2.1", "doubtful"),
        ("", "5.0.0", "doubtful"),
        ("", "", "soft"),
    ],
)
def test_words_outrank_codes(text: str, status: str, kind: str) -> None:
    """What a server says decides; its code only where no words do."""
    assert verdict_of(text, status=status).kind == kind


@pytest.mark.parametrize(
    "said",
    [
        "host spamfilter.example.org[192.0.2.1] said: 550 5.1.1 <full@quota.example.org>: User unknown",
        "550 No such user: blacklist@spamhaus.example; see https://mail.example.org/policy/rejected/spam",
        "550 <virus.blocked@example.org> does not exist",
    ],
)
def test_names_say_nothing(said: str) -> None:
    """A host called spamfilter says nothing about spam, an address called full@ nothing about a mailbox."""
    assert verdict_of(said).kind == "dead"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("550 This message was not blocked as spam; the recipient is unknown", "dead"),
        ("550 Mailbox not full, but there is no such user", "dead"),
        ("550 5.7.1 Your mail was not accepted because it looks like spam", "spam"),
        ("550 5.7.26 This mail is not authenticated: SPF did not pass", "policy"),
    ],
)
def test_what_is_denied_does_not_count(said: str, kind: str) -> None:
    """`Not blocked as spam` is no word of spam, while `not accepted because of spam` is."""
    assert verdict_of(said).kind == kind


def test_the_reason_in_a_link_is_read() -> None:
    """Google's links name the reason: NoSuchUser and DisabledUser are words."""
    link = "550 gave up, see https://support.google.com/mail/?p={} abc.123 - gsmtp"

    assert verdict_of(link.format("NoSuchUser")).kind == "dead"
    assert verdict_of(link.format("DisabledUser")).kind == "doubtful"
    assert verdict_of(link.format("OverQuotaPerm")).kind == "full"
    assert verdict_of(link.format("UnsolicitedMessageError")).kind == "spam"


def test_an_address_of_ours_that_is_refused_is_no_proof_about_theirs() -> None:
    """`Domain not found` of the sender's domain, or of the name we greeted with, is our fault."""
    for said in (
        "550 5.1.8 <b@shop.example>: Sender address rejected: Domain not found",
        "554 5.7.1 <mail>: Helo command rejected: Host not found",
        "550 Sender verify failed: no such user here",
        "553 5.1.8 Domain of sender address b@shop.example does not exist",
    ):
        assert verdict_of(said).kind == "policy", said


def test_a_verdict_says_why() -> None:
    """A verdict holds the status, a sentence for people and the words that decided, and no address."""
    verdict = verdict_of(
        "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
    )

    assert verdict.kind == "dead"
    assert verdict.status == "5.1.1"
    assert verdict.reason == "nobody has this address"
    assert any("user unknown" in words for words in verdict.evidence)
    assert "ada" not in " ".join(verdict.evidence)


def test_doubtful_is_told_as_an_unknown_bounce() -> None:
    """The core makes a doubtful proof of a permanent bounce of unknown kind; other kinds keep their names."""
    assert Verdict("doubtful", "5.2.1", "", ()).as_event == "unknown"
    assert Verdict("dead", "5.1.1", "", ()).as_event == "dead"


@given(st.text(max_size=300), st.sampled_from(["", "5.1.1", "4.2.2", "x", "5.7.26"]), st.integers(0, 999))
def test_anything_gets_a_verdict(text: str, status: str, code: int) -> None:
    """Whatever is asked, an answer of the six kinds comes back, and twice the same."""
    verdict = verdict_of(text, status=status, code=code)

    assert verdict.kind in KINDS
    assert verdict_of(text, status=status, code=code) == verdict


@given(
    st.sampled_from(
        ["mailbox full", "over quota", "blocked for spam", "DMARC policy", "bad reputation", "relay denied"]
    ),
    st.sampled_from(["user unknown", "no such user", "address not found", "domain does not exist", ""]),
    st.sampled_from(["5.1.1", "5.0.0", "5.7.1", "5.2.1", "5.1.10", ""]),
    st.sampled_from(["{} {}", "{}: {}", "{1}; {0}", "550-{}\n550 {}"]),
)
def test_what_is_not_about_the_address_never_kills_it(ours: str, theirs: str, status: str, shape: str) -> None:
    """No answer that speaks of full, spam, policy, reputation or relaying counts as dead, whatever else it says."""
    assert verdict_of(shape.format(theirs, ours), status=status, code=550).kind != "dead"


@given(st.text(max_size=200), st.integers(400, 499))
def test_a_temporary_no_is_no_proof(text: str, code: int) -> None:
    """A 4xx or a 4.x.x is no proof that an address is dead, unless the text carries a status for good."""
    verdict = verdict_of(text, code=code)

    assert verdict.kind != "dead" or verdict.status.startswith("5") or heard(text).code >= 500


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "user ",
        "@",
        "a.",
        "a@",
        "5.1.1 ",
        "550-",
        "[1.2.3.4",
        "user unknown full ",
        "not a ",
        "ü",
        "http://a.",
        "\0",
        "sender ",
    ],
)
def test_time_does_not_run_away(piece: str) -> None:
    """A megabyte of the same takes no longer than what is read of it: texts that provoke searching back are no exception."""
    began = time.process_time()

    verdict_of(piece * (1_000_000 // len(piece)), status="5.0.0")

    assert time.process_time() - began < 1.0


def test_the_end_of_a_long_answer_is_read() -> None:
    """Of a long answer the beginning and the end are read: some servers quote first and say last."""
    assert verdict_of("550 " + "x " * LONGEST + "user unknown").kind == "dead"


def test_a_mime_type_in_the_words_is_no_rule() -> None:
    """What a mail returned says of its own parts (message/rfc822) is not the server's reason; RFC 5322 as one is."""
    said = "The recipient name is not recognized. Content-Type: message/rfc822"
    assert verdict_of(said, code=550).kind == "dead"
    assert verdict_of("Message is not RFC 5322 compliant", code=550).kind == "policy"
