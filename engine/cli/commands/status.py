"""`winback status`: how the engine is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from engine.cli.calling import Call, named
from engine.cli.printing import print_json, table, to_people
from engine.cli.reaching import the_data
from engine.insight.mailing import Mailing
from engine.insight.overview import Overview
from engine.wiring.mailing import mailing
from engine.wiring.overview import overview, pending
from engine.wiring.reaching import what_runs


@named("status", "winback status", "winback status --json | jq '.paused, .stuck'")
def command(call: Call) -> None:
    """Show how the engine is: standings, runs, what is due, and everything that is in the way.

    It works whether the engine runs or not.
    """
    with the_data(call) as views:
        now = max(call.now(), views.shop()[0])
        found = overview(
            views,
            call.settings,
            now,
            what_runs(call.settings),
            waits=pending(call.settings, views.rules()),
            sends=dict(views.all("sends")),
            mailing=mailing(views, now),
        )
    if call.json:
        print_json(found)
    else:
        _tell(found, to_people())


def _tell(found: Overview, console: Console) -> None:
    _tell_troubles(found, console)
    for asked in found.data_requests:
        said = f"ASKED {asked['customer']} asked at {asked['at']} what is known of them: winback export answers"
        console.print(said, style="yellow")
    running = found.running
    state = f"runs (process {running['pid']}, {running['ops']})" if running else "does not run"
    if found.books is not None:
        age = "nothing is in the books yet" if found.books.seconds is None else f"books {found.books.seconds:.1f} s old"
        state = f"is distributed over {found.books.partitions} partitions, {age}"
    live = f"live since {found.live_since}" if found.live_since else "before go-live: nothing leaves but to the mailbox"
    console.print(f"The engine {state}; {live}", style="bold")
    console.print(f"last signal {found.as_of}; next timer {found.next_due or 'none'}; {found.due:,} due now")
    interval = found.reorder_interval
    mean = interval["mean_days"]
    if mean is not None:
        console.print(
            f"reorder interval {mean:.1f} days of {interval['intervals']:,}; lapsed after {interval['lapsed_after_days']} days"
        )
    if not found.warm_up_over:
        console.print(f"warm-up: nobody enters yet; facts are known since {interval['known_since'] or 'never'}")
    if found.in_force:
        last = found.in_force[0]
        taken_back = "an apply taken back, " if last["taken_back"] else ""
        said = "; ".join(last["what"]) or "as it was"
        console.print(f"in force since {last['at']} by {last['who'] or '?'}: {taken_back}{said}")
    if found.sweep:
        console.print(found.sweep)
    console.print()
    _counts(console, f"{found.customers:,} customers", found.standings)
    _counts(console, "cannot be mailed", found.not_mailable)
    if found.mailing is not None and found.customers:
        _tell_mailing(found.mailing, console)
    _workflows(found, console)
    _ramp(found, console)
    _counts(console, "sends", {**found.sends, **({"in the outbox": found.outbox} if found.outbox else {})})
    console.print(f"sends go to {found.receivers['sends']}, other effects to {found.receivers['other effects']}")
    _deliveries(found, console)
    if found.pending is not None:
        _tell_pending(found, console)


def _tell_stopped(found: Overview, console: Console) -> None:
    """Show what has stopped, by a person's word or by itself, and what soon may."""
    for pause in found.paused:
        what = f"{pause['scope']} {pause['name']}".rstrip()
        console.print(f"PAUSED {what} since {pause['at']} by {pause['who'] or '?'}: {pause['why']}", style="bold red")
    if found.held:
        console.print(f"{found.held:,} sends are held by a pause", style="red")
    for each in found.ramp:
        if each.stopped:
            console.print(f"RAMP {each.family} gets no more today: {each.why}", style="bold red")
    for each_family in found.annoyed:
        console.print(f"WATCH {each_family}", style="yellow")


