"""Rendering: languages, errors that name what is missing, and messages that are safe to send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.rendering import RenderError, RenderProblem, Templates, load_templates, sample_context, templates_from


def one(text: str, *, subject: str = "s", html: str = "", **more: str) -> Templates:
    """Return a set with the template `note` in English, and whatever other files are given."""
    files = {"note/en.subject.liquid": subject, "note/en.text.liquid": text, **more}
    if html:
        files["note/en.html.liquid"] = html
    templates, problems = templates_from(files)
    assert problems == []
    return templates


def render(templates: Templates, language: str | None = "en", **context: Any) -> str:
    """Return the text part of `note`, rendered with sample data and what is given instead."""
    return templates.render("note", language, {**sample_context(), **context}).text


LANGUAGES = {
    f"note/{language}.{part}.liquid": language
    for language in ("de", "en", "fr", "pt-BR")
    for part in ("subject", "text")
}


@pytest.mark.parametrize(
    ("wanted", "default", "got"),
    [
        ("de", "en", "de"),
        ("de-AT", "en", "de"),
        ("DE_at", "en", "de"),
        ("pt-BR", "en", "pt-BR"),
        ("pt", "fr", "fr"),
        ("it", "de-CH", "de"),
        ("it", "it", "en"),
        (None, "fr", "fr"),
        ("", "en", "en"),
    ],
)
def test_language_falls_back_step_by_step(wanted: str | None, default: str, got: str) -> None:
    """The customer's language, its base, the shop's, English: the first that there is."""
    templates, problems = templates_from(LANGUAGES, default)
    assert problems == []
    message = templates.render("note", wanted, sample_context())
    assert (message.language, message.subject, message.text) == (got, got, f"{got}\n")


def test_some_language_beats_none() -> None:
    """A template that has neither the customer's, the shop's nor English comes in the first language it has."""
    templates, _ = templates_from({"note/fr.subject.liquid": "s", "note/fr.text.liquid": "bonjour"})
    assert render(templates, "it") == "bonjour\n"


def test_all_parts_come_in_the_language_of_the_message() -> None:
    """Values and partials follow the message's language, not the customer's when that has no template."""
    templates = one(
        "{{ offer.minimum_basket }} {% render 'word' %} {{ message.language }}",
        **{"shared/word.de.liquid": "Wort", "shared/word.en.liquid": "word"},
    )
    assert render(templates, "de") == "€20.00 word en\n"


def test_the_best_fitting_partial_is_taken() -> None:
    """A partial in the language beats one of its base, that beats one of none; one for the part beats one for both."""
    files = {
        f"note/{language}.{part}.liquid": "{% render 'p' %}"
        for language in ("de-AT", "de", "en")
        for part in ("subject", "text", "html")
    }
    files |= {
        "shared/p.liquid": "any",
        "shared/p.html.liquid": "any html",
        "shared/p.de.liquid": "de",
        "shared/p.de-AT.html.liquid": "de-AT html",
    }
    templates, problems = templates_from(files)
    assert problems == []
    got = {language: templates.render("note", language, sample_context()) for language in ("de-AT", "de", "en")}
    assert [(got[name].subject, got[name].text, got[name].html) for name in got] == [
        ("de", "de\n", "de-AT html\n"),
        ("de", "de\n", "de\n"),
        ("any", "any\n", "any html\n"),
    ]


@pytest.mark.parametrize(
    ("source", "line", "named"),
    [
        ("{{ links.survey }}", 1, "links.survey"),
        ("a\nb {{ offer.code }}", 2, "offer.code"),
        ("{{ values.stars }}", 1, "values.stars"),
    ],
)
def test_what_a_send_does_not_have_is_an_error_that_names_it(source: str, line: int, named: str) -> None:
    """A variable that is not there is named, with template, file and line; nothing half-empty is made of it."""
    templates = one(source)
    context = {"customer": {"email": "ada@example.org"}, "links": {}, "shop": {}}
    with pytest.raises(RenderError) as caught:
        templates.render("note", "en", context)
    error = caught.value
    assert (error.template, error.file, error.line) == ("note", "note/en.text.liquid", line)
    assert named in error.reason


def test_an_error_in_a_partial_names_the_partial() -> None:
    """Where a partial is at fault, the error leads to its file and line."""
    templates = one("{% render 'slip' %}", **{"shared/slip.liquid": "\n\n{{ links.survey }}"})
    with pytest.raises(RenderError) as caught:
        templates.render("note", "en", {})
    assert (caught.value.file, caught.value.line) == ("shared/slip.liquid", 3)


def test_a_condition_may_ask_for_what_is_not_there() -> None:
    """`if` and `default` are how a template deals with what a send may lack."""
    templates = one("{% if offer %}{{ offer.code }}{% else %}none{% endif %} {{ links.survey | default: 'no survey' }}")
    assert render(templates, offer=None, links={}) == "none no survey\n"


def test_an_unknown_template_is_an_error() -> None:
    """Asking for a template that is not there says so."""
    with pytest.raises(RenderError, match="there is no template 'other'"):
        one("x").render("other", "en", {})


def test_a_subject_is_one_line_whatever_the_data() -> None:
    """A customer's name can add no header to a mail."""
    templates = one("x", subject="For {{ customer.first_name | default: 'you' }}")
    message = templates.render("note", "en", {"customer": {"first_name": "Ada\r\nBcc: all@example.org"}})
    assert message.subject == "For Ada Bcc: all@example.org"


