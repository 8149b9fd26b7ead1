"""Conditions in the words of the YAML, for the reasons that effects and `explain` give."""

from __future__ import annotations

from engine.core.rules import (
    AddressIs,
    AnyCondition,
    EventSeen,
    FieldIs,
    Not,
    PermissionIs,
    Returned,
    StandingIs,
    TagIs,
)


def in_words(condition: AnyCondition) -> str:
    """Write a condition as one line of YAML-like text: `no_event: email.clicked, within: 90d`."""
    said: list[str]
    match condition:
        case EventSeen():
            said = [f"{'no_event' if condition.absent else 'event'}: {condition.event}"]
            said += [f"within: {condition.within}"] if condition.within else []
            said += [f"at_least: {condition.at_least}"] if condition.at_least != 1 else []
            said += (
                [f"where: {{{', '.join(f'{k}: {v}' for k, v in condition.where.items())}}}"] if condition.where else []
            )
        case StandingIs():
            said = [f"standing: {condition.standing.value}"]
            said += [f"for: {condition.held_for}"] if condition.held_for else []
        case Returned():
            came = ", ".join(each.value for each in condition.from_standings)
            said = [f"returned: from [{came}]", f"within: {condition.within}"]
        case AddressIs():
            said = [f"address: {condition.address.value}"]
        case TagIs():
            said = [f"tag: {condition.tag}"]
        case PermissionIs():
            said = [f"permission: {condition.permission}"]
        case FieldIs():
            said = [f"customer: {condition.field}"]
            tests = {
                "is": condition.equals,
                "any_of": list(condition.any_of) or None,
                "at_least": condition.at_least,
                "at_most": condition.at_most,
                "within_next": condition.within_next,
                "within_last": condition.within_last,
            }
            said += [f"{name}: {value}" for name, value in tests.items() if value is not None]
        case Not():
            said = [f"not: {{{in_words(condition.condition)}}}"]
    return ", ".join(said)
