"""Settings of those who take effects: webhooks, teams, and files that somebody reads."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from engine.core.effects import CHANNELS_BUT_EMAIL, TOLD
from engine.wiring.setting_kinds import Part, SafeUrl

EVERYTHING = "*"


def _types(take: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types of effects that are named, each as the outside knows it."""
    for name in take:
        if name not in TOLD and name != EVERYTHING:
            near = get_close_matches(name, TOLD, n=1)
            raise ValueError(f"there is no effect {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return tuple(sorted(TOLD)) if EVERYTHING in take else take


def _channels(channels: tuple[str, ...]) -> tuple[str, ...]:
    for name in channels:
        if name not in CHANNELS_BUT_EMAIL:
            raise ValueError(f"there is no channel {name}; write some of {', '.join(CHANNELS_BUT_EMAIL)}")
    return channels


Types = Annotated[tuple[str, ...], AfterValidator(_types)]
Channels = Annotated[tuple[str, ...], AfterValidator(_channels)]
Named = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""A name that can stand in a variable, too."""


class Webhook(Part):
    """[webhooks.NAME]: a tool of the shop's that effects are posted to, signed (Standard Webhooks)."""

    url: SafeUrl = Field(description="where effects are posted: https, or this machine")
    take: Types = Field(min_length=1, description='types of effects, such as "winback.suppressed"; "*" is all')
    channels: Channels = Field(
        default=(), description="of requested sends only those on these: letter, phone, sms, push; all, when left out"
    )
    secret_file: Path | None = Field(
        default=None,
        description="holds the secrets it is signed with, a line each, while they change two; or WINBACK_WEBHOOKS_NAME_SECRET",
    )
    at_once: int = Field(default=4, ge=1, le=64, description="effects at a time")
    timeout: float = Field(default=20.0, gt=0, le=120, description="seconds that an answer may take")


class Team(Part):
    """[teams.NAME]: a team of the workflows that is told of its hand-offs by mail."""

    mail: str = Field(pattern=r"^[^\s@]+@[^\s@]+$", description="the address that hand-offs to this team are mailed to")


class FilesTaken(Part):
    """[files]: who reads the effect files."""

    take: Types = Field(
        default=(),
        description="types of effects that somebody fetches from effects.jsonl or effects/*.csv: a file that nobody reads takes nothing",
    )
