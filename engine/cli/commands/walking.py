"""`winback walk`: a whole workflow in one's own inbox, a day in seconds."""

from __future__ import annotations

import asyncio
import os
import re
import secrets as chance
import sys
from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import WalkDay, WalkDocument, WalkMail
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_data
from engine.cli.templates import the_files
from engine.core.rules import RuleSet, Workflow
from engine.language.files import SCENARIOS_ENDING, Checked, read_files
from engine.language.problems import did_you_mean
from engine.language.scenarios import Happening, Scenario
from engine.runtimes.simulator.walking import Walk, WalkedDay, right_now
from engine.wiring.clock import clock_of
from engine.wiring.secret import keys_of
from engine.wiring.settings import SettingsError
from engine.wiring.testing import NotAllowedError, receiver_of, sender_for_tests
from engine.wiring.walked import Mailed, Mailing

_PACE = re.compile(r"(\d+(?:\.\d+)?)(s|min)")


class _Pace(click.ParamType):
    """Seconds of real time, as `10s` or `1min`."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = _PACE.fullmatch(str(value))
        if found is None:
            self.fail(f"{value}: write 10s or 1min", param, ctx)
        return float(found[1]) * (60 if found[2] == "min" else 1)


@named(
    "walk",
    "winback walk readers-who-dont-buy --to me@shop.example --day 10s",
    'winback walk readers-who-dont-buy --to me@shop.example --day 0s --when "6d: order.placed"',
    "winback walk welcome-back --to me@shop.example --customer c-1042",
)
@click.argument("workflow")
@click.option("--to", metavar="ADDRESS", required=True, help="Where its mails go, and nowhere else.")
@click.option("--day", "pace", type=_Pace(), default="10s", show_default=True, help="How long a day takes.")
@click.option(
    "--when",
    multiple=True,
    metavar='"6d: EVENT"',
    help="What the customer does, as in a scenario's `when:`; repeatable.",
)
@click.option("--scenario", metavar="TITLE", help="Whose `given:` makes the customer. [the workflow's first]")
@click.option("--language", metavar="LANG", help="The customer's language. [as the scenario says, else the shop's]")
@click.option("--customer", metavar="CUSTOMER", help="Walk a copy of this customer, from now on.")
def command(
    call: Call,
    workflow: str,
    to: str,
    pace: float,
    when: tuple[str, ...],
    scenario: str | None,
    language: str | None,
    customer: str | None,
) -> None:
    """Walk a workflow yourself: each mail comes to you, with a line above it that says which day it is.

    The customer is that of the workflow's first scenario, or a copy of a real one; the newest files are used, whatever
    their mode. At a terminal it asks after each mail what the customer does; --when says it beforehand. Nothing is put on
    any record, and links change nothing. It exits 1 when the customer does not enter, or a mail is not taken.
    """
    checked = the_files(call)
    rules = checked.playable
    if rules is None or workflow not in rules.workflows:
        names = sorted(rules.workflows) if rules else ()
        hint = did_you_mean(workflow, names) or f"there are {', '.join(names) or 'none'}; winback check shows more"
        raise Misused(f"there is no workflow {workflow} without an error: {hint}")
    happenings = _happenings(call, workflow, when)
    if customer is None:
        made_up = _scenario(checked, workflow, scenario, language)
        walk = Walk(made_up, rules.workflows[workflow], rules)
    elif scenario is None and language is None:
        walk = _walk_of(call, rules, rules.workflows[workflow], customer)
    else:
        raise Misused("a real customer has facts and a language of their own: leave --scenario and --language out")
    if why := walk.begin():
        raise Wrong(f"the customer does not enter {workflow}: {why}")
    try:
        keys, sender = (
            keys_of(call.settings, os.environ),
            sender_for_tests(call.settings, os.environ, clock_of(call.settings)),
        )
        mailing = Mailing(
            call.settings, keys, checked, walk, sender, to=receiver_of(call.settings, to), number=chance.token_hex(6)
        )
    except (SettingsError, NotAllowedError) as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or call.data}: {error.strerror}") from None
    asks = sys.stdin.isatty() and not call.json and not when
    told = asyncio.run(_walked(call, workflow, walk, mailing, happenings, pace, asks=asks))
    if call.json:
        print_json(WalkDocument(workflow, to, told))
    if any(mail.outcome != "done" for day in told for mail in day.mails):
        raise Wrong("not every mail was taken")


def _walk_of(call: Call, rules: RuleSet, workflow: Workflow, customer: str) -> Walk:
    with the_data(call) as views:
        real = views.found(customer)
        cadence = views.rules().shop.cadence
    if real is None:
        raise Wrong(f"no customer is known by {customer}")
    return Walk(right_now(call.now(), rules.lifecycle.timezone), workflow, rules, real=real, cadence=cadence)


def _scenario(checked: Checked, workflow: str, title: str | None, language: str | None) -> Scenario:
    known = [each for file in checked.scenarios if file.workflow == workflow for each in file.scenarios]
    if not known:
        raise Misused(f"{workflow} has no scenario that could make a customer: write one, or name a real --customer")
    found = [each for each in known if title is None or each.title == title]
    if not found:
        titles = [each.title for each in known]
        hint = did_you_mean(title or "", titles) or "; ".join(titles)
        raise Misused(f"{workflow} has no scenario {title!r}: {hint}")
    given = found[0].given
    profile = given.profile if language is None else {**given.profile, "language": language}
    return replace(found[0], given=replace(given, profile=profile))


def _happenings(call: Call, workflow: str, said: Sequence[str]) -> tuple[Happening, ...]:
    """Read what was said as a scenario's `when:`, with the same words and the same complaints."""
    if not said:
        return ()
    name = f"{workflow}{SCENARIOS_ENDING}"
    lines = "".join(f"      {text}\n" for text in said)
    text = f"workflow: {workflow}\nscenarios:\n  - title: a walk\n    expect: {{}}\n    when:\n{lines}"
    files = {path.name: path.read_bytes() for path in call.workflows.glob("*.y*ml")} | {name: text.encode()}
    checked = read_files(files)
    wrong = [each for each in checked.errors if each.file == name]
    if wrong:
        said_of = dict(enumerate(said, start=6))
        raise Misused(
            "\n".join(
                f"--when {said_of.get(each.line, '')!r}: {each.message}; {each.hint}".rstrip("; ") for each in wrong
            )
        )
    return next(each.scenarios[0].when for each in checked.scenarios if each.workflow == workflow)


