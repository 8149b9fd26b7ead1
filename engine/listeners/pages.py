"""The look of the public pages. Every value in them is escaped in one place."""

from __future__ import annotations

from html import escape

from msgspec import Struct

from engine.core.links import PAGES, PREFERENCES
from engine.listeners.page_words import PREFERENCES_INSTEAD, QUESTIONS, REASONS, TO_THE_SHOP, WORDS, Words, wording


class Shopfront(Struct, frozen=True, kw_only=True):
    """How the shop shows itself: its name, where questions go, its place on the web, and who is behind it."""

    name: str
    support_email: str = ""
    url: str = ""
    imprint: tuple[str, ...] = ()


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
form.list,form.choices,form.last{flex-direction:column;align-items:stretch}
form.choices{gap:1.5rem}
form.last{margin-top:2rem;padding-top:1.5rem;border-top:1px solid var(--line)}
fieldset{margin:0;padding:0;border:0;min-width:0}
legend{padding:0;margin-bottom:.35rem;font-weight:700}
label{display:flex;gap:.8rem;align-items:flex-start;padding:.55rem 0;cursor:pointer}
label input{flex:none;width:1.35rem;height:1.35rem;margin:.15rem 0 0;accent-color:var(--button)}
button{min-height:3rem;padding:.6rem 1.5rem;font:inherit;font-weight:600;border-radius:.6rem;border:2px solid var(--button);
background:var(--button);color:var(--on);cursor:pointer}
button.quiet{background:transparent;color:var(--ink);border-color:var(--soft)}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid var(--button);outline-offset:3px}
footer{max-width:34rem;margin-top:1.25rem;color:var(--soft);font-size:.875rem;text-align:center}
footer a,.more a{color:inherit}
.more{margin-top:1.5rem}
@media(max-width:27rem){body{padding:1rem .75rem}main{padding:1.75rem 1.25rem}h1{font-size:1.4rem}}
"""


def page(
    name: str,
    language: str,
    shop: Shopfront,
    *,
    purpose: str = "",
    chosen: str = "",
    test: str = "",
    preferences: str = "",
) -> str:
    """Return a page as HTML.

    `chosen` is the answer whose button stands first, `test` the name of a test, `preferences` the token of the page where
    they can be set, which is offered then.
    """
    words = WORDS[language][name]
    text = escape(wording(name, language, shop.name, purpose, test))
    onward = _onward(shop.url, TO_THE_SHOP[language]) if name == "link_over" and shop.url else ""
    if preferences:
        onward = _onward(f"../{PAGES[PREFERENCES]}/{preferences}", PREFERENCES_INSTEAD[language])
    return framed(words.title, f"<p>{text}</p>\n{_form(name, words, chosen, language)}{onward}", language, shop)


def framed(title: str, content: str, language: str, shop: Shopfront) -> str:
    """Return a page with its head, the shop's name and its footer around what is in it, which is HTML already."""
    title, brand = escape(title), escape(shop.name)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f"<title>{title} · {brand}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<main>\n<p class="shop">{brand}</p>\n<h1>{title}</h1>\n{content}</main>\n'
        f"{_footer(language, shop)}</body>\n</html>\n"
    )


def _onward(url: str, words: str) -> str:
    """Return where somebody can go on to."""
    return f'<p class="more"><a href="{escape(url)}">{words}</a></p>\n'


def _form(name: str, words: Words, chosen: str, language: str) -> str:
    if name == "survey":
        choices = (
            f'<button class="quiet" name="answer" value="{reason}">{escape(said[language])}</button>'
            for reason, said in REASONS.items()
        )
        return f'<form method="post" class="list">{"".join(choices)}</form>\n'
    if name == "answer_over":
        return f'<form method="post"><button name="answer" value="no">{escape(words.second)}</button></form>\n'
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
        lines.insert(0, f'{QUESTIONS[language]} <a href="mailto:{mail}">{mail}</a>')
    return f"<footer>{'<br>'.join(lines)}</footer>\n" if lines else ""
