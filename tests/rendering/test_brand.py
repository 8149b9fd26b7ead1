"""shop.yaml: what it says, and what can be wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rendering import brand_from

GOOD: dict[str, Any] = {
    "name": "Tea & Co",
    "url": "https://tea.example",
    "support_email": "help@tea.example",
    "imprint": ["Tea & Co GmbH", "Teeweg 1"],
}


def test_what_is_left_out_follows_from_the_rest() -> None:
    """The brand signs, the support address sends; colour and language have a value to begin with."""
    brand, problems = brand_from(GOOD)
    assert problems == []
    assert brand.variables() == {
        "name": "Tea & Co",
        "sender_name": "Tea & Co",
        "sender_email": "help@tea.example",
        "support_email": "help@tea.example",
        "url": "https://tea.example",
        "imprint": ["Tea & Co GmbH", "Teeweg 1"],
        "color": "#0f6b5c",
        "logo_url": "",
    }
    assert brand.language == "en"


def test_an_imprint_may_be_one_line() -> None:
    """One line of imprint needs no list."""
    brand, problems = brand_from({**GOOD, "imprint": "Tea & Co GmbH"})
    assert (brand.imprint, problems) == (("Tea & Co GmbH",), [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nmae": "x"}, [("nmae", "unknown-key", "did you mean `name`?")]),
        ({"name": None}, [("", "missing-key", "name: … # The brand, at the head of each message.")]),
        ({"color": None}, [("color", "wrong-value", 'write # and six hexadecimal digits in quotes: "#0f6b5c"')]),
        ({"color": "green"}, [("color", "wrong-value", 'write # and six hexadecimal digits in quotes: "#0f6b5c"')]),
        ({"url": "tea.example"}, [("url", "wrong-value", "write it whole: https://shop.example")]),
        ({"logo_url": "javascript:x"}, [("logo_url", "wrong-value", "write it whole: https://shop.example/logo.png")]),
        ({"support_email": "tea"}, [("support_email", "wrong-value", "write an address: help@shop.example")]),
        ({"language": "german!"}, [("language", "wrong-value", "write a language code: de, en, pt-BR")]),
        ({"imprint": [1]}, [("imprint", "wrong-type", "put it in quotes")]),
        ({"name": 5}, [("name", "wrong-type", "put it in quotes")]),
    ],
)
def test_each_mistake_is_told_with_its_cure(change: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    """A key that is wrong, missing or unknown is named."""
    _, problems = brand_from({**GOOD, **change})
    assert [(problem.key, problem.code, problem.hint) for problem in problems] == told


def test_all_mistakes_are_told_at_once() -> None:
    """An empty file lacks four keys; a file that holds no keys is told once."""
    assert len(brand_from({})[1]) == 4
    assert [problem.code for problem in brand_from(None)[1]] == ["wrong-type"]