async def _walked(
    call: Call,
    workflow: str,
    walk: Walk,
    mailing: Mailing,
    happenings: Sequence[Happening],
    pace: float,
    *,
    asks: bool,
) -> list[WalkDay]:
    """Let day after day pass, each with its mails."""
    told: list[WalkDay] = []
    to_come = list(happenings)
    try:
        while not walk.over:
            if told:
                await asyncio.sleep(pace)
            day = walk.day(to_come)
            mails = [await mailing.send(each, day) for each in day.sends]
            told.append(_told(day, mails))
            if not call.json:
                _tell(told[-1])
            if asks and mails and not walk.over:
                to_come += await asyncio.to_thread(_asked, call, workflow, walk, day.number)
    finally:
        await mailing.close()
    return told


def _told(day: WalkedDay, mails: Sequence[Mailed]) -> WalkDay:
    return WalkDay(
        day.number,
        day.date,
        list(day.actions),
        [WalkMail(each.template, each.subject, each.outcome, each.detail) for each in mails],
    )


def _tell(day: WalkDay) -> None:
    if not day.actions and not day.mails:
        return
    console = to_people()
    console.print(f"day {day.day:3}  {day.date}  {', '.join(day.actions)}")
    for mail in day.mails:
        style = "green" if mail.outcome == "done" else "bold red"
        console.print(f"                     -> {mail.subject}: {mail.outcome} {mail.detail}".rstrip(), style=style)


def _asked(call: Call, workflow: str, walk: Walk, number: int) -> list[Happening]:
    """Ask what the customer does next; an event said without a time happens on the next day."""
    console = to_people()
    choices = walk.listens_to()
    for place, (event, then) in enumerate(choices, start=1):
        console.print(f"  {place}  {event}  (leads to {then or 'the end'})")
    while True:
        said = click.prompt(
            "What does the customer do tomorrow? a number, an event, 3d: EVENT; enter for nothing",
            default="",
            show_default=False,
        )
        text = str(said).strip()
        if not text:
            return []
        if text.isdecimal() and 0 < int(text) <= len(choices):
            text = choices[int(text) - 1][0]
        later, colon, event = text.partition(": ")
        days = int(later.removesuffix("d")) if colon and re.fullmatch(r"\d+d", later) else 1
        try:
            return list(_happenings(call, workflow, [f"{number + days}d: {event if colon else text}"]))
        except Misused as wrong:
            console.print(str(wrong), style="red")
