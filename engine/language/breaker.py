"""`breaker:` of lifecycle.yaml: what share of mails may fail before marketing stops by itself."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core.rules import BreakerRule
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Key
from engine.language.reading import Reading
from engine.language.scalars import GROWTH


def _breaker(fields: Fields, reading: Reading) -> Any:
    rule = BreakerRule(**fields.values)
    if "warn" not in fields.keys:
        return replace(rule, warn=min(rule.warn, rule.complaints))
    if rule.warn > rule.complaints:
        at = fields.keys["warn"]
        message = f"the breaker warns at {rule.warn / 100:g}%, above the {rule.complaints / 100:g}% at which it stops"
        reading.error(at, "breaker-warns-late", message, f"write warn: {rule.complaints / 100:g}% or less")
        return BAD
    return rule


BREAKER = Form(
    "the sender's circuit breaker",
    "Which share of mails may fail before marketing stops by itself, until a person lets it go on.",
    (
        Key("complaints", GROWTH, "Reports of spam, where providers tell them; 0.3% when left out."),
        Key("warn", GROWTH, "Reports of spam that status warns of; 0.1% when left out."),
        Key("dead", GROWTH, "Addresses that do not exist; 2% when left out."),
        Key("policy", GROWTH, "Mails that servers refuse or put off as too many or as spam; 5% when left out."),
        Key("unsubscribes", GROWTH, "Customers who want no more; 2% when left out."),
    ),
    example="{complaints: 0.3%, dead: 2%}",
    build=_breaker,
)
