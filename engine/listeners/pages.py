"""The words and the look of the public pages, in German and English.

Plain text in one file instead of templates: there are a few pages of three sentences, and every value in them is escaped
in one place.
"""

from __future__ import annotations

from html import escape

from msgspec import Struct

LANGUAGES = ("de", "en")
_FALLBACK = "en"


class Shopfront(Struct, frozen=True, kw_only=True):
    """How the shop shows itself: its name, where questions go, its place on the web, and who is behind it."""

    name: str
    support_email: str = ""
    url: str = ""
    imprint: tuple[str, ...] = ()


class _Words(Struct, frozen=True):
    title: str
    text: str
    button: str = ""
    second: str = ""


_WHAT = {
    "de": {"newsletter": "den Newsletter", "marketing": "Angebote per E-Mail", "": "E-Mails"},
    "en": {"newsletter": "the newsletter", "marketing": "offers by email", "": "emails"},
}

_PAGES: dict[str, dict[str, _Words]] = {
    "de": {
        "unsubscribe": _Words(
            "Abmelden?",
            "Möchten Sie {what} von {shop} nicht mehr erhalten? Ein Klick genügt.",
            "Ja, abmelden",
        ),
        "stopped": _Words(
            "Sie sind abgemeldet.",
            "Sie erhalten {what} von {shop} nicht mehr. Sie müssen nichts weiter tun.",
        ),
        "confirm": _Words(
            "Möchten Sie weiter von uns hören?",
            "Ja, ich möchte {what} von {shop} weiter erhalten.",
            "Ja, gern weiter",
        ),
        "confirmed": _Words("Danke, das freut uns!", "Wir haben notiert, dass Sie weiter von {shop} hören möchten."),
        "answer": _Words(
            "Möchten Sie weiter von uns hören?",
            "Möchten Sie {what} von {shop} weiter erhalten?",
            "Ja, gern weiter",
            "Nein, danke",
        ),
        "question": _Words("Ihre Antwort", "{shop} hat Ihnen eine Frage geschickt.", "Ja, gern", "Nein, danke"),
        "survey": _Words("Woran lag es?", "Ein Klick genügt. Danke, dass Sie sich die Zeit nehmen."),
        "replied": _Words("Danke für Ihre Antwort!", "Wir haben sie notiert und halten uns daran."),
        "tested": _Words(
            "Das war ein Test.",
            "Diese E-Mail von {shop} war ein Test ({test}). Es wurde nichts verändert.",
        ),
        "bad_link": _Words(
            "Dieser Link passt nicht.",
            "Vielleicht wurde er beim Kopieren abgeschnitten. Bitte öffnen Sie ihn noch einmal aus der E-Mail.",
        ),
        "no_such_way": _Words("Das geht hier nicht.", "Bitte öffnen Sie den Link noch einmal aus der E-Mail."),
        "failed": _Words(
            "Das hat gerade nicht geklappt.",
            "Bitte versuchen Sie es in ein paar Minuten noch einmal. Es wurde nichts verändert.",
        ),
    },
    "en": {
        "unsubscribe": _Words(
            "Unsubscribe?",
            "Would you like to stop receiving {what} from {shop}? One click is enough.",
            "Yes, unsubscribe",
        ),
        "stopped": _Words(
            "You are unsubscribed.",
            "You will no longer receive {what} from {shop}. There is nothing else you need to do.",
        ),
        "confirm": _Words(
            "Would you like to keep hearing from us?",
            "Yes, I would like to keep receiving {what} from {shop}.",
            "Yes, keep it coming",
        ),
        "confirmed": _Words("Thank you, we are glad!", "We have noted that you want to keep hearing from {shop}."),
        "answer": _Words(
            "Would you like to keep hearing from us?",
            "Would you like to keep receiving {what} from {shop}?",
            "Yes, keep it coming",
            "No, thanks",
        ),
        "question": _Words("Your answer", "{shop} has sent you a question.", "Yes, please", "No, thanks"),
        "survey": _Words("What was it?", "One click is enough. Thank you for taking the time."),
        "replied": _Words("Thank you for your answer!", "We have noted it and will keep to it."),
        "tested": _Words(
            "This was a test.",
            "This email from {shop} was a test ({test}). Nothing has been changed.",
        ),
        "bad_link": _Words(
            "This link does not fit.",
            "It may have been cut off when it was copied. Please open it again from the email.",
        ),
        "no_such_way": _Words("That cannot be done here.", "Please open the link again from the email."),
        "failed": _Words("That did not work just now.", "Please try again in a few minutes. Nothing has been changed."),
    },
}

