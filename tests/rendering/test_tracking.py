"""Links and the pixel that are put into a rendered mail."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.links import CLICK, OPEN, Keys, Link
from engine.core.moments import DAY
from engine.rendering.envelope import Desk, links
from engine.rendering.tracking import Tracking, tracked

NOW = 1_767_607_200_000_000
PUBLIC, HOME = "https://mail.shop.example", "https://shop.example"
DESK = Desk(name="Shop", address="hello@shop.example", public_url=PUBLIC)
KEYS = Keys({1: b"secret"})
DATA: dict[str, Any] = {
    "purpose": "marketing",
    "customer": {"id": "c1", "email": "ada@example.org", "language": "de"},
    "asks": "still",
    "not_after": "2026-01-05T10:00:00Z",
}
ALL = Tracking(opens=True, clicks=True, days=400)


def through_us(html: str, tracking: Tracking = ALL, home: str = HOME, **changes: Any) -> str:
    """Return a mail's HTML with its links led through us."""
    return tracked(html, tracking, DESK, KEYS, effect_id="e1", data={**DATA, **changes}, home=home)


def sealed(html: str) -> list[Link]:
    """Return what the click links of a mail lead to."""
    return [KEYS.open(token, CLICK) for token in re.findall(rf"{PUBLIC}/c/([\w-]+)", html)]


def seen(html: str) -> list[str]:
    """Return what the links that a person can see lead to."""
    return [link.target for link in sealed(html) if not link.hidden]


