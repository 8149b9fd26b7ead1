"""What the writer of a mail says, without what is quoted from ours: `keine Werbung` counts only in their own words."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

LONGEST: Final = 4_000
"""Characters of a writer's words that are kept."""

_QUOTE_BEGINS = re.compile(
    r"^[ \t]*(?:"
    r"[-_=*]{2,} ?(?:original|urspr.{1,2}ngliche|weitergeleitet|forwarded|message d.origine|mensaje original|messaggio originale|oorspronkelijk|mensagem original|oprindelig|alkuper)\b.{0,80}"
    r"|_{20,}|-{20,}"
    r"|.{2,120}(?:<[^<>\n]{3,120}>).{0,40}(?:wrote|schrieb|a .crit|escribi.|ha scritto|escreveu|schreef)\b.{0,60}:[ \t]*$"
    r"|(?:from|von|de|da|van|fra|od)[ \t]*:.{1,200}\n[ \t]*(?:sent|gesendet|date|datum|envoy.|enviado|inviato|verzonden|to|an|subject|betreff)[ \t]*:"
    r"|(?:sent|gesendet) from my\b|(?:von meinem|diese nachricht wurde von) .{0,60}gesendet|-- ?$"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_WROTE = r"(?:wrote|writes|schrieb|a .crit|escribi.|ha scritto|escreveu|schreef|skrev|kirjoitti|napisa.)"
_AN_OPENING = re.compile(  # `On Monday, Ada <...> wrote:`, on one line or two
    rf"^[ \t]*(?:on|am|le|el|il|em|op|den|i|w dniu)\b(?=[^\n]{{0,200}}(?:\n[^\n]{{0,160}})?{_WROTE})[^\n]{{4,200}}(?:\n[^\n]{{0,160}})?:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[ \t]*[>|].*\n?", re.MULTILINE)
_BLANK = re.compile(r"\n{3,}")
_ENDS_A_LINE = frozenset({"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "pre", "hr", "td"})
_NOT_READ = frozenset({"style", "script", "head", "title"})
_OURS = re.compile(
    r"^blockquote\b|gmail_quote|yahoo_quoted|divrplyfwdmsg|appendonsend|moz-cite-prefix|oriMsgHtmlSeperator|stopspelling",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """Return what a text says before it begins to quote, quoted lines in between left out."""
    text = _QUOTED.sub("", text[: 8 * LONGEST])
    for opening in (_AN_OPENING, _QUOTE_BEGINS):
        if found := opening.search(text):
            text = text[: found.start()]
    return _BLANK.sub("\n\n", text).strip()[:LONGEST]


def text_of_html(html: str, *, quotes: bool = True) -> str:
    """Return a page's text, one line where a block ends; without quotes it ends where one begins.

    Each piece is looked at once. A pattern over the whole would search on from every tag that is never closed.
    """
    lines: list[str] = []
    skipped = ""
    for place, piece in enumerate(html.split("<")):
        tag, closed, after = ("", "", piece) if place == 0 else piece.partition(">")
        name = tag.strip().casefold()[:300]
        word = name.lstrip("/").split()[0].rstrip("/") if name.strip("/ ") else ""
        if skipped:
            if name.startswith("/") and word == skipped:
                skipped = ""
                lines.append(after)
            continue
        if place and not closed:
            break
        if word in _NOT_READ and not name.startswith("/"):
            skipped = word
            continue
        if not quotes and _OURS.search(name):
            break
        lines.append("\n" if word in _ENDS_A_LINE else "")
        lines.append(after if not name.startswith("!--") else "")
    return unescape("".join(lines)).replace("\u00a0", " ")
