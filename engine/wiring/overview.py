"""How an engine is: who is where, what is due, what is in the way. Read from its data, whether it runs or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from engine.books.views import Views
from engine.core.moments import SECOND, Instant, rfc3339
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.sending import PAUSED_LINE
from engine.core.shop import Shop, is_warm
from engine.insight.breaking import annoyed
from engine.insight.mailing import Mailing
from engine.insight.overview import BooksAge, Overview, Pending
from engine.insight.ramps import ramp_rows
from engine.insight.receiving import ReceiverRow
from engine.language.files import Checked
from engine.wiring import in_force
from engine.wiring.applying import as_json, changes, row_as_json
from engine.wiring.checking import checked_folder
from engine.wiring.control import pause_as_json
from engine.wiring.pools import levels
from engine.wiring.receiving import nobody_takes, receiver_rows, troubles_of, where_effects_go
from engine.wiring.settings import Settings

APPLIES = 5
"""So many of the last applies are told."""

LISTED = 20
"""Of uncertain sends, stuck customers and errors so many are named."""

STALLED_AFTER = 60.0
"""Seconds that something due may wait before it counts as a stall."""

BOOKS_LATE = 10.0
"""Seconds that the distributed engine's books may be old before it counts as a stall: each partition ticks once a second."""


def overview(
    views: Views,
    settings: Settings,
    now: Instant,
    running: Mapping[str, Any] | None,
    *,
    waits: Pending | None,
    sends: Mapping[str, int],
    mailing: Mailing | None = None,
) -> Overview:
    """Return how the engine of a data folder is as of now.

    What takes seconds where there is much of it is given: what waits in the files (see `pending`), and all sends there
    ever were by their state (the query `sends`). All the rest is asked of indexed columns.

    Args:
        views: the data, for reading.
        settings: of the engine.
        now: the present instant.
        running: what a running engine says of itself, None where none runs.
        waits: what the files would change, None where they are those in force.
        sends: how many sends there were, by state.
        mailing: who may be mailed, where that is told.

    """
    accepted, shop = views.shop()
    rules = views.rules()
    groups = views.all("groups")
    rows = receiver_rows(views, settings, shop, now)
    due, oldest = views.one("due", now)
    queued, queued_at = views.one("outbox")
    lag = max(0.0, (now - oldest) / SECOND) if oldest is not None else 0.0
    lines = dict(views.all("lines"))
    waiting = {name: count for name, count in lines.items() if name in rules.rule_set.workflows}
    upcoming = views.all("next_due")
    books = _age(views, settings, accepted, now) if settings.distributed else None
    return Overview(
        as_of=rfc3339(accepted),
        running=dict(running) if running is not None else None,
        live_since=rfc3339(shop.live_since) if shop.gone_live else None,
        customers=sum(count for _, _, count in groups),
        standings=_summed((standing, count) for standing, _, count in groups),
        not_mailable=_most_first(_summed((hindrance, count) for _, hindrance, count in groups if hindrance)),
        workflows=_workflows(rules),
        runs=_by_stage(views),
        waiting=waiting,
        refused={name: waiting.get(name, 0) for name in shop.refused},
        due=due,
        next_due=rfc3339(upcoming[0][0]) if upcoming else None,
        lag_seconds=round(lag, 3),
        stalls=[
            *_stalls(now, lag, queued, queued_at, running, books),
            *troubles_of(rows, (running or {}).get("receivers") or {}),
        ],
        stuck=[customer for (customer,) in views.all("stuck", LISTED)],
        paused=[pause_as_json(each) for each in shop.pauses],
        held=lines.get(PAUSED_LINE, 0),
        outbox=queued,
        sends=dict(sends),
        uncertain=[
            {"effect_id": effect, "customer": customer, "at": rfc3339(at)}
            for effect, customer, at in views.all("uncertain", LISTED)
        ],
        dead_letters=views.one("letter_count")[0],
        data_requests=[{"customer": who, "at": rfc3339(at)} for who, at in views.data_requests(LISTED)],
        last_errors=[
            {"at": rfc3339(at), "where": origin, "error": reason} for at, origin, reason in views.all("last_letters", 5)
        ],
        pending=waits,
        receivers=_receivers(settings, rows, shop_is_live=shop.gone_live),
        nobody_takes=nobody_takes(views, settings),
        reorder_interval=_interval(rules),
        warm_up_over=is_warm(shop, rules.lifecycle, now),
        sweep=_sweep(shop),
        in_force=[row_as_json(row) for row in views.put_in_force(APPLIES)],
        pools=[structs.asdict(level) for level in levels(rules.rule_set, shop, views.pools())],
        ramp=ramp_rows(rules, lines, now),
        annoyed=annoyed(rules, now),
        deliveries=rows,
        books=books,
        mailing=mailing,
    )


