"""The tokens of links in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.links import (
    ANSWER,
    CONFIRM,
    UNSUBSCRIBE,
    BadLinkError,
    Keys,
    Link,
    block_key,
    customer_block_key,
)

KEYS = Keys({1: b"secret"})
KINDS = st.sampled_from([UNSUBSCRIBE, CONFIRM, ANSWER])
TEXT = st.text(max_size=40)
LINKS = st.builds(
    Link, KINDS, TEXT, TEXT, TEXT, st.lists(st.binary(min_size=16, max_size=16), max_size=2).map(tuple), TEXT, TEXT
)


@given(LINKS)
def test_a_token_says_what_was_sealed(link: Link) -> None:
    """Whatever a link holds comes back, from letters that need no quoting in a URL."""
    token = KEYS.seal(link)
    assert KEYS.open(token, link.kind) == link
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(LINKS)
def test_the_same_link_has_the_same_token(link: Link) -> None:
    """A replay writes the same links."""
    assert KEYS.seal(link) == Keys({1: b"secret"}).seal(link)


@given(LINKS, st.data())
def test_a_changed_token_is_none(link: Link, data: st.DataObject) -> None:
    """Any other letter anywhere, one less or one more makes it bad."""
    token = KEYS.seal(link)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    for forged in (token[:place] + letter + token[place + 1 :], token[:-1], token + letter):
        if forged != token:
            with pytest.raises(BadLinkError):
                KEYS.open(forged, link.kind)


@given(st.text(max_size=200))
def test_nothing_else_is_a_token(text: str) -> None:
    """No text is taken for a token, and none makes opening fail in another way."""
    with pytest.raises(BadLinkError):
        KEYS.open(text, UNSUBSCRIBE)


@given(LINKS, KINDS)
def test_a_token_is_for_its_own_page(link: Link, kind: str) -> None:
    """Opened as another kind it is bad."""
    if kind != link.kind:
        with pytest.raises(BadLinkError, match="another page"):
            KEYS.open(KEYS.seal(link), kind)


def test_another_secret_makes_and_reads_others() -> None:
    """Tokens of one secret are none for another, and a version says which secret it was."""
    link = Link(UNSUBSCRIBE, "c1", "newsletter", "e1")
    both = Keys({1: b"secret", 2: b"new"})
    assert both.open(KEYS.seal(link), UNSUBSCRIBE) == link
    assert both.seal(link) != KEYS.seal(link)
    with pytest.raises(BadLinkError):
        Keys({1: b"other"}).open(KEYS.seal(link), UNSUBSCRIBE)
    with pytest.raises(ValueError, match="at least one secret"):
        Keys({})


def test_block_keys_stand_for_an_address_and_a_purpose() -> None:
    """Case and blanks do not matter; another address, purpose, key or customer gives another key."""
    key = block_key(b"k", "ada@example.org", "newsletter")
    assert key == block_key(b"k", " Ada@Example.ORG", "newsletter")
    others = {
        block_key(b"k", "ada@example.org", "marketing"),
        block_key(b"k", "bob@example.org", "newsletter"),
        block_key(b"x", "ada@example.org", "newsletter"),
        customer_block_key(b"k", "ada@example.org", "newsletter"),
    }
    assert key not in others
    assert len(others) == 4
