"""/preferences/TOKEN: what a customer gets, how often and how. GET shows it, POST changes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct
from multidict import MultiMapping

from engine.core.frequency import FREQUENCIES
from engine.core.preferences import CHANNELS, CHOICES, Preferences

Known = Callable[[str], Awaitable[Preferences | None]]
"""Returns what a customer has chosen; None of somebody nobody knows. May raise where the books cannot be read."""


class Choice(Struct, frozen=True):
    """What a customer changed: purposes they said yes and no to, frequency and channel where they are other ones now."""

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    frequency: str = ""
    channel: str = ""
    stops_all: bool = False


class NoChoiceError(ValueError):
    """The form is none of ours."""


def choice_of(form: MultiMapping[object]) -> Choice:
    """Return what a form that came back changes.

    Raises:
        NoChoiceError: it is none of the page's: empty, or with words that the page does not have.

    """
    if form.getall("all", []) == ["stop"]:
        return Choice(no=CHOICES, stops_all=True)
    got, was = (_among(CHOICES, form, name) for name in ("get", "was.get"))
    frequency, channel = _changed(FREQUENCIES, form, "frequency"), _changed(CHANNELS, form, "channel")
    if "frequency" not in form:  # the page always has it: a body that did not arrive would be a no to everything
        raise NoChoiceError("frequency is missing")
    return Choice(
        yes=tuple(each for each in CHOICES if each in got and each not in was),
        no=tuple(each for each in CHOICES if each in was and each not in got),
        frequency=frequency,
        channel=channel,
    )


def _among(allowed: tuple[str, ...], form: MultiMapping[object], name: str) -> set[str]:
    found = {each for each in form.getall(name, []) if isinstance(each, str)}
    if not found <= set(allowed):
        raise NoChoiceError(f"{name} has another value")
    return found


def _changed(allowed: tuple[str, ...], form: MultiMapping[object], name: str) -> str:
    """Return the value of one that was picked, empty where it is the one that the page showed."""
    now, was = _among(allowed, form, name), _among(allowed, form, f"was.{name}")
    if len(now) > 1:
        raise NoChoiceError(f"{name} has two values")
    return next(iter(now - was), "")
