"""The templates that ship, rendered for real."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules import Discount, FreeTrial, Gift, Offer, sends_of
from engine.language.folder import read_folder
from engine.rendering import (
    VARIABLES,
    Rendered,
    Templates,
    brand_from,
    load_templates,
    sample_context,
    template_facts,
)
from engine.rendering.brand import KEYS

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
GOLDEN = Path(__file__).parent / "golden"
NAMES = tuple(sorted(path.name for path in (WORKFLOWS / "templates").iterdir() if path.name != "shared"))
ON_PAPER = ("address_question", "address_question_short")
"""Sent as a letter or a text message: no links to press, no HTML."""
CHECK_MAILS = ("confirm_newsletter",)
"""Asks whether somebody subscribed: plain words, and nothing in it that could be called advertising."""
MAILS = tuple(name for name in NAMES if name not in ON_PAPER + CHECK_MAILS)
RULES = read_folder(WORKFLOWS).rules
assert RULES is not None, "the shipped set is good"
SENDS = [
    send
    for workflow in RULES.workflows.values()
    for stage in workflow.stages
    for step in stage.steps
    for send in sends_of(step)
]
OFFER_IF_ANY = {"another_try", "anniversary_greeting", "birthday_greeting", "jubilee_greeting"}
"""Those that read well when the offer of their send may not be given (`if_refused: send_without`)."""
WITH_OFFER = {send.template for send in SENDS if send.offer} - OFFER_IF_ANY
ASKING = {send.template for send in SENDS if send.asks}
MOST_BYTES = 100 * 1024


@pytest.fixture(scope="module")
def templates() -> Templates:
    """The shipped set, without a problem."""
    loaded, problems = load_templates(WORKFLOWS / "templates", "de")
    assert problems == []
    return loaded


def message(templates: Templates, name: str, language: str, customer: dict[str, Any] | None = None) -> Rendered:
    """Return a shipped message with sample data; an offer only where a workflow sends one with it."""
    offers = (*WITH_OFFER, *OFFER_IF_ANY)
    context = sample_context(customer=customer) if name in offers else sample_context(customer=customer, offer=None)
    return templates.render(name, language, context)


def test_the_set_is_what_the_workflows_send(templates: Templates) -> None:
    """Every template that a shipped workflow sends is there in both languages, and no other."""
    assert {send.template for send in SENDS} == set(templates.names()) == set(NAMES)
    assert {templates.languages(name) for name in NAMES} == {("de", "en")}


@pytest.mark.parametrize(("name", "form"), list(product(NAMES, ("en", "de", "de.du"))))
def test_text_parts_read_as_they_were_written(templates: Templates, name: str, form: str) -> None:
    """Subject and text of every message are what somebody read and found good."""
    language, _, du = form.partition(".")
    made = message(templates, name, language, {"formal": False} if du else None)
    assert f"{made.subject}\n\n{made.text}" == (GOLDEN / f"{name}.{form}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MAILS)
def test_what_the_law_asks_for_is_there(templates: Templates, name: str) -> None:
    """Each has a way out, imprint, sender's name and text part in every body; nothing empty; and is small enough."""
    facts = template_facts(templates, name)
    assert facts.has_unsubscribe
    assert facts.has_imprint
    assert facts.has_sender_name
    assert facts.has_text
    assert facts.blanks == ()
    assert 0 < facts.html_bytes < MOST_BYTES
    assert facts.needs_offer == (name in WITH_OFFER)
    assert facts.needs_question == (name in ASKING)
    if name in WITH_OFFER | OFFER_IF_ANY:
        assert facts.mentions_offer_value
        assert facts.mentions_minimum_basket
        assert facts.mentions_valid_until
        assert facts.mentions_terms


