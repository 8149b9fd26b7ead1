"""What follows from a mail that came in, as events."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from connectors.bounces import About, Recipient, Report
from connectors.bounces.parts import part_of
from engine.core.events import Event
from engine.core.links import UNSUBSCRIBE, Keys, Link, block_key
from engine.core.message_ids import carrying
from engine.core.moments import DAY, HOUR
from engine.core.reading import Reader, encode
from engine.core.return_paths import ReturnPaths
from engine.wiring.incoming.heads import head_of
from engine.wiring.incoming.joining import joined
from engine.wiring.incoming.taking import came_in
from engine.wiring.incoming.telling import Came, events
from engine.wiring.secret import Secrets
from tests.acceptance.test_mail_comes_back import BOUNCE
from tests.builders import START

EFFECT = "0123456789abcdef" * 2
BLOCKS, MESSAGES = b"block list", b"messages"
SECRETS = Secrets(
    links=Keys({1: b"links"}),
    codes=b"codes",
    blocks=BLOCKS,
    messages=MESSAGES,
    returns=ReturnPaths({1: b"envelopes"}),
)
OWN = frozenset({"hello@shop.example", "b@bounces.shop.example"})
SENT_FROM = SECRETS.returns.address("b@bounces.shop.example", EFFECT, "ada", "ada@example.org")
LINK = SECRETS.links.seal(
    Link(UNSUBSCRIBE, "ada", "marketing", EFFECT, (block_key(BLOCKS, "ada@example.org", "marketing"), b"k"))
)


@dataclass
class Told:
    """The parts of an event that matter here."""

    type: str
    customer: str
    message_id: str
    email: str
    kind: str
    status: str

    @classmethod
    def of(cls, event: Event) -> Told:
        """Return them."""
        data = event.data
        return cls(event.type, event.customer, data.message_id, data.email, data.kind, data.status)


def told(raw: str, *recipients: str, customer: str = "") -> list[Told]:
    """Return what follows from a mail."""
    came = replace(came_in(raw.replace("\n", "\r\n").encode(), recipients, SECRETS, START), customer=customer)
    return [Told.of(each) for each in events(came, BLOCKS, OWN)]


def bounce(to: str = "b@bounces.shop.example", address: str = "ada@example.org", headers: str = "X: y") -> str:
    """Return a report of a mail to an address that does not exist."""
    return BOUNCE.format(to=to, address=address, headers=headers, number=1)


# Joining -------------------------------------------------------------------------------------------------------------

SIGNED_ID = f"<{carrying(EFFECT, 'ada', MESSAGES)}@shop.example>"
PROOFS = {
    "the envelope sender": bounce(SENT_FROM),
    "the envelope sender of the returned mail": bounce(headers=f"Return-Path: <{SENT_FROM}>"),
    "the envelope id": bounce().replace(
        "Reporting-MTA:", f"Original-Envelope-Id: {SENT_FROM.partition('+')[2].partition('@')[0]}\nReporting-MTA:"
    ),
    "a Message-ID that carries our signature": bounce(headers=f"Message-ID: {SIGNED_ID}"),
    "our header for it": bounce(headers=f"X-Winback-Message-ID: {SIGNED_ID.strip('<>')}"),
    "the unsubscribe link": bounce(headers=f"List-Unsubscribe: <https://shop.example/u/{LINK}>"),
    "the unsubscribe link, folded": bounce(headers=f"List-Unsubscribe:\n <https://shop.example/u/{LINK}>"),
}


@pytest.mark.parametrize("name", PROOFS)
def test_each_of_these_proves_whose_mail_it_was(name: str) -> None:
    """So the report is believed whole."""
    assert told(PROOFS[name]) == [Told("email.bounced", "ada", EFFECT, "ada@example.org", "dead", "5.1.1")]


def test_what_is_not_signed_is_a_doubtful_proof() -> None:
    """A Message-ID formed like ours says which mail, and anybody may know it; an address alone says less."""
    unsigned = bounce(headers=f"Message-ID: <{EFFECT}@shop.example>")
    assert told(unsigned) == [Told("email.bounced", "", EFFECT, "ada@example.org", "unknown", "5.1.1")]
    assert told(bounce()) == [Told("email.bounced", "", "", "ada@example.org", "unknown", "5.1.1")]


def test_another_shops_tokens_are_nobodys() -> None:
    """Neither an envelope sender nor a link that we did not seal says anything."""
    theirs = ReturnPaths({1: b"theirs"}).address("b@bounces.shop.example", EFFECT, "ada", "ada@example.org")
    link = Keys({1: b"theirs"}).seal(Link(UNSUBSCRIBE, "ada", "marketing", EFFECT))
    for forged in (bounce(theirs), bounce(headers=f"List-Unsubscribe: <https://shop.example/u/{link}>")):
        assert told(forged) == [Told("email.bounced", "", "", "ada@example.org", "unknown", "5.1.1")]


def test_our_own_mail_cannot_be_used_against_somebody_else() -> None:
    """Who has a mail of ours, and with it a token, makes a report about another address: it kills nobody."""
    for proof in (SENT_FROM, f"b@bounces.shop.example\nX-Seen: https://shop.example/u/{LINK}"):
        (event,) = told(bounce(proof, address="bob@example.org"))
        assert (event.customer, event.email, event.kind) == ("ada", "", "unknown")


def test_of_several_recipients_only_the_one_we_wrote_to_is_told() -> None:
    """A list or a gateway reports about others in the same mail."""
    another = (
        "\nFinal-Recipient: rfc822; bob@example.org\nAction: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822"
    )
    two = bounce(SENT_FROM).replace("\n--b\nContent-Type: text/rfc822", another)
    assert [each.email for each in told(two)] == ["ada@example.org"]
    assert {each.email for each in told(two.replace(SENT_FROM, "b@bounces.shop.example"))} == {
        "ada@example.org",
        "bob@example.org",
    }


# Times and ids -------------------------------------------------------------------------------------------------------


def came(head_date: int, kind: str = "bounce") -> Came:
    """Return a mail of some date."""
    recipients = (Recipient("ada@example.org", "full", "5.2.2", "a full mailbox", ("mailbox full",)),)
    head = replace(head_of(b"Message-ID: <1@x>\r\n\r\n"), date=head_date)
    return Came(head, Report(kind, recipients, About()), None, START)


def test_a_report_is_dated_as_far_as_that_can_be_true() -> None:
    """Not after now, and not longer ago than reports take."""
    said = {START - HOUR: START - HOUR, START + HOUR: START, START - 31 * DAY: START, 0: START}
    assert {date: next(events(came(date), BLOCKS, OWN)).time for date in said} == said


def test_read_twice_it_is_the_same_event() -> None:
    """Whichever way it comes in, and with what was put before it on the way."""
    raw = bounce(SENT_FROM).encode()
    ways = (raw, b"Received: from mx\r\nDelivered-To: b@bounces.shop.example\r\n" + raw)
    ids = {next(events(came_in(each, (), SECRETS, START), BLOCKS, OWN)).id for each in ways}
    assert len(ids) == 1


def test_every_event_can_be_read_again() -> None:
    """As the intake does: none becomes a dead letter."""
    for raw in (*PROOFS.values(), bounce()):
        for event in events(came_in(raw.encode(), (), SECRETS, START), BLOCKS, OWN):
            assert Reader().read(encode(event), "", START).event == event


# What else comes in --------------------------------------------------------------------------------------------------

PERSON = "From: Ada <Ada@example.org>\nTo: {to}\nSubject: {subject}\nMessage-ID: <1@x>\n{more}\n{words}\n"


def person(words: str, to: str = "hello@shop.example", subject: str = "Re: Hello", more: str = "") -> str:
    """Return a mail that somebody wrote."""
    return PERSON.format(to=to, subject=subject, words=words, more=more)


def test_a_no_is_of_the_customer_and_of_the_address() -> None:
    """Whoever had the mail, and whoever writes: either may be the one who wants no more."""
    assert told(person("Bitte abmelden", to=SENT_FROM)) == [
        Told("email.unsubscribed", "ada", EFFECT, "", "", ""),
        Told("email.unsubscribed", "", "", "ada@example.org", "", ""),
    ]


def test_an_unsubscribe_by_mail_is_a_no_though_a_program_wrote_it() -> None:
    """As mail programs do for `mailto:`, with the token in the address."""
    by_program = person("", to=SENT_FROM, subject="unsubscribe", more="Auto-Submitted: auto-generated\n")
    assert told(by_program)[0] == Told("email.unsubscribed", "ada", EFFECT, "", "", "")


def test_replies_of_people_and_of_programs() -> None:
    """An absence note says nothing of the address, even where it says that somebody has left."""
    assert told(person("Wie groß ist sie?", to=SENT_FROM)) == [Told("email.replied", "ada", EFFECT, "", "reply", "")]
    left = person(
        "I have left the company.", to=SENT_FROM, subject="Automatic reply", more="Auto-Submitted: auto-replied\n"
    )
    assert told(left) == [Told("email.replied", "ada", EFFECT, "", "auto_reply", "")]


def test_only_known_people_reply() -> None:
    """Mail from strangers makes no customers; of one who is known the address tells."""
    assert told(person("Wie groß ist sie?")) == []
    assert told(person("Wie groß ist sie?"), customer="ada") == [
        Told("email.replied", "", "", "ada@example.org", "reply", "")
    ]


def test_newsletters_of_others_say_nothing() -> None:
    """They come to every mailbox, and are full of the words."""
    assert told(person("unsubscribe", subject="unsubscribe", more="List-Id: <news.example.net>\n")) == []


def test_a_complaint_without_an_address_is_found_by_the_mail() -> None:
    """Who complained is struck out of most of them."""
    raw = (
        "From: feedback@isp.example\nTo: b@bounces.shop.example\nMessage-ID: <c@isp>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n--b\nContent-Type: text/plain\n\nabuse\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: isp/1\nVersion: 1\n\n"
        f"--b\nContent-Type: message/rfc822\n\nFrom: hello@shop.example\nMessage-ID: {SIGNED_ID}\nSubject: x\n\ny\n--b--\n"
    )
    assert [(each.type, each.customer) for each in told(raw)] == [("email.complained", "ada")]


# Rubbish -------------------------------------------------------------------------------------------------------------


def test_a_multipart_mail_without_its_boundary_is_read() -> None:
    """As some gateways leave it behind."""
    assert part_of(b'Content-Type: multipart/report; boundary="b"\r\n\r\n').parts == ()
    assert told('Content-Type: multipart/report; boundary="b"\nFrom: x@example.org\n\n') == []


def test_mutated_mails_are_read_in_no_long_time() -> None:
    """Cut, doubled, with bytes changed: no mail is too strange, and a thousand take a few seconds at most."""
    chance = random.Random(7)
    mails = [raw.encode() for raw in (*PROOFS.values(), person("Bitte abmelden", to=SENT_FROM))]
    began = time.perf_counter()
    for _ in range(1_000):
        raw = bytearray(chance.choice(mails))
        for _ in range(chance.randrange(1, 30)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        if chance.random() < 0.3:
            raw = raw[: chance.randrange(len(raw))] * chance.randrange(1, 5)
        for event in events(came_in(bytes(raw), (), SECRETS, START), BLOCKS, OWN):
            encode(event)
    assert time.perf_counter() - began < 20


def test_tokens_are_looked_for_within_bounds() -> None:
    """A megabyte of candidates is no way to keep us busy."""
    rubbish = (b"/u/" + b"A" * 60 + b" b+" + b"a" * 45 + b"@x ") * 10_000
    began = time.perf_counter()
    assert joined(rubbish, SECRETS, recipients=(), envelope_id="", message_ids=()) is None
    assert time.perf_counter() - began < 2