class Reading(HTMLParser):
    """What a program reads in a mail: its tags in order, without the addresses of links, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.parts.append((tag, [each for each in attrs if each[0] != "href"]))

    def handle_data(self, data: str) -> None:
        """Note words."""
        self.parts.append(data)


@pytest.mark.parametrize(
    ("tag", "target"),
    [
        ('<a href="https://shop.example/tea">', "https://shop.example/tea"),
        ("<a href='https://shop.example/tea'>", "https://shop.example/tea"),
        ("<a href=https://shop.example/tea>", "https://shop.example/tea"),
        ('<A CLASS="x" HREF = "https://shop.example/tea">', "https://shop.example/tea"),
        ('<a\nhref="https://shop.example/tea"\n>', "https://shop.example/tea"),
        ('<a title="a > b" href="https://shop.example/tea">', "https://shop.example/tea"),
        ('<a title=\'href="https://no.example"\' href="https://shop.example/tea">', "https://shop.example/tea"),
        ('<a data-href="https://no.example" href="https://shop.example/tea">', "https://shop.example/tea"),
        ('<area shape="rect" href="https://shop.example/tea">', "https://shop.example/tea"),
        ('<a href=" https://shop.example/tea ">', "https://shop.example/tea"),
        ('<a href="https://shop.example/?a=1&amp;b=2#c">', "https://shop.example/?a=1&b=2#c"),
        ('<a href="http://other.example/">', "http://other.example/"),
    ],
)
def test_links_lead_through_us(tag: str, target: str) -> None:
    """However a link is written, it leads to what it led to, by a token of this customer and mail."""
    html = through_us(f"<body><p>x {tag}y</a></body>")
    assert seen(html) == [target]
    link = sealed(html)[0]
    assert (link.customer, link.effect_id, link.language) == ("c1", "e1", "de")
    assert link.expires == NOW // DAY + 400


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="mailto:help@shop.example">',
        '<a href="tel:+4930123">',
        '<a href="#top">',
        '<a href="">',
        "<a>",
        '<a name="here">',
        '<a href="/tea">',
        '<a href="//evil.example">',
        '<a href="javascript:alert(1)">',
        '<a href="https://shop.example@evil.example/">',
        '<a href="https://shop.example/\ntea">',
        '<a href="https://l\u00e4den.example/">',
        f'<a href="https://shop.example/{"x" * 900}">',
        '<link href="https://shop.example/style.css">',
        '<abbr href="https://shop.example/">',
        '<img src="https://shop.example/logo.png">',
        '<!--[if mso]><a href="https://shop.example/"><![endif]-->',
        '<style>/* <a href="https://shop.example/"> */</style>',
        '<a href="https://shop.example/',
    ],
)
def test_what_is_left_as_it_was_written(tag: str) -> None:
    """No whole web address, or no link that a person follows: not a byte of it changes."""
    html = f"<body><p>x {tag}y</p></body>"
    assert through_us(html, Tracking(opens=False, clicks=True, days=400), home="") == html


def test_a_no_is_never_led_through_us() -> None:
    """The links to unsubscribe, confirm, answer and choose stand in the mail as they were made."""
    made = links(DESK, KEYS, b"block", effect_id="e1", data=DATA)
    html = "".join(f'<a href="{url}">{name}</a>' for name, url in made.items())
    assert seen(through_us(html)) == []
    assert through_us(html).startswith(html)


def test_a_link_that_no_person_sees() -> None:
    """One to the shop that is neither shown, nor read aloud, nor reached by the keyboard; what follows it is a program."""
    html = through_us("<html><body><p>x</p></body></html>")
    (tag,) = re.findall("<a .*?>", html)
    for part in ("display:none", 'aria-hidden="true"', 'tabindex="-1"', 'rel="nofollow"'):
        assert part in tag
    (link,) = sealed(html)
    assert (link.target, link.hidden) == (HOME, True)


def test_the_pixel_stands_at_the_end() -> None:
    """Inside the body, once, without words of its own."""
    html = through_us("<html><body><p>&lt;/body&gt;</p></body></html>")
    (token,) = re.findall(rf'<img src="{PUBLIC}/o/([\w-]+)\.gif" width="1" height="1" alt=""', html)
    assert KEYS.open(token, OPEN).effect_id == "e1"
    assert html.endswith("></body></html>")


def test_each_link_says_how_many_there_are() -> None:
    """Different ones that lead through us, however often each stands in the mail; the one that nobody sees is none of them."""
    tags = ["https://shop.example/a", "https://shop.example/a", "https://shop.example/b", "mailto:x@shop.example"]
    found = sealed(through_us("".join(f'<a href="{each}">x</a>' for each in tags)))
    assert [(link.links, link.hidden) for link in found] == [(2, False)] * 3 + [(2, True)]


@pytest.mark.parametrize(("opens", "clicks"), [(True, False), (False, True), (False, False)])
def test_each_can_be_left_out(*, opens: bool, clicks: bool) -> None:
    """Without `opens` no pixel, without `clicks` plain links and none that is hidden."""
    html = '<body><a href="https://shop.example/">x</a></body>'
    found = through_us(html, Tracking(opens, clicks, 400))
    assert (f"{PUBLIC}/o/" in found) is opens
    assert (f"{PUBLIC}/c/" in found) is clicks
    if not (opens or clicks):
        assert found == html


def test_a_mail_that_is_written_again_is_the_same() -> None:
    """The same send gives the same bytes, whenever it is written."""
    html = '<body><a href="https://shop.example/">x</a></body>'
    assert through_us(html) == through_us(html)


ATTRIBUTES = st.sampled_from(
    [
        'href="https://shop.example/a"',
        "href='https://shop.example/b'",
        "class=x",
        'title="<a href=y>"',
        "href",
        "/",
        "\n",
    ]
)
PIECES = st.one_of(
    st.lists(ATTRIBUTES, max_size=4).map(lambda each: f"<a {' '.join(each)}>"),
    st.sampled_from(
        [
            "</a>",
            "<p>",
            "</p>",
            "<!-- <a href='https://shop.example'> -->",
            "&lt;",
            "\u00e4",
            "</body>",
            "<br/>",
            "<p title='<a href=https://shop.example/a>'>",
            "<title><a href=https://shop.example/b></title>",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&"), max_size=8),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_nothing_but_addresses_changes(html: str) -> None:
    """Whatever the mail, the same tags and words are read in it as before, and every address comes back from its token."""
    before, after = Reading(html), Reading(through_us(html, Tracking(opens=False, clicks=True, days=1), home=""))
    assert after.parts == before.parts
    back = re.sub(rf"{PUBLIC}/c/([\w-]+)", lambda token: KEYS.open(token[1], CLICK).target, through_us(html))
    assert set(re.findall(r"https://shop\.example/[ab]", back)) == set(re.findall(r"https://shop\.example/[ab]", html))


@pytest.mark.parametrize(
    "piece", ["<a ", "<a href=", '<a "', "<a x='", "<!--", "<style ", "</body ", "<a href='x' " * 3]
)
def test_no_mail_takes_long(piece: str) -> None:
    """A hundred kilobytes of unfinished tags are read in one go; this ends in the time of a test, or does not end at all."""
    html = piece * (100_000 // len(piece))
    assert through_us(html).startswith(html)
