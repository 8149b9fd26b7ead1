"""What a mail server's no means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.smtp.replies import kind_of, reply

TABLE = [
    ("550 5.1.1 The email account that you tried to reach does not exist.", "dead"),
    ("550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "dead"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "dead"),
    ("550 5.4.1 Recipient address rejected: Access denied.", "dead"),
    ("550 5.5.0 Requested action not taken: mailbox unavailable.", "dead"),
    ("550 No such user here", "dead"),
    ("554 5.4.4 Host not found: NXDOMAIN", "dead"),
    ("550 5.1.2 bad destination system", "dead"),
    ("556 5.1.10 Domain does not accept mail (null MX)", "dead"),
    ("550 Empfänger unbekannt", "dead"),
    ("450 4.1.2 Domain not found", "soft"),
    ("450 4.2.0 mailbox unavailable", "soft"),
    ("552 5.2.2 The email account that you tried to reach is over quota and inactive.", "full"),
    ("552 5.2.2 The recipient's inbox is out of storage space and inactive.", "full"),
    ("550 5.7.1 Email quota exceeded", "full"),
    ("452 4.2.2 Mailbox full", "full"),
    ("452 4.3.1 Insufficient system storage", "full"),
    ("550 5.7.1 Our system has detected that this message is likely unsolicited mail", "spam"),
    ("554 Message rejected as spam by Content Filtering.", "spam"),
    ("550 5.7.26 Unauthenticated email from shop.example is not accepted due to the domain's DMARC policy", "policy"),
    ("550 5.7.1 Service unavailable; client host [1.2.3.4] blocked using Spamhaus", "policy"),
    ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", "policy"),
    ("550 5.7.606 Access denied, banned sending IP [1.2.3.4]", "policy"),
    ("550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", "policy"),
    ("421 4.7.28 Our system has detected an unusual rate of mail", "policy"),
    ("554 5.7.1 <ada@example.org>: Relay access denied", "policy"),
    ("550 5.1.8 Access denied, bad outbound sender", "policy"),
    ("550 5.2.1 The email account that you tried to reach is disabled.", "unknown"),
    ("554 delivery error: dd This user doesn't have an account; this mailbox is disabled", "unknown"),
    ("552 5.3.4 Message size exceeds fixed limit", "soft"),
    ("451 4.3.0 Temporary failure", "soft"),
    ("550 5.0.0 Something else", "unknown"),
    ("554 Transaction failed", "unknown"),
]


@pytest.mark.parametrize(("said", "kind"), TABLE)
def test_real_answers(said: str, kind: str) -> None:
    """Answers of large providers and common servers come out as what they mean."""
    answer = reply(int(said[:3]), said[4:])
    assert answer.kind == kind


@given(
    st.sampled_from(
        ["mailbox full", "over quota", "blocked for spam", "DMARC policy", "bad reputation", "SPF check failed"]
    ),
    st.sampled_from(["user unknown", "no such user", "address not found", ""]),
    st.sampled_from(["5.1.1", "5.0.0", "5.7.1", "5.2.1", ""]),
    st.integers(400, 599),
)
def test_what_is_not_about_the_address_never_kills_it(ours: str, theirs: str, status: str, code: int) -> None:
    """No answer that speaks of full, spam, policy or reputation counts as dead, whatever else it says."""
    assert kind_of(code, status, f"{theirs} {ours}") != "dead"
    assert kind_of(code, status, f"{ours}: {theirs}") != "dead"


@given(st.text(max_size=200), st.integers(400, 499))
def test_a_temporary_no_never_kills_an_address(text: str, code: int) -> None:
    """A 4xx is no proof that an address is dead, unless the text carries a status that says so for good."""
    answer = reply(code, text)
    assert answer.kind != "dead" or answer.status.startswith("5")


def test_an_answer_is_kept_short_and_in_one_line() -> None:
    """What people read of it is one line of bounded length, with the status found in it."""
    answer = reply(550, "5.1.1 no\r\nsuch user " + "x" * 2_000)
    assert answer.status == "5.1.1"
    assert "\n" not in answer.diagnostic
    assert len(answer.diagnostic) <= 500


@pytest.mark.parametrize(
    ("said", "about_us"),
    [
        ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", True),
        ("421 4.7.0 [TSS04] Messages temporarily deferred due to user complaints or poor reputation", True),
        ("451 4.7.650 The mail server has been temporarily rate limited due to IP reputation", True),
        ("450 4.7.1 Client host rejected: cannot find your reverse DNS hostname", True),
        ("450 4.2.0 Recipient address rejected: Greylisted", False),
        ("451 4.7.1 Greylisting in action, please come back later", False),
        ("452 4.2.2 Mailbox full", False),
        ("451 4.3.0 Temporary failure", False),
    ],
)
def test_what_speaks_of_us_as_a_sender(said: str, about_us: bool) -> None:  # noqa: FBT001 - a table's column
    """Rate, reputation and authentication are about us; greylisting asks everybody to wait, and a full mailbox is theirs."""
    assert reply(int(said[:3]), said[4:]).speaks_of_us is about_us
