"""Which effects live workflows have, and who takes them: what the settings name against what the rules ask of the world.

What winback does by itself needs nobody: a stop holds our own mails back whoever hears of it. But `suppress: newsletter`
that no newsletter tool hears of, a hand-off that no person reads or a letter that nobody prints is a promise not kept.
Tags and standings are facts for whoever wants them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine.core import effects as fx
from engine.core.rules import (
    AdaptNewsletter,
    AnyStep,
    CloseAccount,
    Emit,
    HandOff,
    Mode,
    Resume,
    RuleSet,
    Send,
    Suppress,
    Workflow,
    sends_of,
)
from engine.wiring.settings import Settings


class Takes(Struct, frozen=True):
    """What a receiver takes. Of requested sends those on `channels`, of hand-offs those to `team`; empty: all of them."""

    name: str
    types: frozenset[str]
    channels: frozenset[str] = frozenset()
    team: str = ""


class Need(Struct, frozen=True, order=True):
    """An effect that a live workflow has and somebody must take; the channel or team where it is one's alone."""

    workflow: str
    stage: str
    step: str
    effect: str
    channel: str = ""
    team: str = ""

    @property
    def what(self) -> tuple[str, str, str, str]:
        """What is needed, wherever in the workflow it is."""
        return self.workflow, self.effect, self.channel, self.team

    @property
    def said(self) -> str:
        """What is needed, and what to write."""
        what = self.effect + (f" by {self.channel}" if self.channel else f" for {self.team}" if self.team else "")
        take = f'[webhooks.NAME] or [files] with take = ["{self.effect}"]'
        cure = f"[teams.{self.team}] with mail = ..., or {take}" if self.team else take
        return f"{self.workflow}, stage {self.stage}, {self.step}: nobody takes {what}; name {cure}"


def takers(settings: Settings) -> list[Takes]:
    """Return who takes effects by the settings."""
    hooks = [
        Takes(f"webhooks.{name}", frozenset(each.take), frozenset(each.channels))
        for name, each in settings.webhooks.items()
    ]
    teams = [Takes(f"teams.{name}", frozenset({fx.HANDED_OFF}), team=name) for name in settings.teams]
    files = [Takes("files", frozenset(settings.files.take))] if settings.files.take else []
    shop = [Takes("shop", frozenset({fx.COUPON_ISSUED, fx.COUPON_VOIDED}))] if settings.shop.kind else []
    return [*hooks, *teams, *files, *shop]


def takes(taker: Takes, need: Need) -> bool:
    """Say whether a receiver takes what is needed."""
    if need.effect not in taker.types:
        return False
    if need.effect == fx.SEND_REQUESTED and taker.channels:
        return need.channel == "preferred" or need.channel in taker.channels
    return not taker.team or taker.team == need.team


def receivers_missing(rules: RuleSet, settings: Settings) -> list[Need]:
    """Return what live workflows ask of the world and nobody takes, in the order of files and steps."""
    taken_by = takers(settings)
    wanted = [
        need
        for name, switch in sorted(rules.switches.items())
        if switch.mode is Mode.LIVE
        for need in _needs(rules.workflows[name])
    ]
    return [need for need in dict.fromkeys(wanted) if not any(takes(each, need) for each in taken_by)]


def _needs(workflow: Workflow) -> Iterator[Need]:
    for stage in workflow.stages:
        for step in stage.steps:
            for effect, channel, team in _asked_by(step, workflow):
                yield Need(workflow.name, stage.name, step.key, effect, channel, team)


def _asked_by(step: AnyStep, workflow: Workflow) -> Iterator[tuple[str, str, str]]:
    """Yield what a step asks of the world: effect, channel, team."""
    match step:
        case HandOff():
            yield fx.HANDED_OFF, "", step.team
        case Suppress():
            yield fx.SUPPRESSED, "", ""
        case Resume():
            yield fx.RESUMED, "", ""
        case AdaptNewsletter():
            yield fx.NEWSLETTER_ADAPTED, "", ""
        case CloseAccount():
            yield fx.ACCOUNT_CLOSING, "", ""
            yield fx.ACCOUNT_CLOSED, "", ""
        case Emit():
            yield fx.EMITTED, "", ""
        case _:
            pass
    for send in sends_of(step):
        yield from _asked_by_send(send, workflow)


def _asked_by_send(send: Send, workflow: Workflow) -> Iterator[tuple[str, str, str]]:
    """What is no mail is somebody's to deliver; a code that the shop makes is to be asked of it."""
    if send.channel != "email":
        yield fx.SEND_REQUESTED, send.channel, ""
    if send.offer and workflow.offers[send.offer].codes == "shop":
        yield fx.COUPON_ISSUED, "", ""
        yield fx.COUPON_VOIDED, "", ""