@pytest.mark.parametrize(
    ("language", "customer", "greeting"),
    [
        ("de", {}, "Guten Tag Frau Lovelace,"),
        ("de", {"salutation": "Herr"}, "Guten Tag Herr Lovelace,"),
        ("de", {"salutation": None}, "Guten Tag Ada Lovelace,"),
        ("de", {"salutation": "divers"}, "Guten Tag Ada Lovelace,"),
        ("de", {"salutation": None, "first_name": None}, "Guten Tag,"),
        ("de", {"last_name": None}, "Guten Tag,"),
        ("de", {"first_name": "", "last_name": "", "salutation": ""}, "Guten Tag,"),
        ("de", {"formal": True}, "Guten Tag Frau Lovelace,"),
        ("de", {"formal": False}, "Hallo Ada,"),
        ("de", {"formal": False, "first_name": None}, "Hallo,"),
        ("en", {}, "Hello Ada,"),
        ("en", {"formal": True}, "Dear Ms Lovelace,"),
        ("en", {"first_name": None}, "Dear Ms Lovelace,"),
        ("en", {"first_name": None, "salutation": "Herr"}, "Dear Mr Lovelace,"),
        ("en", {"first_name": None, "salutation": None}, "Hello,"),
    ],
)
def test_greetings_use_what_is_known(
    templates: Templates, language: str, customer: dict[str, Any], greeting: str
) -> None:
    """Formal German unless it is known otherwise; the name as far as it is known; never half a name."""
    made = message(templates, "welcome_back", language, customer)
    assert made.text.splitlines()[0] == greeting
    assert f">{greeting}</p>" in made.html


@pytest.mark.parametrize("name", ON_PAPER)
def test_what_leaves_on_paper_says_who_asks_and_needs_no_link(templates: Templates, name: str) -> None:
    """Sender and where to answer are in the text; it is short enough for a text message where it is one."""
    facts = template_facts(templates, name)
    assert (facts.blanks, facts.html_bytes, facts.needs_offer, facts.needs_question) == ((), 0, False, False)
    for language, formal in product(("de", "en"), (True, False)):
        made = message(templates, name, language, {"formal": formal})
        assert "Example Shop" in made.text
        assert "help@shop.example" in made.text
        assert len(made.text) <= (160 if name == "address_question_short" else 1_000)
        assert made.html == ""


@pytest.mark.parametrize("name", CHECK_MAILS)
def test_a_check_mail_asks_and_advertises_nothing(templates: Templates, name: str) -> None:
    """Who asks, the link, the imprint; no offer, no way to the shop, and nothing to unsubscribe from yet."""
    facts = template_facts(templates, name)
    assert facts.has_imprint
    assert facts.has_sender_name
    assert (facts.blanks, facts.html_bytes, facts.needs_offer, facts.needs_question) == ((), 0, False, True)
    for language, formal in product(("de", "en"), (True, False)):
        made = message(templates, name, language, {"formal": formal})
        assert re.findall(r"https?://\S+", made.text) == ["https://shop.example/sample/confirm"]
        assert "help@shop.example" in made.text


@pytest.mark.parametrize("name", sorted(OFFER_IF_ANY))
def test_good_wishes_come_without_a_present_too(templates: Templates, name: str) -> None:
    """Where the offer was refused, nothing of it is left: no code, no last day, no sentence that leads to it."""
    for language in ("de", "en"):
        made = templates.render(name, language, sample_context(offer=None))
        assert not re.search(r"Code|code|Valid until|Gültig bis|:\n\n\n", made.text)
        assert "\n\n\n" not in made.text


