"""The tokens of links in messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from yarl import URL

from engine.core import links
from engine.core.links import (
    ANSWER,
    CLICK,
    CONFIRM,
    OPEN,
    PREFERENCES,
    TAG_BYTES,
    TOKEN_CHARS_AT_MOST,
    UNSUBSCRIBE,
    BadLinkError,
    Keys,
    Link,
    block_key,
    customer_block_key,
)
from engine.core.targets import BadTargetError

KEYS = Keys({1: b"secret"})
KINDS = st.sampled_from([UNSUBSCRIBE, CONFIRM, ANSWER, PREFERENCES, CLICK, OPEN])
TEXT = st.text(max_size=40)
TARGET = "https://shop.example/tea?of=the+day&n=%C3%A4#leaves"
LINKS = st.builds(
    Link,
    KINDS,
    TEXT,
    TEXT,
    TEXT,
    st.lists(st.binary(min_size=16, max_size=16), max_size=2).map(tuple),
    TEXT,
    TEXT,
    st.just(TARGET),
    st.integers(0, 100_000),
    st.booleans(),
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


@given(LINKS, LINKS, st.data())
def test_parts_of_two_tokens_make_none(one: Link, other: Link, data: st.DataObject) -> None:
    """Nothing of one customer's token can be put into another's: a token is whole, or none."""
    mine, theirs = KEYS.seal(one), KEYS.seal(other)
    cut = data.draw(st.integers(1, min(len(mine), len(theirs)) - 1))
    swapped = mine[:cut] + theirs[cut:]
    if swapped not in (mine, theirs):
        for kind in (one.kind, other.kind):
            with pytest.raises(BadLinkError):
                KEYS.open(swapped, kind)


def test_a_guess_is_right_once_in_2_to_the_128() -> None:
    """What has to be guessed is a tag of 16 bytes, whoever knows all the rest: without it no token opens."""
    assert TAG_BYTES * 8 == 128
    assert len({KEYS.seal(Link(UNSUBSCRIBE, f"c{n}", "newsletter", "e1"))[2:20] for n in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/tea",
        "//evil.example",
        "\\\\evil.example",
        "https:\\\\evil.example",
        "https://shop.example\\@evil.example",
        "https:/evil.example",
        "https:evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:ada@example.org",
        "https://shop.example@evil.example/",
        "https://shop.example:443@evil.example/",
        "https://shop.example%40evil.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\tx",
        " https://shop.example/",
        "https://shop.example/ x",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        "https://[::1/",
        "https://l\u00e4den.example/",
        "https://shop.example/\u202egnp.exe",
        "https://\u0455hop.example/",
        'https://shop.example/"onload=x',
        "https://shop.example/<script>",
        "https://shop.example/" + "x" * 800,
    ],
)
def test_a_link_leads_to_a_whole_web_address_or_is_not_sealed(target: str) -> None:
    """Whatever two programs could read in two ways, and what runs instead of leading on, gets no token."""
    with pytest.raises(BadTargetError):
        KEYS.seal(Link(CLICK, "c1", "", "e1", target=target))


@given(st.text(max_size=60))
def test_what_is_sealed_has_one_reading(text: str) -> None:
    """Whatever is appended to a shop's address, what gets a token leads to that host, by the strictest reading."""
    try:
        token = KEYS.seal(Link(CLICK, "c1", "", "e1", target=f"https://shop.example{text}"))
    except BadTargetError:
        return
    read = URL(KEYS.open(token, CLICK).target)
    assert read.scheme == "https"
    assert read.user is None
    assert read.host is not None
    assert read.host.startswith("shop.example")
    assert len(token) <= TOKEN_CHARS_AT_MOST


def test_what_was_sealed_before_the_rules_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target is looked at again when a token is opened."""
    with monkeypatch.context() as lax:
        lax.setattr(links, "why_not_a_target", lambda _: "")
        token = KEYS.seal(Link(CLICK, "c1", "", "e1", target="javascript:alert(1)"))
    with pytest.raises(BadLinkError):
        KEYS.open(token, CLICK)


def test_tokens_of_before_there_were_targets_and_days_still_open() -> None:
    """A mail of years ago can be stopped: a token with fewer fields reads as if the rest had their defaults."""

    class Former(Struct, frozen=True, array_like=True):
        kind: str
        customer: str
        purpose: str
        effect_id: str
        blocks: tuple[bytes, ...] = ()
        asks: str = ""
        language: str = ""

    former = KEYS.seal(Former(UNSUBSCRIBE, "c1", "newsletter", "e1", (b"k",), "", "de"))  # type: ignore[arg-type]  # what it was
    link = KEYS.open(former, UNSUBSCRIBE)
    assert link == Link(UNSUBSCRIBE, "c1", "newsletter", "e1", (b"k",), "", "de")
    assert not link.is_over(100_000)


def test_a_link_is_good_until_the_end_of_its_last_day() -> None:
    """Without a last day it is good for ever."""
    assert [Link(OPEN, "c1", "", "e1", expires=10).is_over(day) for day in (9, 10, 11)] == [False, False, True]


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
