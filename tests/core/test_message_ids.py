"""Message-IDs of ours: the effect is found in each, the customer only in what we signed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import Coupon, Event, Mail, OrderPlaced
from engine.core.message_ids import LONGEST_CUSTOMER, carrying, customer_of, effect_of
from engine.core.whose import keys_of, unknown_at
from engine.rendering.envelope import carrying_message_id, message_id

KEY = b"k" * 32
EFFECT = "0123456789abcdef0123456789abcdef"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_a_message_id_that_carries_its_customer_gives_both_back(customer: str) -> None:
    """Whatever letters a customer's id has, effect and customer are found again, in brackets or not."""
    whole = carrying_message_id(EFFECT, customer, "shop.example", KEY)

    assert effect_of(whole) == effect_of(whole.strip("<>")) == EFFECT
    assert customer_of(whole, KEY) == customer_of(whole.strip("<>"), KEY) == customer
    assert whole.isascii()


def test_the_embedded_form_names_the_effect_and_carries_nobody() -> None:
    """The short form has no customer in it."""
    short = message_id(EFFECT, "shop.example")

    assert effect_of(short) == EFFECT
    assert customer_of(short, KEY) == ""


@pytest.mark.parametrize(
    "invented",
    [
        "",
        "<>",
        "<a.b.c@d>",
        f"<{EFFECT}.Yy0x.AAAAAAAAAAA@shop.example>",
        f"<{EFFECT}.é.é@shop.example>",
        f"<{EFFECT}.{'A' * 5}.AAAAAAAAAAA@shop.example>",
        "<\udc80.Yy0x.AAAAAAAAAAA@shop.example>",
    ],
)
def test_an_invented_message_id_carries_nobody(invented: str) -> None:
    """Without our tag a Message-ID finds no customer, however it is formed."""
    assert customer_of(invented, KEY) == ""


def test_a_tag_is_for_one_customer_one_effect_and_one_key() -> None:
    """A signed part cannot be put under another effect, customer or key."""
    effect, customer, tag = carrying(EFFECT, "c-1", KEY).split(".")
    other = carrying(EFFECT, "c-2", KEY).split(".")[1]

    assert customer_of(f"{effect}.{customer}.{tag}", KEY) == "c-1"
    assert customer_of(f"{effect}.{other}.{tag}", KEY) == ""
    assert customer_of(f"{'f' * 32}.{customer}.{tag}", KEY) == ""
    assert customer_of(f"{effect}.{customer}.{tag}", b"another key of thirty-two bytes!") == ""


def test_a_customer_with_a_very_long_id_is_left_out() -> None:
    """A header line has an end: such a message is found by its address."""
    assert carrying(EFFECT, "c" * (LONGEST_CUSTOMER + 1), KEY) == EFFECT


def test_keys_are_believed_in_the_order_message_code_address() -> None:
    """A message of ours tells more surely whose an event is than a code, and a code more surely than an address."""
    mail = Event("1", "", "email.opened", 0, "", Mail(message_id=f"<{EFFECT}.x.y@z>", email=" Ada@Example.org "))
    redeemed = Event("2", "", "coupon.redeemed", 0, "", Coupon(code="WB-1", email="ada@example.org"))
    order = Event("3", "", "order.placed", 0, "", OrderPlaced("o", Decimal(1), "EUR"))

    assert keys_of(mail) == [f"message:{EFFECT}", "mail:ada@example.org"]
    assert keys_of(redeemed) == ["coupon:WB-1", "mail:ada@example.org"]
    assert (keys_of(order), unknown_at(order)) == ([], "")
    assert unknown_at(mail) == "mailto:ada@example.org"
