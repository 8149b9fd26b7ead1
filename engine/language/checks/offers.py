"""What offers mean over time and together: reminders after the code expired, circles, worth without a margin."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from engine.core.moments import DAY
from engine.core.rules import Lifecycle, Offer
from engine.language.checks.ways import Place, sends_always, ways_on
from engine.language.choosing import Sending
from engine.language.offers import OfferDraft
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import StageDraft, WorkflowDraft


def check(draft: WorkflowDraft, offers: Mapping[str, OfferDraft], reading: Reading) -> None:
    """Note reminders of an offer that has expired by then on every way to them."""
    for name in dict.fromkeys(each.send.offer for each in draft.sendings if each.send.offer):
        if name in offers and not reading.inside(offers[name].fields.node):
            _reminders(draft, offers[name].offer, reading)


def _reminders(draft: WorkflowDraft, offer: Offer, reading: Reading) -> None:
    fresh, since = _times_since_first(draft, offer.name)
    for (stage_name, number), passed in since.items():
        stage = draft.stages[stage_name]
        naming = _naming(stage, number, offer.name)
        if (stage_name, number) in fresh or not naming:
            continue
        if passed // DAY > offer.valid_for.roughly // DAY:
            key = naming[0].fields.nodes["offer"]
            days = passed // DAY
            message = f"{shown(offer.name)} is valid for {offer.valid_for}, and this reminder comes {days}d after the first send"
            reading.error(key, "offer-expires", message, "remind earlier, or make 'valid_for:' longer in offers.yaml")


def _times_since_first(draft: WorkflowDraft, offer: str) -> tuple[set[Place], dict[Place, int]]:
    """Return the places reached with the offer not sent yet, and for others the least time since its first send."""
    first: Place = (next(iter(draft.stages)), 0)
    fresh, since = {first}, dict[Place, int]()
    waiting = [first]
    starts: list[tuple[int, Place]] = []
    while waiting:
        place = waiting.pop()
        stage = draft.stages[place[0]]
        naming = _naming(stage, place[1], offer)
        by_all = (
            bool(naming)
            and len(naming) == len(stage.steps[place[1]].sends)
            and sends_always(stage.steps[place[1]].step)
        )
        for way in ways_on(stage, place[1], draft.stages):
            if naming:
                heapq.heappush(starts, (way.passes, way.to))
            if not by_all and way.to not in fresh:
                fresh.add(way.to)
                waiting.append(way.to)
    while starts:
        passed, place = heapq.heappop(starts)
        if place in since:
            continue
        since[place] = passed
        for way in ways_on(draft.stages[place[0]], place[1], draft.stages):
            heapq.heappush(starts, (passed + way.passes, way.to))
    return fresh, since


def _naming(stage: StageDraft, number: int, offer: str) -> list[Sending]:
    """The sends of a step that make an offer."""
    sends = stage.steps[number].sends if number < len(stage.steps) else ()
    return [each for each in sends if each.send.offer == offer]


def check_worth(lifecycle: Lifecycle, reading: Reading) -> None:
    """Note `worth: positive`, of a workflow or as a condition, where no margin is known to reckon with."""
    for asked in reading.worths if lifecycle.margin is None else ():
        reading.error(
            asked,
            "worth-without-margin",
            "'worth: positive' reckons with a margin, and there is none",
            "add 'margin: 35%' to lifecycle.yaml",
        )


def check_never_made(drafts: Iterable[WorkflowDraft], offers: Mapping[str, OfferDraft], reading: Reading) -> None:
    """Warn of offers that are made only after another which no workflow makes: nobody could have it now."""
    made = {each.send.offer for draft in drafts for each in draft.sendings}
    for name in sorted(made & set(offers)):
        before = offers[name].offer.after
        if before in offers and before not in made:
            message = f"{shown(name)} is only for customers who had {shown(before)}, and no workflow makes that offer"
            hint = "make it in an earlier send, or leave 'after:' out"
            reading.warn(offers[name].fields.nodes["after"], "offer-never-made", message, hint)


def check_circles(offers: Mapping[str, OfferDraft], reading: Reading) -> None:
    """Note offers that come after each other in a circle, so that nobody could ever have any of them."""
    noted: set[str] = set()
    for name in offers:
        chain, here = [name], offers[name].offer.after
        while here in offers and here not in chain:
            chain.append(here)
            here = offers[here].offer.after
        if here == name and not noted.intersection(chain):
            noted.update(chain)
            around = " → ".join([*chain, name])
            reading.error(
                offers[name].fields.nodes["after"],
                "offer-circle",
                f"offers come after each other in a circle: {around}",
                "leave one 'after:' out",
            )