def pending(settings: Settings, rules: Rules) -> Pending | None:
    """Return what the files would change, None where they are those in force."""
    try:
        checked, _ = checked_folder(settings.workflows)
    except OSError:
        return None  # nobody edits here
    return waits_in(checked, checked.rules, settings, rules.rule_set)


def waits_in(checked: Checked, as_applied: RuleSet | None, settings: Settings, in_force_now: RuleSet) -> Pending | None:
    """Return what a checked set would change, applied as these rules; None where it is the one in force."""
    if as_applied is None:
        return Pending([], len(checked.errors))
    differ = not in_force.is_of(in_force.of_books(settings.books), checked)
    found = changes(in_force_now, as_applied, templates_differ=differ)
    return Pending(as_json(found), 0) if found else None


def _sweep(shop: Shop) -> str | None:
    if shop.sweep is None:
        return None
    if shop.sweep.first:
        return f"moving the runs of {', '.join(shop.sweep.first)}, then looking at everybody"
    return f"looking at everybody, come to {shop.sweep.after or 'the first'}"


def _summed(counts: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in counts:
        found[name] = found.get(name, 0) + count
    return found


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _by_stage(views: Views) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for workflow, stage, count in views.all("stages"):
        found.setdefault(workflow, {})[stage] = count
    return found


def _workflows(rules: Rules) -> dict[str, dict[str, Any]]:
    return {
        name: {"version": each.version, "mode": rules.switch(name).mode.value, "reach": rules.switch(name).reach / 100}
        for name, each in sorted(rules.rule_set.workflows.items())
    }


def _age(views: Views, settings: Settings, accepted: Instant, now: Instant) -> BooksAge:
    reached = views.partitions()
    late = int(BOOKS_LATE * SECOND)
    return BooksAge(
        seconds=round(max(0, now - accepted) / SECOND, 3) if accepted else None,
        partitions=settings.kafka.partitions,
        heard=len(reached),
        behind=sorted(partition for partition, at in reached.items() if now - at > late),
    )


def _stalls(
    now: Instant,
    lag: float,
    queued: int,
    queued_at: Instant | None,
    running: Mapping[str, Any] | None,
    books: BooksAge | None,
) -> list[str]:
    """Say what does not go on though it should."""
    said = []
    if books is not None:
        if books.heard < books.partitions:
            said.append(f"{books.partitions - books.heard} of {books.partitions} partitions have said nothing yet")
        if books.seconds is not None and books.seconds > BOOKS_LATE:
            numbers = ", ".join(map(str, books.behind[:LISTED]))
            said.append(f"the books are {books.seconds:.0f} s old; furthest back: partition {numbers}")
    elif running is None:
        return ["no engine runs on this data"] if lag or queued else []
    if lag > STALLED_AFTER:
        said.append(f"timers are {lag:.0f} s late")
    if queued_at is not None and (now - queued_at) / SECOND > STALLED_AFTER:
        said.append(f"{queued} sends wait, the oldest for {(now - queued_at) / SECOND:.0f} s")
    if running is None:
        return said
    if running.get("clock"):
        said.append(str(running["clock"]))
    if running.get("trouble"):
        said.append(f"mail cannot leave: {running['trouble']}")
    said += [f"mail cannot be taken in ({name}): {why}" for name, why in (running.get("incoming") or {}).items()]
    if float(running.get("lag") or 0.0) > STALLED_AFTER / 6:
        said.append(f"events wait for {running['lag']:.0f} s to be taken in")
    return said


def _receivers(settings: Settings, rows: list[ReceiverRow], *, shop_is_live: bool) -> dict[str, str]:
    sends = settings.where_mail_goes if shop_is_live else "the local mailbox"
    topic = f"{settings.kafka.prefix}.effects" if settings.distributed else ""
    others = where_effects_go(rows, topic or str(settings.data / "effects.jsonl"), shop_is_live=shop_is_live)
    return {"sends": sends, "other effects": others}


def _interval(rules: Rules) -> dict[str, Any]:
    intervals, thresholds = rules.shop.cadence.overall, rules.shop.thresholds
    mean = intervals.mean
    return {
        "intervals": intervals.count,
        "mean_days": None if mean is None else float(mean),
        "lapsed_after_days": thresholds.overall,
        "known_since": None if rules.shop.known_since is None else rfc3339(rules.shop.known_since),
    }
