"""Facts about templates, read without rendering: what is surely shown, what can be empty, what a send must give."""

from __future__ import annotations

import pytest

from engine.rendering import Facts, RenderError, template_facts, templates_from
from engine.rendering.facts import IMPRINT, UNSUBSCRIBE

GOOD = (
    "{{ offer.value }}{% if offer.minimum_basket %}{{ offer.minimum_basket }}{% endif %}{{ offer.valid_until }}"
    "{% if offer.terms %}{{ offer.terms }}{% endif %}{{ links.unsubscribe }}{{ shop.sender_name }}"
    "{% for line in shop.imprint %}{{ line }}{% endfor %}"
)


def facts(text: str, **more: str) -> Facts:
    """Return the facts about a template with this text part, and whatever other files are given."""
    files = {"note/en.subject.liquid": "s", "note/en.text.liquid": text, **more}
    templates, problems = templates_from(files)
    assert problems == []
    return template_facts(templates, "note")


def test_a_good_template_has_it_all() -> None:
    """Value, least basket, last day, terms, a way out, the imprint and the sender's name are found."""
    found = facts(GOOD, **{"note/en.html.liquid": GOOD})
    assert found.has_unsubscribe
    assert found.has_imprint
    assert found.has_sender_name
    assert found.has_text
    assert found.mentions_offer_value
    assert found.mentions_minimum_basket
    assert found.mentions_valid_until
    assert found.mentions_terms
    assert found.needs_offer
    assert not found.needs_question
    assert found.blanks == ()
    assert found.html_bytes > 0


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ links.unsubscribe }}", True),
        ("<a href='{{ links.unsubscribe }}'>", True),
        ("{% comment %}{{ links.unsubscribe }}{% endcomment %}", False),
        ("{% if offer %}{{ links.unsubscribe }}{% endif %}", False),
        ("{% if offer %}{{ links.unsubscribe }}{% else %}no{% endif %}", False),
        ("{% if offer %}{{ links.unsubscribe }}{% else %}{{ links.unsubscribe }}{% endif %}", True),
        ("{% if offer %}a{% elsif customer.formal %}{{ links.unsubscribe }}{% endif %}", False),
        ("{% unless offer %}{{ links.unsubscribe }}{% endunless %}", False),
        ("{% case offer.kind %}{% when 'gift' %}{{ links.unsubscribe }}{% endcase %}", False),
        (
            "{% case offer.kind %}{% when 'gift' %}{{ links.unsubscribe }}{% else %}{{ links.unsubscribe }}{% endcase %}",
            True,
        ),
        ("{% assign out = links.unsubscribe %}{{ out }}", True),
        ("{% assign out = links.unsubscribe %}", False),
        ("{% capture out %}{{ links.unsubscribe }}{% endcapture %}{{ out }}", True),
        ("{% capture out %}{{ links.unsubscribe }}{% endcapture %}", False),
        ("{% render 'bottom' %}", True),
        ("{% render 'button', url: links.unsubscribe %}", True),
        ("{% render 'button', url: shop.url %}", False),
        ("{% render 'nothing', url: links.unsubscribe %}", False),
        ("{% for tag in customer.tags %}{{ links.unsubscribe }}{% endfor %}", False),
    ],
)
def test_a_way_out_counts_where_every_reader_sees_it(source: str, shown: bool) -> None:  # noqa: FBT001 - a table
    """A link in one branch, in a comment, or handed to a partial that does not show it, is none."""
    found = facts(
        source,
        **{
            "shared/bottom.liquid": "{{ links.unsubscribe }}",
            "shared/button.liquid": "{{ url }}",
            "shared/nothing.liquid": "-",
        },
    )
    assert found.has_unsubscribe is shown
    assert found.lacks(UNSUBSCRIBE) == (() if shown else ("note/en.text.liquid",))


def test_every_body_in_every_language_counts() -> None:
    """One language or part that lacks something is named."""
    good = "{{ links.unsubscribe }}{{ shop.imprint | join: ', ' }}"
    found = facts(
        good,
        **{
            "note/en.html.liquid": good,
            "note/de.subject.liquid": "s",
            "note/de.text.liquid": good,
            "note/de.html.liquid": "{{ links.unsubscribe }}",
            "note/fr.subject.liquid": "s",
            "note/fr.html.liquid": good,
        },
    )
    assert found.has_unsubscribe
    assert not found.has_imprint
    assert found.lacks(IMPRINT) == ("note/de.html.liquid",)
    assert not found.has_text
    assert found.without_text == ("fr",)


