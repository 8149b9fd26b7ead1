"""A plan: what an edit of the workflow files means, beside the rules in force and the customers there are.

The structs here are what `winback plan --json` prints, what `--save` keeps, and what the console shows.
"""

from __future__ import annotations

from msgspec import Struct


class Difference(Struct, frozen=True):
    """One thing that an edit changes, as the files say it: old is None for what is new, new for what is gone.

    `where` names it by meaning (`stage coupon, step 2`, `holdout`, `lapsed_after`), never by line: lines move.
    """

    where: str
    old: str | None
    new: str | None


class Landing(Struct, frozen=True):
    """Where `--move WORKFLOW=move` takes those who wait at a step; `to` None ends their runs as `moved_out`.

    `due_at_once` counts whose wait would be over by its new length; None where that was not asked for.
    """

    step: str
    to: str | None
    customers: int
    due_at_once: int | None = None


class Change(Struct, frozen=True, rename={"source": "from"}):
    """What an edit means for one workflow; `workflow` is empty where it is for all of them.

    `source` and `to` are its versions before and after, None where it is not there; `mode` is what it would have.

    `waiting` counts the runs under way by the step they stand at, on whatever version. `landings` says where
    `--move WORKFLOW=move` would take them.

    `fits` is who stands in its line once everybody was looked at, `in_line` who does already. `would_enter` is who of
    them may come in: not those whom `enter_at_most: skip` skips, and not those whose one place another run has, or will
    have first (`place_taken`). `entry` says how: at once, paced, skipped, or refused, where more than 1,000 fit and no pace is
    named. `per_day` is the most that enter on one day, `until` the last such day (None where nobody does).

    Of those who would enter, `mailable` are those whose first mail the gate would let through now or later, of them
    `capped` not now; `without_permission` and `dead` say why not, `unmailable` has all reasons. `had_offer` had an offer
    before, too lately to get it now; `held_out` are those of the hold-out. `offer_cost_at_most` is the money, in the
    shop's currency, if all who may get offers redeem all of them.
    """

    workflow: str
    source: int | None
    to: int | None
    effect: str
    mode: str = ""
    differences: tuple[Difference, ...] = ()
    waiting: dict[str, int] = {}
    landings: tuple[Landing, ...] = ()
    move: str = ""  # pin, move or exit, as it was said
    needs_a_word: bool = False  # gone with people in it: `apply` wants `--move WORKFLOW=pin` or `exit`
    fits: int = 0
    in_line: int = 0
    would_enter: int = 0
    entry: str = ""
    per_day: int = 0
    until: str | None = None
    place_taken: int = 0
    mailable: int = 0
    capped: int = 0
    without_permission: int = 0
    dead: int = 0
    unmailable: dict[str, int] = {}
    had_offer: int = 0
    held_out: int = 0
    offer_cost_at_most: str = ""
    reaches_further: tuple[str, ...] = ()  # why a second person must approve it


class Plan(Struct, frozen=True):
    """An edit as a whole: made when, by whom, from which files and beside which rules in force.

    `digest` is of what the files mean, templates included; `epoch` counts the rules in force, `applied` the applies. `standings` counts by
    `active -> lapsed` whose standing changes. `customers` is how many there are. `number` is what the engine knows a saved plan by.
    """

    at: str
    who: str
    epoch: int
    applied: int
    digest: str
    customers: int
    number: int = 0
    changes: tuple[Change, ...] = ()
    standings: dict[str, int] = {}
    moves: dict[str, str] = {}

    @property
    def reaches_further(self) -> tuple[str, ...]:
        """Why a second person must approve it: what can reach customers or money that could not before."""
        return tuple(
            f"{change.workflow}: {why}" if change.workflow else why
            for change in self.changes
            for why in change.reaches_further
        )