def _tell_troubles(found: Overview, console: Console) -> None:
    _tell_stopped(found, console)
    for stall in found.stalls:
        console.print(f"STALL {stall}", style="bold red")
    for name, count in found.refused.items():
        console.print(
            f"REFUSED {name}: {count:,} fit already, over 1,000, and it names no enter_at_most: nobody is let in",
            style="red",
        )
    _tell_pools(found, console)
    if found.stuck:
        console.print(f"STUCK {', '.join(found.stuck)}: see winback dead-letters", style="red")
    for send in found.uncertain:
        console.print(f"UNCERTAIN {send['effect_id']} to {send['customer']} at {send['at']}", style="yellow")
    for effect, count in found.nobody_takes.items():
        console.print(f"NOBODY TAKES {effect}: {count:,} since go-live; name a receiver in winback.toml", style="red")
    if found.dead_letters:
        console.print(f"{found.dead_letters:,} dead letters: winback dead-letters lists them", style="yellow")
        for error in found.last_errors[:3]:
            console.print(f"  {error['at']} {error['where']}: {error['error']}", style="yellow")


def _tell_pools(found: Overview, console: Console) -> None:
    for pool in found.pools:
        if pool["low"]:
            said = f"FEW CODES {pool['offer']}: {pool['left']:,} left, low water {pool['low_water']:,}"
            console.print(f"{said}: winback coupons mint, then load", style="bold red")


def _deliveries(found: Overview, console: Console) -> None:
    rows = [
        (
            each.name,
            len(each.takes),
            f"{each.behind:,}",
            f"{each.parcels:,}",
            f"{each.dead_letters:,}",
            each.last_error or "-",
        )
        for each in found.deliveries
    ]
    if rows:
        console.print(
            table("receiver", "takes types", "behind", "tried again", "dead letters", "last error", rows=rows)
        )


def _tell_pending(found: Overview, console: Console) -> None:
    assert found.pending is not None, "asked only then"
    console.print()
    if found.pending.errors:
        console.print(f"changed files have {found.pending.errors} errors: winback check shows them", style="yellow")
        return
    console.print("changed files wait for winback apply:", style="yellow")
    for change in found.pending.changes:
        console.print(f"  {change['workflow'] or 'all'}: {change['effect']}", style="yellow")


def _counts(console: Console, title: str, counts: Mapping[str, int]) -> None:
    if counts:
        console.print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def _tell_mailing(mailing: Mailing, console: Console) -> None:
    """Tell who may be written to by mail, why the others may not, and whose permission ends soon."""
    about = f"about, by {mailing.looked_at:,} of them: " if mailing.estimated else ""
    for purpose, count in mailing.allowed.items():
        why = ", ".join(f"{reason} {number:,}" for reason, number in mailing.refused[purpose].items())
        console.print(f"{purpose} by mail: {about}{count:,} allowed" + (f"; not allowed: {why}" if why else ""))
    for said, counts in (
        ("permission lapses within 30 days", mailing.lapsing),
        ("permission unused for unused_warn", mailing.unused),
    ):
        _counts(console, said, {name: count for name, count in counts.items() if count})


def _ramp(found: Overview, console: Console) -> None:
    rows = [
        (each.family, f"{each.allowed:,}", f"{each.used:,}", f"{each.waiting:,}" if each.waiting else "-", each.why)
        for each in found.ramp
    ]
    if rows:
        console.print(
            table("ramp", "today", "used", "wait for it", "", rows=rows, right=("today", "used", "wait for it"))
        )
        console.print()


def _workflows(found: Overview, console: Console) -> None:
    rows: list[tuple[Any, ...]] = []
    for name, each in found.workflows.items():
        stages = ", ".join(f"{stage} {count:,}" for stage, count in found.runs.get(name, {}).items())
        waits = found.waiting.get(name, 0)
        rows.append((name, each["version"], each["mode"], stages or "-", f"{waits:,}" if waits else "-"))
    if rows:
        console.print()
        console.print(table("workflow", "version", "mode", "under way", "wait to be let in", rows=rows))
        console.print()