REASONS: dict[str, dict[str, str]] = {
    "price": {"de": "Es war mir zu teuer", "en": "It was too expensive"},
    "quality": {"de": "Die Ware war nicht gut genug", "en": "The goods were not good enough"},
    "service": {"de": "Lieferung oder Service haben nicht gestimmt", "en": "Delivery or service fell short"},
    "offer": {"de": "Es war nicht das Richtige für mich dabei", "en": "There was nothing that suited me"},
    "changed_need": {"de": "Ich brauche es nicht mehr", "en": "I no longer need it"},
    "variety": {"de": "Ich wollte etwas anderes ausprobieren", "en": "I wanted to try something else"},
    "competitor": {"de": "Ich kaufe jetzt woanders", "en": "I buy elsewhere now"},
    "moved": {"de": "Ich bin umgezogen", "en": "I have moved"},
    "other": {"de": "Etwas anderes", "en": "Something else"},
}
"""What the survey offers as answers: causes, in the customer's words; `other` is none of them."""

_QUESTIONS = {"de": "Fragen? Schreiben Sie an", "en": "Questions? Write to"}

STYLE = """
:root{color-scheme:light dark;--ink:#1d2421;--soft:#5b6661;--paper:#fff;--ground:#f3f5f4;--line:#d9dfdc;--button:#0f6b5c;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e9eeec;--soft:#a3afaa;--paper:#1b211f;--ground:#121615;--line:#323b38;--button:#5cc7b2;--on:#06231d}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;padding:1.5rem;
background:var(--ground);color:var(--ink);font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:34rem;background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:2.25rem 2rem}
.shop{margin:0 0 1.5rem;color:var(--soft);font-weight:600}
h1{margin:0 0 .75rem;font-size:1.6rem;line-height:1.25;text-wrap:balance}
p{margin:0}
form{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.75rem}
form.list{flex-direction:column;align-items:stretch}
button{min-height:3rem;padding:.6rem 1.5rem;font:inherit;font-weight:600;border-radius:.6rem;border:2px solid var(--button);
background:var(--button);color:var(--on);cursor:pointer}
button.quiet{background:transparent;color:var(--ink);border-color:var(--line)}
button:focus-visible,a:focus-visible{outline:3px solid var(--button);outline-offset:3px}
footer{max-width:34rem;margin-top:1.25rem;color:var(--soft);font-size:.875rem;text-align:center}
footer a{color:inherit}
"""


def pick_language(known: str, accepted: str) -> str:
    """Return the language of a page: the message's, else the first that the browser takes and we have, else English."""
    wishes = [known, *(part.partition(";")[0] for part in accepted.split(","))]
    for wish in wishes:
        base = wish.strip().replace("_", "-").partition("-")[0].lower()
        if base in LANGUAGES:
            return base
    return _FALLBACK


def wording(name: str, language: str, shop: Shopfront, purpose: str, test: str = "") -> str:
    """Return the sentence that a page asks: what a customer says yes to."""
    what = _WHAT[language].get(purpose, _WHAT[language][""])
    return _PAGES[language][name].text.format(what=what, shop=shop.name, test=test)


def page(name: str, language: str, shop: Shopfront, *, purpose: str = "", chosen: str = "", test: str = "") -> str:
    """Return a page as HTML. `chosen` is the answer whose button stands first, `test` the name of a test."""
    words = _PAGES[language][name]
    text = escape(wording(name, language, shop, purpose, test))
    title, brand = escape(words.title), escape(shop.name)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f"<title>{title} · {brand}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<main>\n<p class="shop">{brand}</p>\n<h1>{title}</h1>\n<p>{text}</p>\n{_form(name, words, chosen, language)}</main>\n'
        f"{_footer(language, shop)}</body>\n</html>\n"
    )


def _form(name: str, words: _Words, chosen: str, language: str) -> str:
    if name == "survey":
        choices = (
            f'<button class="quiet" name="answer" value="{reason}">{escape(said[language])}</button>'
            for reason, said in REASONS.items()
        )
        return f'<form method="post" class="list">{"".join(choices)}</form>\n'
    if not words.button:
        return ""
    if name not in ("answer", "question"):
        once = '<input type="hidden" name="List-Unsubscribe" value="One-Click">' if name == "unsubscribe" else ""
        return f'<form method="post">{once}<button>{escape(words.button)}</button></form>\n'
    buttons = {
        "yes": f'<button name="answer" value="yes"{_quiet(chosen == "no")}>{escape(words.button)}</button>',
        "no": f'<button name="answer" value="no"{_quiet(chosen != "no")}>{escape(words.second)}</button>',
    }
    order = ("no", "yes") if chosen == "no" else ("yes", "no")
    return f'<form method="post">{"".join(buttons[each] for each in order)}</form>\n'


def _quiet(quiet: bool) -> str:  # noqa: FBT001 - it is the whole of the question
    return ' class="quiet"' if quiet else ""


def _footer(language: str, shop: Shopfront) -> str:
    lines = [escape(line) for line in shop.imprint]
    if shop.support_email:
        mail = escape(shop.support_email)
        lines.insert(0, f'{_QUESTIONS[language]} <a href="mailto:{mail}">{mail}</a>')
    return f"<footer>{'<br>'.join(lines)}</footer>\n" if lines else ""
