"""The mails of ours that a consent rests on: which one it was, and what it said, as of when it left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.books.views import Views
from engine.core.consents import wording_hash
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.moments import Instant
from engine.rendering.templates import FALLBACK, language_chain
from engine.trace.permissions import ConsentMail, MailOf
from engine.wiring.in_force import Kept, kept_of

_PARTS: Final = ("subject", "text", "html")


def mails_of(views: Views, effects: Iterable[Effect]) -> MailOf:
    """Return a finder of the mails that a customer's effects asked for."""
    sent = {each.effect_id: each for each in effects if each.type == SEND_REQUESTED}
    kept: dict[Instant, Kept] = {}

    def mail_of(effect_id: str, at: Instant, template: str) -> ConsentMail:
        effect = sent.get(effect_id)
        if effect is None:
            return ConsentMail(effect_id, views.message_id(effect_id), template)
        name, language = str(effect.data["template"]), str(effect.data["customer"].get("language") or "")
        left = at if template else effect.time
        if left not in kept:
            kept[left] = kept_of(views.templates_at(left))
        spoken, wording = _wording(kept[left], name, language)
        digest = wording_hash(wording) if wording else ""
        return ConsentMail(effect_id, views.message_id(effect_id), name, spoken, wording, digest)

    return mail_of


def _wording(kept: Kept, template: str, language: str) -> tuple[str, str]:
    """Return the language a template was written in for a customer, and its parts one after the other, as they stand."""
    sources = {**kept.older, **kept.sources}
    for spoken in (*language_chain(language), *language_chain(kept.brand.language), FALLBACK):
        parts = [sources.get(f"{template}/{spoken}.{part}.liquid", "") for part in _PARTS]
        if any(parts):
            return spoken, "\n".join(each for each in parts if each)
    return "", ""