class _Tags(HTMLParser):
    """Sees to it that tags open and close in pairs, and gathers what matters to a mail."""

    EMPTY = frozenset(("meta", "img", "br", "hr"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)
        named = dict(attrs)
        if tag == "a":
            self.links.append(named["href"] or "")
        if tag == "img":
            self.images.append(named["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag


@pytest.mark.parametrize(("name", "language"), list(product(MAILS, ("de", "en"))))
def test_html_is_whole(templates: Templates, name: str, language: str) -> None:
    """Head and foot come from partials, and still every tag closes; links lead somewhere; no picture watches."""
    made = message(templates, name, language)
    tags = _Tags()
    tags.feed(made.html)
    tags.close()
    assert tags.open == []
    assert made.html.startswith("<!doctype html>")
    assert f'<html lang="{language}">' in made.html
    assert all(link.startswith(("https://", "mailto:")) for link in tags.links)
    assert "https://shop.example/sample/unsubscribe" in tags.links
    assert tags.images == []
    assert not re.search(r"[{}]{2}|None|&amp;amp;", made.html)


@pytest.mark.parametrize(
    ("offer", "subject"),
    [
        (Offer(name="o", what=Discount(money=Money(500, "EUR")), valid_for=Length(14)), "€5.00 off your next order"),
        (
            Offer(name="o", what=Gift("A surprise", Money(400, "EUR")), valid_for=Length(14)),
            "A surprise with your next order",
        ),
        (
            Offer(name="o", what=FreeTrial("One box", Money(600, "EUR")), valid_for=Length(14)),
            "One box, free to try",
        ),
    ],
)
def test_any_kind_of_offer_can_be_put_in(templates: Templates, offer: Offer, subject: str) -> None:
    """An amount, a gift and a free trial read well too; what an offer does not have is left out."""
    made = templates.render("coupon_offer", "en", sample_context(offer=offer))
    assert made.subject == subject
    assert "Terms" not in made.text
    assert "For orders of" not in made.text
    assert "Valid until:  January 19, 2026" in made.text


@pytest.mark.parametrize(
    ("name", "language", "subject"),
    [
        ("surprise_gift", "de", "Eine Überraschung zu Ihrer nächsten Bestellung"),
        ("surprise_gift", "en", "A surprise with your next order"),
        ("trial", "de", "Ein Probierpaket, kostenlos zum Ausprobieren"),
        ("of_the_shop", "de", "eine Tasse zu Ihrer nächsten Bestellung"),
    ],
)
def test_a_gift_is_called_what_it_is_called_in_that_language(
    templates: Templates, name: str, language: str, subject: str
) -> None:
    """offers.yaml has one language; what ships is named in both, anything else as offers.yaml names it."""
    what = FreeTrial("a tasting box", Money(600, "EUR")) if name == "trial" else Gift("eine Tasse", Money(400, "EUR"))
    offer = Offer(name=name, what=what, valid_for=Length(14))
    assert templates.render("gift_offer", language, sample_context(offer=offer)).subject == subject


def test_an_offer_that_may_not_be_given_leaves_a_good_mail(templates: Templates) -> None:
    """Shall we try again? reads as well without the offer: no code, no value, no day."""
    for language in ("de", "en"):
        made = templates.render("another_try", language, sample_context(offer=None))
        assert "Code" not in made.text
        assert "code" not in made.text


def test_a_member_reads_of_points_only_where_there_are_some(templates: Templates) -> None:
    """Nobody is told of no points, and an unknown last day is left out."""
    with_points = {"points": 1240, "tier": "gold"}
    assert "1240" in message(templates, "keep_account", "en", with_points).text
    assert "good until" not in message(templates, "keep_account", "en", with_points).text
    for customer in ({"points": 0}, {"points": None}):
        for name in ("points_offer", "keep_account", "account_closing"):
            for language, word in (("de", "Punkte"), ("en", "points")):
                made = message(templates, name, language, customer)
                assert word not in made.text
                assert word not in made.html


def test_the_shops_own_look_is_used(templates: Templates) -> None:
    """Name, colour, logo and imprint of shop.yaml are in the mail, escaped."""
    values = {
        "name": "Tea & Co",
        "url": "https://tea.example",
        "support_email": "help@tea.example",
        "imprint": ["Tea & Co GmbH", "Teeweg 1"],
        "color": "#7a1f3d",
        "logo_url": "https://tea.example/logo.png",
    }
    brand, problems = brand_from(values)
    assert problems == []
    made = templates.render("welcome_back", "en", sample_context(brand=brand, offer=None))
    assert 'src="https://tea.example/logo.png" alt="Tea &amp; Co" height="40"' in made.html
    assert "Tea &amp; Co GmbH<br>Teeweg 1" in made.html
    assert 'bgcolor="#7a1f3d"' in made.html
    assert "Tea & Co GmbH\nTeeweg 1\n" in made.text


def test_the_shipped_shop_file_is_good() -> None:
    """workflows/shop.yaml describes a brand."""
    brand, problems = brand_from(YAML(typ="safe").load(WORKFLOWS / "shop.yaml"))
    assert problems == []
    assert (brand.name, brand.language) == ("Example Shop", "de")


def test_the_reference_names_every_variable() -> None:
    """docs/reference/templates.md and the code have the same variables and say the same of them."""
    page = (ROOT / "docs/reference/templates.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+\.\w+)` \| (.+?) \| (yes|) ?\|$", page, re.MULTILINE)
    assert told == [
        (f"{root}.{name}", variable.means, "yes" if variable.may_be_empty else "")
        for root, variables in VARIABLES.items()
        for name, variable in variables.items()
    ]


def test_the_reference_names_every_key_of_the_shop() -> None:
    """The page has the keys of shop.yaml with the sentences that errors use."""
    page = (ROOT / "docs/reference/templates.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", page, re.MULTILINE)) == KEYS


def test_the_sample_day_is_a_day() -> None:
    """Sample data never asks the clock, so previews of the same file are the same."""
    assert sample_context()["offer"]["valid_until"] == date(2026, 1, 19)