def test_data_is_escaped_in_html_and_only_there() -> None:
    """A customer's name is text in HTML, never markup; the text part shows it as it is."""
    source = "{{ customer.first_name | default: 'you' }}"
    templates = one(source, html=f"<b>{source}</b>")
    message = templates.render("note", "en", {"customer": {"first_name": "<script>&"}})
    assert (message.text, message.html) == ("<script>&\n", "<b>&lt;script&gt;&amp;</b>\n")


def test_empty_text_counts_as_nothing() -> None:
    """Liquid takes empty text for true; here an empty name is no name."""
    templates = one("{% if customer.first_name %}Hello {{ customer.first_name }}{% else %}Hello{% endif %}")
    assert render(templates, customer={"first_name": ""}) == "Hello\n"


def test_own_fields_and_values_of_a_step_can_be_shown() -> None:
    """`customer.attributes` holds the shop's own fields, `values` the step's `with:`; a field one lacks is empty."""
    templates = one(
        "{{ customer.attributes.club | default: '-' }} {{ customer.attributes.nil_ | default: '-' }} {{ values.stars }}"
    )
    context = {"customer": {"attributes": {"club": "gold"}}, "with": {"stars": 5}}
    assert templates.render("note", "en", context).text == "gold - 5\n"


def test_filters_write_values_another_way() -> None:
    """`day`, `money` and `percent` write a value in the message's language."""
    templates = one(
        "{{ offer.valid_until | day: 'short' }} {{ offer.minimum_basket | default: 0 | money }} {{ offer.value | percent }}"
    )
    assert render(templates) == "1/19/26 €20.00 10%\n"


@pytest.mark.parametrize(
    "source", ["{{ offer.code | money }}", "{{ offer.valid_until | day: 'huge' }}", "{{ 1 | divided_by: 0 }}"]
)
def test_a_filter_given_nonsense_is_a_render_error(source: str) -> None:
    """What a filter cannot do ends in an error of ours, never in one of Python's."""
    with pytest.raises(RenderError):
        render(one(source))


