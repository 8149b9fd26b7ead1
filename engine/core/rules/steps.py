"""Steps as frozen values: what a stage does. `engine.core.machine` takes them."""

from __future__ import annotations

from msgspec import Struct

from engine.core.moments import Length
from engine.core.rules.conditions import AnyCondition
from engine.core.rules.terms import Purpose, Share, Value


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="do"):
    """One step of a stage. `key` is its kind, name and ordinal among equals in its stage (`send coupon_offer 0`)."""

    key: str
    line: int = 0


class Send(Step, frozen=True, kw_only=True, omit_defaults=True, tag="send"):
    """Ask for a message."""

    template: str
    offer: str = ""
    asks: str = ""
    values: dict[str, str | int | float | bool] = {}  # `with:`
    purpose: Purpose = Purpose.MARKETING
    channel: str = "email"
    late_at_most: Length | None = None


class Wait(Step, frozen=True, kw_only=True, omit_defaults=True, tag="wait"):
    """Let time pass."""

    length: Length


class WaitUntil(Step, frozen=True, kw_only=True, omit_defaults=True, tag="wait_until"):
    """Wait for a moment: a day of the customer's, an occasion, or the next such weekday; at most so long.

    A day that nobody knows is not waited for, unless `if_unknown` says how many days to wait then.

    `field`, `occasion` and `weekday` (Monday 0) exclude each other; `before` and `after` move a day. `at` is minutes since
    midnight; without it the clock time at which the step began.
    """

    field: str = ""
    occasion: str = ""
    weekday: int | None = None
    before: Length = Length()
    after: Length = Length()
    at: int | None = None
    if_unknown: Length | None = None
    at_most: Length | None = None


class Split(Step, frozen=True, kw_only=True, omit_defaults=True, tag="split"):
    """Leave for one of these stages, a stable share of customers each; the shares make a whole."""

    shares: tuple[tuple[str, Share], ...]


class Branch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One branch of `choose:`. The first that matches is taken; `send` None sends nothing."""

    name: str
    send: Send | None
    equals: Value | None = None
    at_least: Value | None = None
    at_most: Value | None = None


class Choose(Step, frozen=True, kw_only=True, omit_defaults=True, tag="choose"):
    """Send the branch that fits: by `cause`, by a customer field, or by `learning` (which pays most, learned later)."""

    by: str
    branches: tuple[Branch, ...]
    otherwise: Send | None = None


class AdaptNewsletter(Step, frozen=True, kw_only=True, omit_defaults=True, tag="newsletter"):
    """Ask the newsletter's sender for less of it (`at_most`: so many in so long) or for other content; with neither, as usual."""

    at_most: tuple[int, Length] | None = None
    content: str = ""


class HandOff(Step, frozen=True, kw_only=True, omit_defaults=True, tag="hand_off"):
    """Hand the customer to a person of a team, and wait for the answer for `answer_within`, if that is given.

    `may` is what the author allows (call, write); the gate leaves what the customer allows too. `at_most` is how many the
    team takes in so long a time, over all workflows.
    """

    team: str
    may: tuple[str, ...] = ("call", "write")
    at_most: tuple[int, Length] | None = None
    answer_within: Length | None = None
    late_at_most: Length | None = None


class CloseAccount(Step, frozen=True, kw_only=True, omit_defaults=True, tag="close_account"):
    """Send the notice, and close the loyalty account `notice` after it was handed over; a sign of life ends that."""

    notice: Length
    template: str
    late_at_most: Length | None = None


class Emit(Step, frozen=True, kw_only=True, omit_defaults=True, tag="emit"):
    """Put one of the shop's own events on the bus."""

    event: str
    values: dict[str, str | int | float | bool] = {}  # `with:`


class Suppress(Step, frozen=True, kw_only=True, omit_defaults=True, tag="suppress"):
    """Stop a kind of message."""

    scope: Purpose  # newsletter or marketing


class Resume(Step, frozen=True, kw_only=True, omit_defaults=True, tag="resume"):
    """Allow a kind of message again, where a workflow stopped it."""

    scope: Purpose


class PutTag(Step, frozen=True, kw_only=True, omit_defaults=True, tag="tag"):
    """`tag: NAME`."""

    tag: str


class TakeTag(Step, frozen=True, kw_only=True, omit_defaults=True, tag="untag"):
    """`untag: NAME`."""

    tag: str


class MakeFormer(Step, frozen=True, kw_only=True, omit_defaults=True, tag="standing"):
    """`standing: former`, the only standing a file may set."""


class GoTo(Step, frozen=True, kw_only=True, omit_defaults=True, tag="go_to"):
    """Leave for another stage if the conditions hold (all of `when_all`, or any of `when_any`), else go on."""

    stage: str
    when_all: tuple[AnyCondition, ...] = ()
    when_any: tuple[AnyCondition, ...] = ()


AnyStep = (
    Send
    | Wait
    | WaitUntil
    | GoTo
    | Split
    | Choose
    | Suppress
    | Resume
    | AdaptNewsletter
    | PutTag
    | TakeTag
    | MakeFormer
    | HandOff
    | CloseAccount
    | Emit
)


def step_key(kind: str, name: str, ordinal: int) -> str:
    """Return the key that a step keeps when lines move: kind, name, and ordinal among equals in its stage."""
    return f"{kind} {name} {ordinal}" if name else f"{kind} {ordinal}"


TASK = "task"
"""The channel of what a person does: to the gate a hand-off is a send on a channel of its own."""


def sends_of(step: AnyStep) -> tuple[Send, ...]:
    """Return every send that a step may make: its own, those of its branches, or the notice of a closing."""
    match step:
        case Send():
            return (step,)
        case Choose():
            return tuple(
                each for each in (*(branch.send for branch in step.branches), step.otherwise) if each is not None
            )
        case CloseAccount():
            return (notice_of(step),)
        case _:
            return ()


def jumps(step: AnyStep) -> tuple[str, ...]:
    """Return the stages that a step itself may lead to."""
    if isinstance(step, GoTo):
        return (step.stage,)
    return tuple(name for name, _ in step.shares) if isinstance(step, Split) else ()


def notice_of(step: CloseAccount) -> Send:
    """Return the send of a closing's notice: about the account, so it is a service mail, whatever the permission."""
    return Send(
        key=f"{step.key} notice",
        line=step.line,
        template=step.template,
        purpose=Purpose.SERVICE,
        late_at_most=step.late_at_most,
    )


def task_of(step: HandOff) -> Send:
    """Return a hand-off as the gate is asked about it; its result is a task for a person, and nothing is rendered."""
    return Send(
        key=step.key,
        line=step.line,
        template=f"hand_off {step.team}",
        channel=TASK,
        late_at_most=step.late_at_most,
    )
