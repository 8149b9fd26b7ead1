"""A "last chance" that is none: who waits gets a better offer, and learns to wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.core.rules import Discount, Offer
from engine.language.checks.templates import TemplateFacts
from engine.language.checks.ways import Place, ways_on
from engine.language.choosing import Sending
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft

_SAYS_LAST = re.compile(
    r"\b(?:last|final)[ _-]?(?:chance|call|offer)\b|\bletzte[rs]?[ _-]?(?:chance|aufruf|gelegenheit|angebot)\b",
    re.IGNORECASE,
)


def check(
    draft: WorkflowDraft, facts: Mapping[str, TemplateFacts], offers: Mapping[str, Offer], reading: Reading
) -> None:
    """Note sends after a last chance that offer more. Who ordered or answered meanwhile is another matter."""
    noted: set[int] = set()
    for name, stage in draft.stages.items():
        for number, step in enumerate(stage.steps):
            for said in step.sends:
                if said.send.offer in offers and _says_last(said.send.template, facts):
                    for later in _in_silence_after(draft, (name, number)):
                        if id(later) not in noted and _is_better(later, said, offers):
                            noted.add(id(later))
                            _note(said, later, reading)


def _note(said: Sending, later: Sending, reading: Reading) -> None:
    message = (
        f"{shown(later.send.offer)} is worth more than {shown(said.send.offer)}, "
        f"and {shown(said.send.template)} before it spoke of a last chance"
    )
    hint = "make the better offer first, or do not speak of a last chance"
    reading.error(later.fields.nodes["offer"], "last-chance", message, hint)


def _says_last(template: str, facts: Mapping[str, TemplateFacts]) -> bool:
    subjects = facts[template].subjects if template in facts else ()
    return any(_SAYS_LAST.search(text.replace("_", " ")) for text in (template, *subjects))


def _in_silence_after(draft: WorkflowDraft, place: Place) -> Iterator[Sending]:
    """Yield the sends that may come after a place of a run that hears nothing."""
    waiting, seen = [place], set[Place]()
    while waiting:
        name, number = waiting.pop()
        for way in ways_on(draft.stages[name], number, draft.stages):
            if way.heard is None and way.to not in seen:
                seen.add(way.to)
                waiting.append(way.to)
                steps = draft.stages[way.to[0]].steps
                yield from steps[way.to[1]].sends if way.to[1] < len(steps) else ()


def _is_better(later: Sending, said: Sending, offers: Mapping[str, Offer]) -> bool:
    if later.send.offer not in offers:
        return False
    (unit, amount), (of, was) = _size(offers[later.send.offer]), _size(offers[said.send.offer])
    return unit == of and amount > was


def _size(offer: Offer) -> tuple[str, int]:
    """What an offer is worth and in which unit; offers of different units are not compared."""
    if isinstance(offer.what, Discount):
        money = offer.what.money
        return (money.currency, money.amount) if money is not None else ("share", offer.what.share)
    return offer.what.cost.currency, offer.what.cost.amount
