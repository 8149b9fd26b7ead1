"""What every page has around it: head, the way to the other pages, and in red whatever is paused."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from importlib import resources
from typing import Final
from urllib.parse import urlencode, urlsplit

from engine.core.moments import instant
from engine.core.shop import Pause
from engine.listeners.console.markup import Html, Inner, h, html
from engine.listeners.console.visit import Visit
from engine.listeners.console.words import LANGUAGES, OWN_NAMES

STYLE: Final = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
STYLE_PATH: Final = f"/style-{blake2b(STYLE.encode(), digest_size=6).hexdigest()}.css"
"""Its address changes with it, so that a browser may keep it for good."""

_PAGES: Final = {
    "today": "/",
    "workflows": "/workflows",
    "customers": "/customers",
    "changes": "/changes",
    "mailbox": "/mailbox",
}


def page(
    visit: Visit, title: str, *body: Inner, under: str = "", lede: Inner = None, refresh: int | None = None
) -> str:
    """Return a whole page. `under` is the page of the bar that it belongs to, `refresh` loads it anew after seconds."""
    head = h.head(
        h.meta(charset="utf-8"),
        h.meta(name="viewport", content="width=device-width, initial-scale=1"),
        h.meta(http_equiv="refresh", content=refresh) if refresh is not None else None,
        h.title(f"{title} · {visit.here.shop}"),
        h.link(rel="stylesheet", href=STYLE_PATH),
        h.link(rel="icon", href="data:,"),
    )
    content = h.main(
        h.div(h.h1(title), h.p(lede, class_="lede") if lede else None, class_="title"), *body, id="content"
    )
    skip = h.a(visit.say("skip"), href="#content", class_="skip")
    return "<!doctype html>\n" + h.html(
        head, h.body(skip, _bar(visit, under), _alerts(visit), content, _foot(visit)), lang=visit.language
    )


def _bar(visit: Visit, under: str) -> Html:
    links = [
        h.a(
            visit.say(f"page.{name}"),
            _badge(visit) if name == "changes" else None,
            href=path,
            aria_current="page" if name == under else None,
        )
        for name, path in _PAGES.items()
        if name != "mailbox" or visit.with_mailbox
    ]
    name = h.a(visit.here.shop, href="/", class_="shop")
    return h.header(name, h.nav(links, aria_label=visit.say("pages")), _languages(visit), class_="bar")


def _badge(visit: Visit) -> Html | None:
    waits = visit.here.pending
    return h.span(visit.number(waits), class_="badge", title=visit.say("changes.wait", n=waits)) if waits else None


def _languages(visit: Visit) -> Html:
    parts = urlsplit(visit.path)
    query = [pair for pair in parts.query.split("&") if pair and not pair.startswith("lang=")]
    links = [
        h.a(
            language.upper(),
            href=f"{parts.path}?{'&'.join([*query, f'lang={language}'])}",
            lang=language,
            hreflang=language,
            title=OWN_NAMES[language],
            aria_current="true" if language == visit.language else None,
        )
        for language in LANGUAGES
    ]
    return h.nav(links, class_="languages", aria_label=visit.say("language"))


def _alerts(visit: Visit) -> Html | None:
    pauses = visit.here.pauses
    return h.div([_alert(visit, each) for each in pauses], class_="alerts") if pauses else None


def _alert(visit: Visit, pause: Pause) -> Html:
    who = visit.say("paused.by", who=pause.who) if pause.who else ""
    end = "/unpause?" + urlencode({"scope": pause.scope, "name": pause.name})
    return h.div(
        h.p(
            h.strong(visit.say("paused", what=paused_in_words(visit, pause))),
            " ",
            h.span(
                visit.say("paused.since"),
                " ",
                visit.clock(pause.at),
                f" {who}".rstrip(),
                ": ",
                visit.say("quoted", words=pause.why),
            ),
        ),
        h.a(visit.say("unpause.ask"), href=end, class_="button quiet"),
        class_="alert",
        role="alert",
    )


def paused_in_words(visit: Visit, pause: Pause) -> str:
    """Name what a pause is of."""
    return visit.say(f"scope.{pause.scope}", name=pause.name)


def _foot(visit: Visit) -> Html:
    return h.footer(
        h.p(visit.say("as_of"), " ", visit.clock(visit.here.now), f" ({visit.here.timezone})"),
    )


def section(title: str, *body: Inner, about: Inner = None, id_: str | None = None) -> Html:
    """Return a part of a page under a heading; `about` is a sentence below it."""
    return h.section(h.h2(title), h.p(about, class_="soft") if about else None, *body, class_="card", id=id_)


def table(columns: list[tuple[str, bool]], rows: list[list[Inner]], *, caption: str) -> Html:
    """Return a table; a column is its title, and whether it is of numbers. The first of a row names the row."""
    kinds = ["n" if numbers else None for _, numbers in columns]
    head = h.tr([h.th(title, scope="col", class_=kind) for (title, _), kind in zip(columns, kinds, strict=True)])
    body = [
        h.tr(
            h.th(first, scope="row"),
            [
                h.td(cell, class_=kind, data_label=title)
                for cell, kind, (title, _) in zip(rest, kinds[1:], columns[1:], strict=True)
            ],
        )
        for first, *rest in rows
    ]
    return h.div(
        h.table(h.caption(caption, class_="unseen"), h.thead(head), h.tbody(body)),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )


def mark(visit: Visit, kind: str, value: str) -> Html:
    """Return a word in a coloured box, such as a mode or a standing: `mark(visit, "mode", "live")`."""
    return h.span(visit.say(f"{kind}.{value}"), class_=f"mark {kind}-{value}")


def moment(visit: Visit, written: str, timezone: str = "") -> Html:
    """Return an instant that is known as RFC 3339 on the shop's clock, or on another."""
    return visit.clock(instant(datetime.fromisoformat(written)), timezone)


def nothing(text: str) -> Html:
    """Return what stands where a list is empty."""
    return h.p(text, class_="empty")


def in_english(visit: Visit, text: str) -> Inner:
    """Return a text that there is in English alone: the words of the files, and what was found out about somebody."""
    return text if visit.language == "en" else html(h.span(text, lang="en"))
