"""Links, headers and the bytes of a message."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import unquote
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.links import ANSWER, CONFIRM, QUESTION, SURVEY, UNSUBSCRIBE, Keys, block_key, customer_block_key
from engine.core.moments import instant
from engine.ports import Message
from engine.rendering.envelope import Desk, headers, instant_of, links, message, message_id
from engine.rendering.mime import BadMessageError, as_bytes, mailbox

NOW = 1_767_607_200_000_000
DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://shop.example/mail")
KEYS = Keys({1: b"secret"})


def data(**changes: Any) -> dict[str, Any]:
    """Return the data of a send."""
    customer = {"id": "c1", "email": "Ada@Example.org", "language": "de"}
    fields = {"purpose": "newsletter", "customer": customer, "asks": None, "workflow": "w", "stage": "s"}
    return {**fields, "not_after": "2026-01-05T10:00:00Z", **changes}


def token(url: str) -> str:
    """Return the token in a link."""
    return url.rpartition("/")[2].partition("?")[0]


def test_every_message_can_be_stopped() -> None:
    """The unsubscribe link names customer, purpose and effect, and blocks both the address and the customer."""
    made = links(DESK, KEYS, b"block", effect_id="e1", data=data())
    assert set(made) == {"unsubscribe", "preferences"}
    assert made["unsubscribe"].startswith("https://shop.example/mail/u/")
    link = KEYS.open(token(made["unsubscribe"]), UNSUBSCRIBE)
    assert (link.customer, link.purpose, link.effect_id, link.language) == ("c1", "newsletter", "e1", "de")
    address, person = (
        block_key(b"block", "ada@example.org", "newsletter"),
        customer_block_key(b"block", "c1", "newsletter"),
    )
    assert link.blocks == (address, person)


def test_a_question_has_links_to_answer_it() -> None:
    """A send that asks has links to confirm, to say yes or no to mail, to accept or decline, and to say why."""
    made = links(DESK, KEYS, b"block", effect_id="e1", data=data(asks="still"))
    assert set(made) == {"unsubscribe", "preferences", "confirm", "yes", "no", "accept", "decline", "survey"}
    assert KEYS.open(token(made["confirm"]), CONFIRM).asks == "still"
    assert KEYS.open(token(made["no"]), ANSWER).asks == "still"
    assert made["no"].endswith("?answer=no")
    assert KEYS.open(token(made["decline"]), QUESTION).asks == "still"
    assert made["decline"].endswith("?answer=no")
    assert KEYS.open(token(made["survey"]), SURVEY).asks == "still"


def test_headers_of_a_list() -> None:
    """Marketing and newsletters carry the headers of one-click unsubscribe and a List-Id of their purpose."""
    desk = Desk(
        name="Shop",
        address="hello@läden.example",
        public_url="https://shop.example",
        reply_to="help@shop.example",
        unsubscribe_mailto="stop@shop.example",
        feedback_id="shop12345",
    )
    found = headers(desk, data(), {"unsubscribe": "https://shop.example/u/x"})
    assert found == {
        "Reply-To": "help@shop.example",
        "List-Unsubscribe": "<https://shop.example/u/x>, <mailto:stop@shop.example?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<newsletter.xn--lden-loa.example>",
        "Feedback-ID": "w:s:xn--lden-loa:shop12345",
    }


def test_a_service_message_is_no_list() -> None:
    """A receipt says that a program wrote it, and is on no list."""
    found = headers(DESK, data(purpose="service"), {"unsubscribe": "https://shop.example/u/x"})
    assert found == {"Auto-Submitted": "auto-generated"}


def test_the_message_id_comes_from_the_effect() -> None:
    """A send has one Message-ID, however often it is tried."""
    made = message(DESK, "e1", data(subject="S", text="T"))
    assert made.message_id == message_id("e1", "shop.example") == "<e1@shop.example>"
    assert made.recipient == "Ada@Example.org"
    assert made.not_after == NOW


def test_an_instant_is_read_as_it_was_written() -> None:
    """`not_after` may be an integer or RFC 3339; nothing is no limit."""
    assert instant_of("2026-01-05T11:00:00+01:00") == instant_of(NOW) == NOW
    assert instant_of(None) == instant_of("") == 0


ONE_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200).map(
    lambda text: " ".join(text.split())
)
BODY = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


def given_message(**changes: Any) -> Message:
    """Return a message."""
    fields = {"effect_id": "e1", "message_id": "<e1@s.example>", "sender_name": "Shop", "subject": "Hi", "text": "Hi\n"}
    rest = {"sender_address": "s@s.example", "recipient": "a@b.example", "html": "", "headers": {}, "not_after": 0}
    return Message(**{**fields, **rest, **changes})


def read_name(raw: bytes) -> str:
    """Return the sender's name. The new email API puts blanks between encoded words of a name, where none belong."""
    phrase = message_from_bytes(raw, policy=policy.compat32)["from"].rpartition(" <")[0]
    if phrase.startswith('"'):
        return str(unquote(phrase))
    return " ".join(str(make_header(decode_header(phrase))).split())


