"""The page on which customers choose what they get, how often and how: its words and its form.

The form carries what it showed as chosen, so that what came ticked and stays ticked is no consent: only a box that a
person ticked is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from msgspec import Struct

from engine.core.frequency import FREQUENCIES
from engine.core.preferences import CHOICES, TRACKING, Preferences
from engine.listeners.pages import Shopfront, framed


class _Words(Struct, frozen=True):
    title: str
    lead: str
    what: str
    get: Mapping[str, str]
    how_often: str
    often: Mapping[str, str]
    which_way: str
    ways: Mapping[str, str]
    save: str
    stop: str
    nothing: str


_WORDS: Final[dict[str, _Words]] = {
    "de": _Words(
        title="Was möchten Sie von uns hören?",
        lead="Hier bestimmen Sie, was {shop} Ihnen schickt. Sie können es jederzeit wieder ändern.",
        what="Was Sie bekommen",
        get={
            "newsletter": "Ja, ich möchte den Newsletter von {shop} per E-Mail erhalten.",
            "marketing": "Ja, ich möchte Angebote von {shop} per E-Mail erhalten.",
            "tracking": "Ja, {shop} darf auswerten, ob ich E-Mails öffne und auf Links darin klicke.",
        },
        how_often="Wie oft",
        often={
            "usual": "Wie bisher",
            "monthly": "Höchstens einmal im Monat",
            "quarterly": "Höchstens einmal im Quartal",
        },
        which_way="Auf welchem Weg am liebsten",
        ways={"email": "E-Mail", "letter": "Brief", "phone": "Telefon", "sms": "SMS"},
        save="Speichern",
        stop="Alles abbestellen",
        nothing="Oder gar nichts mehr:",
    ),
    "en": _Words(
        title="What would you like to hear from us?",
        lead="Here you decide what {shop} sends you. You can change it again at any time.",
        what="What you get",
        get={
            "newsletter": "Yes, I would like to get the newsletter of {shop} by email.",
            "marketing": "Yes, I would like to get offers from {shop} by email.",
            "tracking": "Yes, {shop} may note whether I open its emails and follow the links in them.",
        },
        how_often="How often",
        often={"usual": "As usual", "monthly": "At most once a month", "quarterly": "At most once a quarter"},
        which_way="Which way you prefer",
        ways={"email": "Email", "letter": "Letter", "phone": "Telephone", "sms": "Text message"},
        save="Save",
        stop="Stop everything",
        nothing="Or nothing at all any more:",
    ),
}


def said_yes_to(purpose: str, language: str, shop: Shopfront) -> str:
    """Return the sentence beside a box: what a customer who ticks it says yes to."""
    return _WORDS[language].get[purpose].format(shop=shop.name)


def preference_page(known: Preferences, language: str, shop: Shopfront, *, tracks: bool) -> str:
    """Return the page. `tracks` says whether the shop notes what is read, and so whether there is a box for it."""
    words = _WORDS[language]
    offered = [purpose for purpose in CHOICES if purpose != TRACKING or tracks or TRACKING in known.chosen]
    boxes = (_box(purpose, said_yes_to(purpose, language, shop), purpose in known.chosen) for purpose in offered)
    parts = [_group(words.what, [*boxes, *(_was("get", each) for each in known.chosen)])]
    parts.append(_group(words.how_often, _pick("frequency", FREQUENCIES, words.often, known.frequency)))
    if len(known.channels) > 1:
        parts.append(_group(words.which_way, _pick("channel", known.channels, words.ways, known.channel)))
    content = (
        f"<p>{escape(words.lead.format(shop=shop.name))}</p>\n"
        f'<form method="post" class="choices">{"".join(parts)}<button>{words.save}</button></form>\n'
        f'<form method="post" class="last"><p id="nothing">{words.nothing}</p>'
        f'<button class="quiet" name="all" value="stop" aria-describedby="nothing">{words.stop}</button></form>\n'
    )
    return framed(words.title, content, language, shop)


def _group(title: str, rows: Iterable[str]) -> str:
    return f"<fieldset><legend>{title}</legend>{''.join(rows)}</fieldset>\n"


def _box(purpose: str, label: str, ticked: bool) -> str:  # noqa: FBT001 - it is what a box is
    checked = " checked" if ticked else ""
    return f'<label><input type="checkbox" name="get" value="{purpose}"{checked}><span>{escape(label)}</span></label>'


def _pick(name: str, values: Iterable[str], labels: Mapping[str, str], chosen: str) -> list[str]:
    rows = [
        f'<label><input type="radio" name="{name}" value="{value}"{" checked" if value == chosen else ""}>'
        f"<span>{labels[value]}</span></label>"
        for value in values
    ]
    return [*rows, _was(name, chosen)]


def _was(name: str, value: str) -> str:
    """Return what the form showed as chosen, for when it comes back."""
    return f'<input type="hidden" name="was.{name}" value="{value}">'
