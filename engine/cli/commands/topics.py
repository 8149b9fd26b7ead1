"""`winback topics`: the topics of the distributed engine, made and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine.cli.calling import Call, named
from engine.cli.documents import GroupDocument, PartitionRead, TopicDocument, TopicProblemDocument, TopicsDocument
from engine.cli.parts import environment, in_words, to_begin
from engine.cli.printing import note, print_json, table, to_people

if TYPE_CHECKING:
    from engine.wiring.distributed.topics import TopicsFound


@named(
    "topics",
    "winback topics",
    "WINBACK_KAFKA_BROKERS=127.0.0.1:9092 winback topics --create",
    "winback topics --json | jq '.groups[] | select(.lag > 10000)'",
)
@click.option("--create", is_flag=True, help="Make the topics that are missing.")
def command(call: Call, *, create: bool) -> None:
    """Check the topics of the distributed engine, make those that are missing, and show how far everybody has read.

    Each topic must have its number of partitions, be compacted or not, keep its records long enough, and take records as
    large as ours; and the last records of each partition must stand where their customer's hash says. Exits 1 when there is
    an error: no part starts over one. Warnings are said and let pass.
    """
    settings = to_begin(call, postgres=False)
    from engine.wiring.distributed.topics import look_at_topics  # noqa: PLC0415 - needs the extra, which is there by now

    with in_words():
        seen = look_at_topics(settings, environment(), create=create, told=note)
    document = _document(seen)
    if call.json:
        print_json(document)
    else:
        _tell(document)
    if any(problem.severity == "error" for problem in document.problems):
        raise click.exceptions.Exit(1)


def _document(seen: TopicsFound) -> TopicsDocument:
    return TopicsDocument(
        topics=[
            TopicDocument(name, each.partitions, each.copies, dict(each.settings), name in seen.made)
            for name, each in seen.found.items()
        ],
        problems=[TopicProblemDocument(p.topic, p.severity, p.message, p.hint) for p in seen.problems],
        groups=[
            GroupDocument(
                each.group,
                each.topic,
                each.lag,
                [PartitionRead(part.partition, part.read, part.end, part.lag) for part in each.partitions],
            )
            for each in seen.groups
        ],
    )


def _tell(document: TopicsDocument) -> None:
    console = to_people()
    rows = [
        (topic.name, topic.partitions, topic.copies, topic.settings["cleanup.policy"], "made now" if topic.made else "")
        for topic in document.topics
    ]
    if rows:
        console.print(table("topic", "partitions", "copies", "clean-up", "", rows=rows, right=("partitions", "copies")))
    lags = [(each.group, each.topic, f"{each.lag:,}", _furthest_behind(each)) for each in document.groups]
    if lags:
        console.print()
        columns = ("group", "reads", "records behind", "most of them")
        console.print(table(*columns, rows=lags, right=columns[2:3]))
    for problem in document.problems:
        console.print(f"\n{problem.severity}: {problem.topic}: {problem.message}\n    {problem.hint}", style="bold")
    if not document.problems:
        console.print("\nall topics are what they must be")


def _furthest_behind(group: GroupDocument) -> str:
    worst = max(group.partitions, key=lambda part: part.lag)
    return f"{worst.lag:,} in partition {worst.partition}" if worst.lag else ""
