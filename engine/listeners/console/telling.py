"""What was decided, told in the reader's language: made anew from the effects, since `trace` tells them in English."""

from __future__ import annotations

from typing import Any, Final

from engine.core import effects as fx
from engine.listeners.console.frame import in_english
from engine.listeners.console.markup import Html, Inner, html
from engine.listeners.console.visit import Visit
from engine.trace import Decision

_WITH_REASON: Final = (fx.SEND_DEFERRED, fx.SEND_DROPPED, fx.COUPON_VOIDED)


def what(visit: Visit, decision: Decision) -> Html:
    """Return what was decided."""
    effect = decision.effect
    key = _key(decision)
    if effect is None or not visit.knows(key):
        return html(in_english(visit, decision.what))
    data = effect.data
    marks = [
        visit.say(f"did.{mark}")
        for mark, is_so in (("in_shadow", effect.shadow), ("is_held_out", data.get("held_out")))
        if is_so and not decision.state
    ]
    said = visit.say(key, **_values(visit, data))
    return html(said, *_offer(visit, decision), f" ({', '.join(marks)})" if marks else "")


def _key(decision: Decision) -> str:
    if decision.effect is None:
        return ""
    if decision.state:
        return f"became.{decision.state}"
    kind = decision.effect.type.removeprefix("winback.")
    return "did.account_stays" if kind == "account_closing" and not decision.effect.data.get("on") else f"did.{kind}"


def why(visit: Visit, decision: Decision) -> Inner:
    """Return why: reasons and outcomes in the words of the table, where it has them."""
    effect = decision.effect
    if effect is not None and not decision.state:
        if effect.type in _WITH_REASON:
            return reason(visit, str(effect.data.get("reason", "")))
        if effect.type == fx.RUN_ENDED:
            key = f"outcome.{effect.data.get('outcome')}"
            return visit.say(key) if visit.knows(key) else ""
        if effect.type == fx.COUPON_ISSUED:
            return ""  # what was decided says until when it is good
        if visit.knows(f"because.{effect.type.removeprefix('winback.')}"):
            return visit.say(f"because.{effect.type.removeprefix('winback.')}")
    return in_english(visit, decision.why) if decision.why else ""


def reason(visit: Visit, code: str) -> Inner:
    """Return why something was not sent, or not yet: of `late: cap: …` each part in words that the table has."""
    first, colon, rest = code.partition(": ")
    if not visit.knows(f"reason.{first}"):
        return in_english(visit, code)
    said = visit.say(f"reason.{first}")
    return html(said, ": ", reason(visit, rest)) if colon else said


def _offer(visit: Visit, decision: Decision) -> list[Inner]:
    effect = decision.effect
    offer = effect.data.get("offer") if effect is not None and not decision.state else None
    if not isinstance(offer, dict):
        return []
    return [" ", visit.say("with_offer", offer=str(offer["name"]), code=str(offer.get("code") or visit.say("no_code")))]


def _values(visit: Visit, data: dict[str, Any]) -> dict[str, str]:
    """Return what sentences put in: each field of the data as text, with standings and verdicts on addresses in words."""
    values = {name: str(value) for name, value in data.items() if isinstance(value, str | int)}
    for name in ("from", "to"):
        for kind in ("standing", "address"):
            if visit.knows(f"{kind}.{data.get(name)}"):
                values[name] = visit.say(f"{kind}.{data[name]}")
    values["scope"] = visit.say(f"purpose.{data['scope']}") if visit.knows(f"purpose.{data.get('scope')}") else ""
    if "code" in values:
        values["code"] = values["code"] or visit.say("no_code")
    return values
