"""What a template cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rendering import RenderError, load_templates, sample_context, templates_from


def problem_or_error(source: str, part: str = "text", **more: str) -> str:
    """Return what was wrong with a template that must not work: a problem's message, or the error of its render."""
    files = {"note/en.subject.liquid": "s", "note/en.text.liquid": "t", f"note/en.{part}.liquid": source, **more}
    templates, problems = templates_from(files)
    if problems:
        return problems[0].message
    with pytest.raises(RenderError) as caught:
        templates.render("note", "en", sample_context())
    return caught.value.reason


@pytest.mark.parametrize(
    "source",
    [
        "{% render '../../../etc/passwd' %}",
        "{% render '/etc/passwd' %}",
        "{% render 'note/en.text' %}",
        "{% include 'slip' %}",
        "{% assign name = 'slip' %}{% include name %}",
        "{% extends 'slip' %}",
        "{% liquid echo 'x' %}",
        "{% increment n %}",
        "{{ 'now' | date: '%s' }}",
        "{{ now }}",
        "{{ today }}",
        "{{ customer.__class__ }}",
        "{{ customer.first_name.__class__.__mro__ }}",
        "{{ customer['__class__'] }}",
        "{{ shop.name.upper }}",
        "{{ offer.value.value }}",
        "{{ '<b>' | safe }}",
    ],
)
def test_a_template_gets_at_nothing_but_its_context(source: str) -> None:
    """No file, no clock, nothing of Python's, no unescaped HTML: each attempt is refused."""
    assert problem_or_error(source, **{"shared/slip.liquid": "slip"})


DOUBLED = "{% assign s = 'x' %}{% for a in (1..TIMES) %}{% assign s = s | append: s %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% for a in (1..100) %}{% for b in (1..100) %}x{% endfor %}{% endfor %}", "loop iteration limit"),
        ("{% for a in (1..2000) %}" + "x" * 300 + "{% endfor %}", "output stream limit"),
        (DOUBLED.replace("TIMES", "40"), "local namespace limit"),
        ("{% assign n = 9 %}{% for a in (1..40) %}{% assign n = n | times: n %}{% endfor %}", "local namespace limit"),
        (DOUBLED.replace("TIMES", "17") + "{{ s | replace: 'x', s }}", "replace: the result is too long"),
        (
            DOUBLED.replace("TIMES", "14") + "{{ s | replace: 'x', 'x ' | split: ' ' | join: s }}",
            "join: the result is too",
        ),
        ("{% for a in (1..60) %}{% render 'ten' %}{% endfor %}", "partials in one message"),
    ],
)
def test_a_template_cannot_use_up_the_machine(source: str, reason: str) -> None:
    """Loops, output, own variables, filters that multiply, and partials have limits."""
    more = {"shared/ten.liquid": "{% render 'one' %}" * 10, "shared/one.liquid": "{% assign x = 1 %}"}
    assert reason in problem_or_error(source, **more)


def test_partials_that_render_each_other_are_found_when_loaded() -> None:
    """A circle of partials is a problem of the files, long before a message is made."""
    files = {"shared/a.liquid": "{% render 'b' %}", "shared/b.liquid": "{% if offer %}{% render 'a' %}{% endif %}"}
    assert problem_or_error("{% render 'a' %}", **files) == "a partial renders itself: a > b > a"


def test_deep_nesting_is_refused() -> None:
    """Blocks within blocks end somewhere."""
    assert "nesting" in problem_or_error("{% if offer %}" * 60 + "{% endif %}" * 60)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the folder cannot bring another file into a mail."""
    (tmp_path / "secret.liquid").write_text("secret")
    folder = tmp_path / "templates"
    (folder / "note").mkdir(parents=True)
    (folder / "note/en.subject.liquid").write_text("s")
    (folder / "note/en.text.liquid").symlink_to(tmp_path / "secret.liquid")
    templates, problems = load_templates(folder)
    assert [problem.code for problem in problems] == ["template-outside", "template-without-body"]
    assert "secret" not in "".join(templates.sources.values())


def test_a_render_depends_on_its_context_alone() -> None:
    """The same context gives the same message, also after other messages were made of the same templates."""
    files = {
        "note/en.subject.liquid": "s",
        "note/en.text.liquid": "{% if offer %}{% assign seen = 'offer' %}{% endif %}{{ seen | default: '-' }}",
    }
    templates, problems = templates_from(files)
    assert problems == []
    plain = sample_context(offer=None)
    first = templates.render("note", "en", plain)
    assert templates.render("note", "en", sample_context()).text == "offer\n"
    assert templates.render("note", "en", plain) == first