def test_all_problems_of_a_set_are_told_at_once() -> None:
    """Syntax, names, filters, partials, missing parts and wrong file names, each with its place and a cure."""
    templates, problems = templates_from(
        {
            "a/en.subject.liquid": "Hi {{ customer.frist_name }}",
            "a/en.text.liquid": "line\n{% if customer.formal %}",
            "b/en.text.liquid": "{{ offer.value | monney }}\n{% render 'foter' %}",
            "b/en.subject.liquid": "{% render 'ring' %}",
            "c/de.subject.liquid": "{{ custmer.email }}",
            "c/en.text.liquid": "{{ links.unsubscrib }}",
            "d/en.txt.liquid": "x",
            "shared/footer.liquid": "",
            "shared/ring.liquid": "{% render 'ring' %}",
        }
    )
    assert templates.names() == ("a", "b", "c")
    told = [(problem.file, problem.line, problem.column, problem.code, problem.hint) for problem in problems]
    names = "NAME/LANG.subject.liquid, NAME/LANG.text.liquid, NAME/LANG.html.liquid, or shared/NAME.LANG.html.liquid"
    tags = "tags are if, unless, case, for, assign, capture, comment and render; each `{{` needs its `}}`"
    assert told == [
        ("a/en.subject.liquid", 1, 7, "unknown-variable", "did you mean `customer.first_name`?"),
        ("a/en.text.liquid", 2, 1, "template-syntax", tags),
        ("b/en.text.liquid", 1, 18, "unknown-filter", "did you mean `money`?"),
        ("b/en.text.liquid", 2, 11, "unknown-partial", "did you mean `footer`?"),
        ("c/de.subject.liquid", 1, 1, "template-without-body", "write c/de.text.liquid"),
        ("c/de.subject.liquid", 1, 4, "unknown-variable", "did you mean `customer`?"),
        ("c/en.text.liquid", 1, 1, "template-without-subject", "write c/en.subject.liquid"),
        ("c/en.text.liquid", 1, 4, "unknown-variable", "did you mean `links.unsubscribe`?"),
        ("d/en.txt.liquid", 1, 1, "template-name", names),
        ("shared/ring.liquid", 1, 11, "template-circle", ""),
    ]


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a\n{% foo %}", 2, 4),
        ("a\n{{ b", 2, 1),
        ("a\n{{ 'b }}", 2, 4),
        ("a\n{{ offer.code | }}\nb", 2, 1),
        ("a\n{% if offer == %}b{% endif %}", 2, 1),
        ("{% if offer %}\n{% endif %}\n  {% for tag in customer.tags %}\n", 3, 3),
        ("{% for tag in customer.tags %}{% if offer %}{% endfor %}", 1, 48),
    ],
)
def test_a_syntax_error_tells_its_place(source: str, line: int, column: int) -> None:
    """Line and column, or at least the line, also where the parser does not know it."""
    _, problems = templates_from({"note/en.subject.liquid": "s", "note/en.text.liquid": source})
    assert [(problem.code, problem.line, problem.column) for problem in problems] == [("template-syntax", line, column)]


def test_a_folder_is_read_as_it_lies_there(tmp_path: Path) -> None:
    """Files are read once; what cannot be read is a problem, and other files are none of our business."""
    (tmp_path / "note").mkdir()
    (tmp_path / "note/en.subject.liquid").write_bytes("\N{BYTE ORDER MARK}Grüße".encode())
    (tmp_path / "note/en.text.liquid").write_bytes(b"a\r\nb")
    (tmp_path / "note/en.html.liquid").write_bytes(b"caf\xe9")
    (tmp_path / "README.md").write_text("about these files")
    templates, problems = load_templates(tmp_path)
    message = templates.render("note", "en", {})
    assert (message.subject, message.text, message.html) == ("Grüße", "a\nb\n", "")
    assert problems == [
        RenderProblem("note/en.html.liquid", 1, 1, "template-encoding", "byte 3 is not UTF-8", "save the file as UTF-8")
    ]


def test_a_missing_folder_is_an_empty_set(tmp_path: Path) -> None:
    """A shop that has no templates yet has none; whoever sends one of them says so."""
    templates, problems = load_templates(tmp_path / "nowhere")
    assert (templates.names(), problems) == ((), [])


def test_a_set_cannot_be_changed() -> None:
    """Live reload swaps one value for another; nothing changes under a render that is under way."""
    templates = one("x")
    with pytest.raises(TypeError):
        templates.sources["note/en.text.liquid"] = "y"  # type: ignore[index]  # what the test is about