@pytest.mark.parametrize(
    ("source", "blank"),
    [
        ("{{ customer.first_name }}", "customer.first_name"),
        ("{{ customer.first_name | upcase }}", "customer.first_name"),
        ("{{ customer.first_name | default: 'you' }}", None),
        ("{{ customer.first_name | upcase | default: 'you' }}", None),
        ("{% if customer.first_name %}{{ customer.first_name }}{% endif %}", None),
        ("{% if customer.first_name %}a{% else %}{{ customer.first_name }}{% endif %}", "customer.first_name"),
        ("{% if customer.first_name and offer %}{{ customer.first_name }}{% endif %}", None),
        ("{% if customer.first_name or offer %}{{ customer.first_name }}{% endif %}", "customer.first_name"),
        ("{% if customer.first_name != blank %}{{ customer.first_name }}{% endif %}", None),
        ("{% if customer.first_name == '' %}a{% else %}{{ customer.first_name }}{% endif %}", None),
        ("{% unless customer.first_name == nil %}{{ customer.first_name }}{% endunless %}", None),
        ("{% if customer.tier == 'gold' %}{{ customer.tier }}{% endif %}", None),
        ("{% if customer.tier != 'gold' %}{{ customer.tier }}{% endif %}", "customer.tier"),
        ("{% if customer.last_name %}{{ customer.first_name }}{% endif %}", "customer.first_name"),
        ("{% assign n = customer.first_name %}{{ n }}", "n"),
        ("{% assign n = customer.first_name %}{% if n %}{{ n }}{% endif %}", None),
        ("{% assign n = customer.first_name | default: 'you' %}{{ n }}", None),
        ("{% assign n = nil %}{% if offer %}{% assign n = 'a' %}{% endif %}{{ n }}", "n"),
        ("{% render 'hello', name: customer.first_name %}", "name"),
        ("{% if customer.first_name %}{% render 'hello', name: customer.first_name %}{% endif %}", None),
        ("{{ customer.attributes.club }}", "customer.attributes.club"),
        ("{{ offer.minimum_basket }}", "offer.minimum_basket"),
        ("{{ offer.code }}{{ customer.email }}{{ customer.orders }}", None),
    ],
)
def test_a_variable_that_can_be_empty_needs_a_fallback(source: str, blank: str | None) -> None:
    """What can be empty is shown after `default`, or where a condition made sure of it; else it is listed."""
    found = facts(source, **{"shared/hello.liquid": "Hello {{ name }}"})
    assert [entry.variable for entry in found.blanks] == ([blank] if blank else [])


def test_a_blank_tells_its_place() -> None:
    """File, line and column lead to the variable, in a partial too."""
    found = facts("{% render 'hello' %}", **{"shared/hello.liquid": "Hello\n  {{ customer.last_name }}"})
    assert [entry.place for entry in found.blanks] == [("shared/hello.liquid", 2, 6)]


@pytest.mark.parametrize(
    ("source", "offer", "question", "values"),
    [
        ("hello", False, False, ()),
        ("{{ offer.code }}", True, False, ()),
        ("{% if offer %}{{ offer.code }}{% endif %}", False, False, ()),
        ("{{ links.confirm }}", False, True, ()),
        ("{% if links.survey %}{{ links.survey }}{% endif %}", False, False, ()),
        ("{{ links.unsubscribe }}", False, False, ()),
        ("{{ values.stars }}{{ values.city }}", False, False, ("city", "stars")),
    ],
)
def test_what_a_send_must_give_is_known(source: str, offer: bool, question: bool, values: tuple[str, ...]) -> None:  # noqa: FBT001 - a table
    """An offer, a question and plain values that a template shows without asking are needs of it."""
    found = facts(source)
    assert (found.needs_offer, found.needs_question, found.values) == (offer, question, values)


def test_variables_are_listed_through_partials() -> None:
    """All variables, those of partials included, each once."""
    found = facts("{{ customer.email }}{% render 'a' %}", **{"shared/a.liquid": "{{ shop.name }}{{ customer.email }}"})
    assert found.variables == ("customer.email", "shop.name")


def test_the_size_of_html_is_that_of_a_rendered_message() -> None:
    """A loop that fills 100 KB is seen, though its source is short."""
    found = facts("t", **{"note/en.html.liquid": "{% for n in (1..1000) %}" + "x" * 120 + "{% endfor %}"})
    assert found.html_bytes == 120_001


def test_there_are_no_facts_about_what_is_not_there() -> None:
    """Asking for an unknown template is an error, not an empty answer."""
    templates, _ = templates_from({})
    with pytest.raises(RenderError, match="there is no template"):
        template_facts(templates, "note")
