"""What was decided about a customer, from the effects: each in words, with the line of YAML it follows from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import TASK, sends_of


class Ending(Struct, frozen=True):
    """What the ledger knows of a released send: its state (done, uncertain, …), when, and why."""

    state: str
    at: Instant
    why: str = ""


class Decision(Struct, frozen=True):
    """One decision: when, what, why, and the line of YAML it follows from. `line` 0 and an empty file: from none.

    `effect` is what it was told by, for whoever tells it in other words; `state` is set where this is how a send ended.
    """

    at: Instant
    what: str
    why: str
    file: str = ""
    line: int = 0
    effect: Effect | None = None
    state: str = ""


def told(effect: Effect, rules: Rules, endings: Mapping[str, Ending]) -> Iterator[Decision]:
    """Tell an effect as a decision; a send with what became of it, where that is known."""
    data = effect.data
    file, line = _place(data, rules)
    said = _SAID.get(effect.type)
    what, why = said(data) if said else (effect.type.removeprefix("winback."), "")
    marks = [word for word, is_so in (("shadow", effect.shadow), ("held out", data.get("held_out"))) if is_so]
    if marks:
        what += f" ({', '.join(marks)})"
    yield Decision(effect.time, what, why, file, line, effect)
    ending = endings.get(effect.effect_id)
    if effect.type == fx.SEND_REQUESTED and not effect.shadow and ending is not None:
        ended = _ENDED.get(ending.state, ending.state)
        yield Decision(ending.at, f"send {data['template']}: {ended}", ending.why, file, line, effect, ending.state)


def _place(data: Mapping[str, Any], rules: Rules) -> tuple[str, int]:
    """Return the file and line that an effect of a run follows from."""
    name, version = data.get("workflow"), data.get("version")
    workflow = rules.versions.get((str(name), int(version))) if name and version is not None else None
    if workflow is None:
        return "", 0
    stage = next((each for each in workflow.stages if each.name == data.get("stage")), None)
    steps = stage.steps if stage else ()
    keyed = {each.key: each.line for step in steps for each in (step, *sends_of(step))}
    step_line = keyed.get(str(data.get("step")))
    if step_line is not None:
        return workflow.file, step_line
    if "outcome" in data and stage is not None:
        return workflow.file, stage.line
    first = workflow.enter_when_all[0].line if workflow.enter_when_all else workflow.line
    return workflow.file, first


def in_plain_words(reason: str) -> str:
    """Return the reason of a deferral, a drop or a hindrance in a sentence; the reason itself where it is one."""
    return _REASONS.get(reason, reason)


def _asked_for(data: Mapping[str, Any]) -> str:
    """What the gate was asked about: a send, by which channel if not by mail, or a hand-off."""
    template, channel = data["template"], data.get("channel", "email")
    if channel == TASK:
        return str(template)
    return f"send {template}" + (f" by {channel}" if channel != "email" else "")


def _with_offer(data: Mapping[str, Any]) -> str:
    offer = data.get("offer")
    return f" with {offer['name']} ({offer['code'] or 'no code'})" if offer else ""


def _adapted(data: Mapping[str, Any]) -> str:
    most = data.get("at_most")
    said = [f"at most {most['count']} per {most['per']}" if most else "", data.get("content") or ""]
    return ", ".join(filter(None, said))


# The words ----

_ENDED: Final = {
    "done": "handed over",
    "uncertain": "uncertain: it may have been taken, so it is not sent again",
    "refused": "refused",
    "dropped": "not sent",
    "calling": "being handed over",
    "reserved": "waits for another attempt",
}


_OUTCOMES: Final = {
    "left": "something in leave_when_any happened",
    "mistaken": "a late event shows that the conditions of entry never held",
    "not_asked": "no question had been delivered long enough ago, so silence is no answer",
    "rehearsal": "it had begun before go-live",
    "gone": "the customer is gone",
    "account_kept": "a sign of life during the notice of the closing",
    "too_long": "it lasted longer than ends_within",
    "moved_out": "an apply moved it out",
}

_REASONS: Final = {
    "gone": "the customer is gone",
    "address_dead": "the address is dead",
    "no_address": "no address is known, or no number or postal address for this channel",
    "stopped": "such messages are stopped for this customer",
    "no_permission": "nobody gave permission for it (no consent event)",
    "permission_lapsed": "the permission has lapsed",
    "basis_not_accepted": "what the permission rests on is not enough on this channel (accepts in lifecycle.yaml)",
    "former": "a former customer gets no marketing",
    "address_too_old": "no sign of life and no mail for longer than oldest_address (lifecycle.yaml)",
    "offer_used": "the offer was used already",
    "offer_expired": "the offer has expired",
    "offer_had": "the customer had this offer within per_customer (offers.yaml)",
    "offers_at_most": "the customer had an offer within offers_at_most (lifecycle.yaml)",
    "offer_excluded": "the customer had an offer that excludes this one (offers.yaml)",
    "offer_not_yet": "the offer that must come before was not made yet (offers.yaml)",
    "pool_empty": "no code is left in the pool",
    "coupon_refused": "the shop would not make the code",
    "coupon not ready": "waits until the shop has made the code; dropped if it has not by then",
    "no grant yet": "waits a minute for this partition's share of what the offer may cost, or of its codes",
    "budget_spent": "the offer's budget is spent (offers.yaml)",
    "late": "later than late_at_most",
    "paused": "skipped when a pause ended",
    "only_to": "only_to in winback.toml does not name this address",
}

_SAID: Final[dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]]] = {
    fx.SEND_REQUESTED: lambda data: (f"{_asked_for(data)}{_with_offer(data)}", "; ".join(data.get("why", ()))),
    fx.SEND_GIVEN_OUT: lambda data: (f"{_asked_for(data)} given out", "its text is in effects.jsonl"),
    fx.SEND_HELD_OUT: lambda data: (
        f"{_asked_for(data)} held out",
        "in the hold-out: gets nothing, so that the gain shows",
    ),
    fx.SEND_DEFERRED: lambda data: (
        f"{_asked_for(data)} deferred" + (f" until {data['until']}" if data.get("until") else ""),
        in_plain_words(data.get("reason", "")),
    ),
    fx.SEND_DROPPED: lambda data: (f"{_asked_for(data)} dropped", in_plain_words(data.get("reason", ""))),
    fx.STEP_HELD_OUT: lambda data: (f"step held out: {data.get('step')}", "in the hold-out"),
    fx.SUPPRESSED: lambda data: (f"stop {data['scope']}", "silence to a delivered question, or a dead address"),
    fx.RESUMED: lambda data: (f"allow {data['scope']} again", ""),
    fx.NEWSLETTER_ADAPTED: lambda data: (f"newsletter {_adapted(data)}", ""),
    fx.HANDED_OFF: lambda data: (
        f"hand_off {data['team']}, who may {' and '.join(data['may'])}",
        "; ".join(data.get("reasons", ())),
    ),
    fx.ACCOUNT_CLOSING: lambda data: (
        f"the account will be closed on {data['on']}" if data["on"] else "the account stays open",
        "" if data["on"] else "the run left the closing",
    ),
    fx.ACCOUNT_CLOSED: lambda _: ("close_account", "no sign of life during the notice"),
    fx.EMITTED: lambda data: (f"emit {data['event']}", ""),
    fx.TAGGED: lambda data: (f"tag {data['tag']}", ""),
    fx.UNTAGGED: lambda data: (f"untag {data['tag']}", ""),
    fx.STANDING_CHANGED: lambda data: (f"standing {data['from']} -> {data['to']}", "; ".join(data.get("evidence", ()))),
    fx.ADDRESS_CHANGED: lambda data: (f"address {data['from']} -> {data['to']}", "; ".join(data.get("evidence", ()))),
    fx.RUN_STARTED: lambda data: (
        f"entered {data['workflow']} version {data['version']}",
        "; ".join(data.get("why", ())),
    ),
    fx.RUN_MOVED: lambda data: (
        f"{data['workflow']} goes on in version {data['to']}",
        f"an apply moved it from version {data['from']}, to {data['step'] or 'the end of stage ' + data['stage']}",
    ),
    fx.RUN_ENDED: lambda data: (f"{data['workflow']} ended: {data['outcome']}", _OUTCOMES.get(data["outcome"], "")),
    fx.COUPON_ISSUED: lambda data: (
        f"offer {data['name']}: code {data['code'] or '-'}",
        f"good until {data['valid_until']}",
    ),
    fx.COUPON_VOIDED: lambda data: (
        f"offer {data['name']}: code {data['code'] or '-'} voided",
        in_plain_words(data["reason"]),
    ),
}
