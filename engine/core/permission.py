"""Permission and stops: what was last said about each purpose, in whatever order it is heard."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core.customer import Customer, Permission, Stop
from engine.core.moments import Instant
from engine.core.rules import Purpose

STOPPABLE = (Purpose.MARKETING.value, Purpose.NEWSLETTER.value)


PURPOSES = (*STOPPABLE, "tracking")


def stop(customer: Customer, purpose: str, new: Stop) -> None:
    """Stop a purpose, unless they allowed it again after that; of several stops the latest is kept."""
    allowed = customer.permission.get(f"{purpose}/email")
    if allowed is not None and _yes_at(allowed) > new.at:
        return
    known = customer.stopped.get(purpose)
    if known is not None and is_by_workflow(known) and not is_by_workflow(new):
        new = replace(new, at=max(new.at, known.at))  # a yes from between the two does not lift both
    if known is None or _weight(new) > _weight(known):
        customer.stopped = {**customer.stopped, purpose: new}


def is_stopped(customer: Customer, purpose: str, channel: str) -> bool:
    """Say whether a purpose is stopped on a channel."""
    by = customer.stopped.get(purpose)
    return by is not None and by.channel in ("", channel)


def by_workflow(name: str) -> str:
    """Return the `by` of a stop that a workflow set, because of silence or a dead address."""
    return f"{_BY_WORKFLOW}{name}"


def is_by_workflow(one: Stop) -> bool:
    """Say whether a workflow set this stop; else the person said no."""
    return one.by.startswith(_BY_WORKFLOW)


_BY_WORKFLOW = "workflow "


def _weight(one: Stop) -> tuple[bool, bool, Instant, str]:
    """What stops every channel is never replaced by what stops one, nor what the person said by what silence said.

    So the end of a rehearsal, which takes back what workflows did, finds a "no" from before it that came later.
    """
    return not one.channel, not is_by_workflow(one), one.at, one.by


def permit(customer: Customer, key: str, new: Permission) -> None:
    """Keep what was said about a purpose on a channel, if it is the newest; a yes also lifts an older stop."""
    known = customer.permission.get(key)
    kept = new if known is None or _rank(new) >= _rank(known) else known
    yes_at = max(_yes_at(new), 0 if known is None else _yes_at(known))
    used = max(new.used, 0 if known is None else known.used)
    kept = replace(kept, yes_at=0 if kept.given else yes_at, used=used)
    customer.permission = {**customer.permission, key: kept}
    purpose, _, channel = key.partition("/")
    stopped = customer.stopped.get(purpose)
    if channel == "email" and stopped is not None and stopped.at < yes_at:
        customer.stopped = {name: each for name, each in customer.stopped.items() if name != purpose}


def use(customer: Customer, purpose: str, channel: str, now: Instant) -> None:
    """Note that we wrote or called under a permission: the purpose's own, or the newsletter's that covers it."""
    for key in (f"{purpose}/{channel}", f"newsletter/{channel}"):
        said = customer.permission.get(key)
        if said is not None and said.given:
            customer.permission = {**customer.permission, key: replace(said, used=now)}
            return


def _yes_at(said: Permission) -> Instant:
    return said.at if said.given else said.yes_at


def _rank(said: Permission) -> Any:
    return said.at, not said.given, said.basis, said.expires or 0  # at one instant a "no" wins
