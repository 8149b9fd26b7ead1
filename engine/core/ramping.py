"""Sends on the ramp: whether a family of providers takes one more today, who waits in its line, and what failed.

On an ordinary day a send that may go goes. Where more may want to go than are allowed, all that come due at one time are
gathered first, and then called up in the order of the customers' signs of life; who finds nothing left waits in the
family's line, which is called up first on the next shop day. What waits is still the run's current step: when it is
called up, the whole gate is asked anew.
"""

from __future__ import annotations

from typing import Final

from engine.core import allowances
from engine.core.allowances import allowance_of, key_of, left_at
from engine.core.customer import Customer, Release, Run
from engine.core.decision import MailFailed, OnRamp, Wanting
from engine.core.events import Event, Mail
from engine.core.gate import Defer
from engine.core.message_ids import effect_of
from engine.core.moments import Instant, zone
from engine.core.providers import FAMILIES, family
from engine.core.ramp import Ramp, left, on_day
from engine.core.rulebook import Rules
from engine.core.rules import Mode, Purpose, Send
from engine.core.signals import CalledUp
from engine.core.turn import Turn

RAMP: Final = "ramp: "
"""How the reason begins for which a send waits for the ramp."""

IN_LINE: Final = f"{RAMP}in line"
"""The reason of a send that is gathered with the others of its time; nobody is told, it may go at once."""

GATHERED: Final = "!ramp"
LINES: Final = {name: f"{GATHERED} {name}" for name in FAMILIES}
LATER: Final = {name: f"{line} later" for name, line in LINES.items()}
"""The lines: of those who are gathered, of each family for whom nothing was left, and of those of them who were called up
outside the hours they may be written to in, and wait for those first. No workflow can have such a name."""
_LATER = frozenset(LATER.values())


def family_of(customer: Customer) -> str:
    """Return the family of the provider that the customer's mail goes to."""
    return family(str(customer.value("email") or ""))


def is_on_ramp(run: Run, step: Send, rules: Rules) -> bool:
    """Say whether a send waits for the ramp: mail that is no service, of a live run, held out or not."""
    if rules.lifecycle.ramp is None or run.mode is not Mode.LIVE:
        return False
    return step.channel == "email" and step.purpose is not Purpose.SERVICE


def ramp_of(rules: Rules, name: str, now: Instant) -> Ramp | None:
    """Return the ramp of a family as it stands now, None where the rules have none."""
    rule = rules.lifecycle.ramp
    if rule is None:
        return None
    return on_day(rules.shop.ramps.get(name), rule.of(name), zone(rules.lifecycle.timezone).day(now))


def left_of(rules: Rules, name: str, now: Instant) -> int | None:
    """Return how many more mails a family may be sent today, None where there is no ramp, and so no end to them."""
    rule, ramp = rules.lifecycle.ramp, ramp_of(rules, name, now)
    if rule is not None and rules.shop.allowances is not None:
        return max(0, left_at(allowance_of(rules.shop.allowances, allowances.RAMP, name), now))
    return None if rule is None or ramp is None else left(ramp, rule.of(name))


def hold_back(turn: Turn) -> Defer | None:
    """Ask the ramp about a mail that may go for all else. None: it may; without a reason it is only gathered."""
    name = family_of(turn.customer)
    ramp, free = ramp_of(turn.rules, name, turn.now), left_of(turn.rules, name, turn.now)
    if ramp is None or free is None:
        return None
    in_parts = turn.rules.shop.allowances is not None
    given = sum(isinstance(note, OnRamp) and note.family == name for note in turn.notes)
    if free <= given:
        if in_parts:
            turn.notes.append(Wanting(key_of(allowances.RAMP, name), given + 1))
        there = zone(turn.rules.lifecycle.timezone)
        return Defer(there.start(there.day(turn.now) + 1), f"{RAMP}no more to {name} today")
    if (ramp.scarce or in_parts) and not isinstance(turn.signal, CalledUp):
        return Defer(turn.now, "")
    return None


def line_up(customer: Customer, line: str) -> None:
    """Let the customer stand in a line, once."""
    if line not in customer.waiting:
        customer.waiting = (*customer.waiting, line)


def line_up_for_ramp(customer: Customer, *, gathered: bool) -> None:
    """Let the customer wait to be called up, and for no hours any more."""
    customer.waiting = tuple(each for each in customer.waiting if each not in _LATER)
    line_up(customer, GATHERED if gathered else LINES[family_of(customer)])


def line_up_for_later(customer: Customer) -> None:
    """Let the customer wait for the hours of their send, unless another one of theirs waits to be called up."""
    if not any(map(is_line_of_ramp, customer.waiting)):
        line_up(customer, LATER[family_of(customer)])


def waits_for_ramp(run: Run) -> bool:
    """Say whether a run's send waits for the ramp."""
    return run.doing == "deferred" and run.reason.startswith(RAMP)


def is_line_of_ramp(name: str) -> bool:
    """Say whether a name is that of one of the ramp's lines."""
    return name.startswith(GATHERED)


def on_ramp(turn: Turn, release: Release, by: int) -> None:
    """Let ramp and breaker count a mail that leaves, or (`by` -1) give back one that did not leave after all."""
    if counts_mails(turn.rules) and _is_counted(release):
        turn.notes.append(OnRamp(family_of(turn.customer), release.at, by))


def counts_mails(rules: Rules) -> bool:
    """Say whether anybody counts what leaves and what fails: the ramp, the breaker or both."""
    return rules.lifecycle.ramp is not None or rules.lifecycle.breaker is not None


def note_failure(turn: Turn, event: Event) -> None:
    """Note that a mail of ours bounced for its address, was refused for reasons of policy, or was not wanted."""
    data: Mail = event.data
    how = _ANNOYED.get(event.type) or _HOW.get(data.kind, "")
    if not how or (not data.kind and data.status.startswith("4")):
        return
    release = _release(turn.customer, data)
    if release is not None:
        turn.notes.append(MailFailed(family_of(turn.customer), how, release.effect_id, release.at))


_ANNOYED = {"email.complained": "complaints", "email.unsubscribed": "unsubscribes"}
_HOW = {"dead": "bounces", "": "bounces", "unknown": "bounces", "policy": "policy", "spam": "policy"}
"""By the kind of a bounce: what it says of us as a sender. A full mailbox says nothing."""


def _release(customer: Customer, data: Mail) -> Release | None:
    """Return the mail an event is about; where it names none, the last one they got, unless it was another sender's."""
    number = effect_of(data.message_id)
    if not number and data.sender:
        return None
    mails = (each for each in reversed(customer.releases) if _is_counted(each))
    return next((each for each in mails if not number or each.effect_id == number), None)


def _is_counted(release: Release) -> bool:
    return release.channel == "email" and release.purpose != Purpose.SERVICE.value
