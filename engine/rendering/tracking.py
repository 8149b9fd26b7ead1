"""Links and the pixel that tell whether a mail was read: put into the HTML after it was rendered, with consent only.

Templates know nothing of it. What a person is shown stays as it was written, to the byte, but for the addresses in
`<a href>` and `<area href>`. The text part is left alone: there an address is read by people, and a token says nothing.
Conditional comments (Outlook's buttons) are comments here, and left alone as well. An HTML parser was not used to write
the mail anew: none gives back what it read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core.links import CLICK, OPEN, PAGES, Keys, Link
from engine.core.targets import BadTargetError, why_not_a_target
from engine.rendering.envelope import Desk, last_day, url_of


class Tracking(Struct, frozen=True):
    """What of reading is noted, and for how many days after the mail its links lead on."""

    opens: bool
    clicks: bool
    days: int


_OPENING = re.compile(r"<(?:(?P<comment>!--)|(?P<name>[a-z][^\s/>]*+))", re.IGNORECASE)
# possessive, here and below: no input takes longer than its length
_REST_OF_TAG = re.compile(r"(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_END_OF_TEXT = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("style", "script", "title", "textarea")
}
_ATTRIBUTE = re.compile(r"(?P<name>[^\s/>=\"']++)(?:\s*+=\s*+(?P<value>\"[^\"]*+\"|'[^']*+'|[^\s>\"']++))?+")
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

_UNSEEN = (
    '<a href="{}" rel="nofollow" aria-hidden="true" tabindex="-1" style="display:none;max-height:0;overflow:hidden;'
    'mso-hide:all"></a>'
)
_PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'


def tracked(
    html: str, tracking: Tracking, desk: Desk, keys: Keys, *, effect_id: str, data: Mapping[str, Any], home: str
) -> str:
    """Return a mail's HTML with links that lead through us, a link that no person sees, and the pixel.

    The same send gives the same HTML. Never led through us: our own pages (unsubscribe, confirm and the like), what is no
    whole http(s) address (mailto, tel, anchors), and what is not sealed (see `engine.core.targets`).

    Args:
        html: as it was rendered.
        tracking: what is wanted.
        desk: who writes.
        keys: seal the links.
        effect_id: of the send.
        data: of its effect; customer {id, language} and not_after are read.
        home: the shop's place on the web, where the unseen link leads to; none without one.

    """
    customer = data["customer"]
    said = Link("", customer["id"], "", effect_id, language=customer.get("language") or "")
    sealing = _Sealing(desk, keys, said, last_day(data, tracking.days))
    if tracking.clicks:
        pieces = [(piece, _target_in(piece) if is_link else None) for piece, is_link in _pieces(html)]
        sealing.links = len(
            {found.address for _, found in pieces if found is not None and sealing.leads_to(found.address)}
        )
        html = "".join(piece if found is None else _led(piece, found, sealing) for piece, found in pieces)
    unseen = sealing.click(home, hidden=True) if tracking.clicks and home else ""
    added = (_UNSEEN.format(unseen) if unseen else "") + (_PIXEL.format(sealing.pixel()) if tracking.opens else "")
    place = max((found.start() for found in _END_OF_BODY.finditer(html)), default=len(html))
    return html[:place] + added + html[place:]


class _Sealing:
    """Makes the addresses of one mail."""

    def __init__(self, desk: Desk, keys: Keys, said: Link, until: int) -> None:
        self._desk, self._keys, self._said, self._until = desk, keys, said, until
        self._own = tuple(f"{desk.public_url}/{page}/" for page in PAGES.values())
        self.links = 0  # of the mail: whoever follows all of them at once is a program

    def leads_to(self, target: str) -> bool:
        """Say whether a link to a target leads through us."""
        return not target.startswith(self._own) and not why_not_a_target(target)

    def click(self, target: str, *, hidden: bool = False) -> str:
        """Return the address that leads on to a target; empty where it is not led through us."""
        if not self.leads_to(target):
            return ""
        try:
            return self._url(CLICK, target=target, hidden=hidden, links=self.links)
        except BadTargetError:  # so long that no token can hold it
            return ""

    def pixel(self) -> str:
        return self._url(OPEN) + ".gif"

    def _url(self, kind: str, **more: Any) -> str:
        return url_of(self._desk, self._keys, replace(self._said, kind=kind, expires=self._until, **more))


def _pieces(html: str) -> Iterator[tuple[str, bool]]:
    """Cut HTML into pieces, and say which is an `<a …>` or `<area …>`. What is unfinished ends the looking for them."""
    begun = place = 0
    while found := _OPENING.search(html, place):
        if found["comment"]:
            place = html.find("-->", found.end()) + 3
            if place == 2:  # none was found
                break
            continue
        rest = _REST_OF_TAG.match(html, found.end())
        if rest is None:
            break
        place, name = rest.end(), found["name"].lower()
        if name in ("a", "area"):
            yield html[begun : found.start()], False
            yield html[found.start() : place], True
            begun = place
        elif name in _END_OF_TEXT:  # what looks like tags inside is none
            end = _END_OF_TEXT[name].search(html, place)
            if end is None:
                break
            place = end.start() + 1
    yield html[begun:], False


class _Target(Struct, frozen=True):
    """Where a link leads, and where in its tag that stands, quotes included."""

    address: str
    begins: int
    ends: int


def _target_in(tag: str) -> _Target | None:
    attributes = _ATTRIBUTE.finditer(tag, 2)
    href = next((each for each in attributes if each["name"].lower() == "href" and each["value"]), None)
    if href is None:
        return None
    return _Target(unescape(href["value"].strip("\"'")).strip(), href.start("value"), href.end("value"))


def _led(tag: str, found: _Target, sealing: _Sealing) -> str:
    """Return the tag of a link with its address led through us, if it is one that is."""
    through = sealing.click(found.address)
    return f'{tag[: found.begins]}"{through}"{tag[found.ends :]}' if through else tag