@given(ONE_LINE, ONE_LINE, BODY, BODY)
def test_what_was_written_is_what_is_read(subject: str, name: str, text: str, html: str) -> None:
    """Any subject, name and bodies come out of the bytes again, in lines that every mail server takes."""
    raw = as_bytes(given_message(subject=subject, sender_name=name, text=text, html=html), NOW)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    mail = message_from_bytes(raw, policy=policy.default)
    assert " ".join(str(mail["subject"]).split()) == subject
    assert read_name(raw) == name
    assert mail["from"].addresses[0].addr_spec == "s@s.example"
    assert instant(mail["date"].datetime) == NOW
    for kind, written in (("plain", text), ("html", html)):
        part = mail.get_body((kind,))
        if "".join(written.splitlines()):  # a body of one line break alone is as good as none
            assert part is not None
            # joined, for a body of one empty line comes back as none at all
            assert "\n".join(part.get_content().splitlines()) == "\n".join(written.splitlines())


@given(st.text(max_size=60))
def test_nothing_breaks_out_of_its_header(text: str) -> None:
    """Whatever is put into a subject, name or header, no header appears that was not meant."""
    for changes in ({"subject": text}, {"sender_name": text}, {"headers": {"X-Note": text}}, {"headers": {text: "x"}}):
        try:
            raw = as_bytes(given_message(**changes), NOW)
        except BadMessageError:
            continue
        names = [
            line.partition(":")[0] for line in raw.partition(b"\r\n\r\n")[0].decode().split("\r\n") if line[0] != " "
        ]
        meant = {
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        }
        assert set(names) - meant <= {"X-Note", text}
        assert len(names) == len(set(names))


def test_a_long_link_is_not_folded() -> None:
    """A List-Unsubscribe with a long token stays one line: encoded words in it are no link to any mail program."""
    link = f"<https://shop.example/u/{'A' * 300}>, <mailto:stop@shop.example>"
    raw = as_bytes(given_message(headers={"List-Unsubscribe": link}), NOW)
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in raw


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada@example.org", "ada@example.org"),
        (" ada+x@Example.ORG ", "ada+x@Example.ORG"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ada@localhost", "ada@localhost"),
    ],
)
def test_addresses_as_the_wire_wants_them(address: str, wire: str) -> None:
    """Blanks around go, domains become ASCII, the part before the @ is left as it is."""
    assert mailbox(address).address == wire


@pytest.mark.parametrize(
    "address", ["", "ada", "@example.org", "ada@", "a da@example.org", ".a@b.example", "a..b@c.example", "a@-b.example",
                "a@b..example", "<a@b.example>", "a@b.example,c@d.example", "x" * 65 + "@b.example", "a@" + "b" * 254]
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    """It is refused with the status a mail server would give."""
    with pytest.raises(BadMessageError) as refused:
        mailbox(address)
    assert refused.value.status == "5.1.3"
