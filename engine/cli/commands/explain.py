"""`winback explain`: one customer's whole story."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from engine.books.views import Views
from engine.cli.calling import Call, Wrong, named
from engine.cli.documents import Decided, ExplainDocument
from engine.cli.printing import print_json, table, to_people
from engine.cli.reaching import the_data
from engine.core.moments import moment as datetime_of
from engine.core.moments import rfc3339, zone
from engine.trace import Decision, Ending, Story, story
from engine.trace.permissions import ConsentTold, as_words
from engine.wiring.consent_mails import mails_of


@named("explain", "winback explain c-1042", "winback explain ada@example.org", "winback explain c-1042 --json")
@click.argument("customer")
def command(call: Call, customer: str) -> None:
    """Tell one customer's whole story: evidence, standing, runs, sends, and what was not sent and why.

    CUSTOMER is an id or an address. Each decision names the line of YAML that it follows from.
    """
    with the_data(call, tell_age=True) as views:
        told = _told(views, customer, max(call.now(), views.shop()[0]))
        timezone = views.rules().lifecycle.timezone
    if call.json:
        print_json(as_document(told))
    else:
        _tell(told, to_people(), str(told.customer.get("timezone") or timezone))


def _told(views: Views, name: str, now: int) -> Story:
    customer = views.found(name)
    if customer is None:
        raise Wrong(f"no customer is known by {name}")
    effects = views.effects_of(customer.id)
    ended = views.endings({effect.effect_id for effect in effects})
    endings = {effect_id: Ending(each.state, each.at, each.why) for effect_id, each in ended.items()}
    places, mail_of = views.places(customer), mails_of(views, effects)
    return story(customer, effects, views.rules(), now, endings=endings, places=places, mail_of=mail_of)


def as_document(told: Story) -> ExplainDocument:
    """Return a story as `--json` has it: what was decided, then what keeps the other workflows waiting now."""
    return ExplainDocument(
        customer=told.customer,
        standing=told.standing,
        standing_since=rfc3339(told.standing_since) if told.standing_since else None,
        evidence=told.evidence,
        runs=told.runs,
        decisions=[_decided(each) for each in (*told.past, *told.now)],
        gate=told.gate,
        consents=told.consents,
    )


def _decided(decision: Decision) -> Decided:
    return Decided(rfc3339(decision.at), decision.what, decision.why, decision.file or None, decision.line or None)


def _tell(told: Story, console: Console, timezone: str) -> None:
    customer = told.customer
    names = " ".join(str(customer[key]) for key in ("first_name", "last_name") if customer.get(key))
    console.print(f"{customer['id']}  {names}  {customer.get('email') or 'no address'}", style="bold")
    _tell_facts(customer, console)
    since = f" since {_clock(told.standing_since, timezone)}" if told.standing_since else ""
    console.print(f"\n{told.standing}{since}", style="bold")
    for said in told.evidence:
        console.print(f"  {said}")
    for run in told.runs:
        until = f" until {run['until']}" if run["until"] else ""
        why = f": {run['why']}" if run["why"] else ""
        held = ", held out" if run["held_out"] else ""
        console.print(
            f"\nin {run['workflow']} version {run['version']} ({run['mode']}{held}), stage {run['stage']}: "
            f"{run['doing']}{until}{why}   {run['file']}:{run['line']}",
            style="cyan",
        )
    _tell_permission(told, console)
    for title, decisions in (("What was decided", told.past), ("What keeps the others waiting", told.now)):
        if decisions:
            console.print(f"\n{title}", style="bold")
            rows = [(_clock(each.at, timezone), each.what, each.why, _place(each)) for each in decisions]
            if decisions is told.now:
                rows = [("", *row[1:]) for row in rows]
            console.print(table("when", "what", "why", "where", rows=rows))


def _tell_facts(customer: dict[str, Any], console: Console) -> None:
    money = ", ".join(f"{amount} {currency}" for currency, amount in customer["revenue"].items()) or "nothing"
    orders = f"{customer['orders']} orders on {customer['order_days']} days for {money}"
    if customer["last_order"]:
        orders += f", first {customer['first_order']}, last {customer['last_order']} ({customer['idle_days']} days ago)"
    console.print(orders)
    given = [
        f"{purpose} {'given' if each['given'] else 'withdrawn'} {each['since'][:10]}"
        for purpose, each in customer["permission"].items()
    ]
    stopped = f"; stopped: {', '.join(customer['stopped'])}" if customer["stopped"] else ""
    console.print(f"permission: {', '.join(given) or 'none'}{stopped}; address {customer['address']}")
    if customer["tags"] or customer["cause"]:
        console.print(f"tags: {', '.join(customer['tags']) or '-'}; cause: {customer['cause'] or '-'}")


def _tell_permission(told: Story, console: Console) -> None:
    """Tell whether they may be written to: by mail in any case, on other channels where anything is known."""
    said = {each.permission.partition("/")[2] for each in told.consents}
    rows = [
        (key, *as_words(answer))
        for key, answer in told.gate.items()
        if key.endswith("/email") or answer.basis or key.partition("/")[2] in said
    ]
    console.print("\nMay we write to them?", style="bold")
    console.print(table("what", "", "basis", "since", "until", "why", rows=rows))
    if told.consents:
        console.print("\nWhat was said of it", style="bold")
        rows = [(each.at[:16].replace("T", " "), each.permission, each.what, _proof(each)) for each in told.consents]
        console.print(table("when (UTC)", "permission", "said", "proof", rows=rows))


def _proof(consent: ConsentTold) -> str:
    """Return in short what proves it; `--json` has all of it."""
    parts = [f"{consent.by} from {consent.source}" if consent.source else consent.by, consent.basis or ""]
    parts += [f"{name}: {text[:80]}" for name, text in consent.proof.items() if name not in ("effect", "mail")]
    if consent.mail is not None:
        parts.append(f"mail {consent.mail.template or consent.mail.effect} {consent.mail.message_id}".rstrip())
    return "; ".join(filter(None, parts))


def _clock(at: int, timezone: str) -> str:
    """Write an instant on the customer's own clock, to the minute."""
    there = zone(timezone)
    return f"{datetime_of(at + there.offset(at)):%Y-%m-%d %H:%M}"


def _place(decision: Decision) -> str:
    return f"{decision.file}:{decision.line}" if decision.file else ""
