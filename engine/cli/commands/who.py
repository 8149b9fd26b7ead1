"""`winback who`: the customers in a workflow, a stage or a standing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import click
import msgspec

from engine.books.views import Views
from engine.cli.calling import Call, Misused, named
from engine.cli.documents import WhoDocument
from engine.cli.printing import print_json
from engine.cli.reaching import the_data
from engine.core.customer import Customer
from engine.core.moments import rfc3339
from engine.core.reasons import did_you_mean
from engine.core.rules import Standing


@named(
    "who",
    "winback who --standing lapsed > lapsed.csv",
    "winback who --workflow readers-who-dont-buy --stage reconfirm --json",
)
@click.option("--workflow", metavar="W", help="Who is in this workflow.")
@click.option("--stage", metavar="S", default="", help="Of the workflow, this stage alone.")
@click.option("--standing", type=click.Choice([each.value for each in Standing]), help="Who has this standing.")
def command(call: Call, workflow: str | None, stage: str, standing: str | None) -> None:
    """List the customers in a workflow, a stage or a standing, as CSV or JSON."""
    if (workflow is None) == (standing is None):
        raise Misused("say either --workflow W, perhaps with --stage S, or --standing S")
    if stage and workflow is None:
        raise Misused("--stage goes with --workflow")
    with the_data(call, tell_age=True) as views:
        found = _in_workflow(views, workflow, stage) if workflow else _in_standing(views, standing or "")
        if call.json:
            print_json(list(found))
            return
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(WhoDocument.__struct_fields__)
        for one in found:
            writer.writerow(["" if value is None else value for value in msgspec.structs.astuple(one)])


def _in_workflow(views: Views, workflow: str, stage: str) -> Iterator[WhoDocument]:
    known = views.rules().versions
    names = {name for name, _ in known}
    if workflow not in names:
        raise Misused(f"no workflow is named {workflow}{did_you_mean(workflow, names)}")
    stages = {each.name for (name, _), version in known.items() if name == workflow for each in version.stages}
    if stage and stage not in stages:
        raise Misused(f"{workflow} has no stage {stage}{did_you_mean(stage, stages)}")
    for found, customer in views.in_stage(workflow, stage):
        began = next((run.began for run in customer.runs if (run.workflow, run.stage) == (workflow, found)), None)
        yield _who(customer, workflow, found, began)


def _in_standing(views: Views, standing: str) -> Iterator[WhoDocument]:
    for customer in views.in_standing(standing):
        yield _who(customer, None, None, customer.standing_since)


def _who(customer: Customer, workflow: str | None, stage: str | None, since: int | None) -> WhoDocument:
    return WhoDocument(
        customer=customer.id,
        email=customer.value("email"),
        standing=customer.standing.value,
        workflow=workflow,
        stage=stage,
        since=rfc3339(since) if since else None,
    )
