"""What `--json` prints, command by command: `winback schema NAME` and docs/schemas/ are made from these."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.insight.plan import Plan
from engine.trace.permissions import ConsentTold, GateAnswer
from engine.wiring.preflight.check import Check


class DifferentDay(Struct, frozen=True):
    """A day of a scenario on which something else happened, both in the words of `expect:`, and why.

    `day` counts from the scenario's start; `line` is where the scenario speaks of that day, else of itself.
    """

    day: int
    date: str
    line: int
    expected: str
    happened: str
    why: list[str]


class FailedScenario(Struct, frozen=True):
    """A scenario that its workflow contradicts, day by day."""

    file: str
    line: int
    title: str
    days: list[DifferentDay]


class Scenarios(Struct, frozen=True):
    """How many scenarios agree with their workflow, and those that do not."""

    passed: int
    failed: list[FailedScenario]


class FoundProblem(Struct, frozen=True):
    """One problem; lines and columns count from 1, `file` is relative to where winback was started."""

    file: str
    line: int
    column: int
    severity: str
    code: str
    message: str
    hint: str


class CheckDocument(Struct, frozen=True):
    """`winback check --json`."""

    problems: list[FoundProblem]
    scenarios: Scenarios


class NewDocument(Struct, frozen=True):
    """`winback new --json`: the files that were written, relative to where winback was started."""

    written: list[str]


class IngestDocument(Struct, frozen=True):
    """`winback ingest --json`. `would_enter` says how many more now wait to be let into each workflow.

    `refused` counts events about people who were erased.
    """

    accepted: int
    duplicate: int
    history: int
    dead_letters: int
    refused: int
    would_enter: dict[str, int]


class IncomingFile(Struct, frozen=True):
    """A mail that `winback incoming` took in: what it is, and the types of the events that it made."""

    file: str
    kind: str
    events: list[str]


class IncomingDocument(Struct, frozen=True):
    """`winback incoming --json`. `for_people` counts mails with words that a person should read; nobody was sent them."""

    files: list[IncomingFile]
    accepted: int
    duplicate: int
    history: int
    dead_letters: int
    for_people: int


class RefusedRow(Struct, frozen=True):
    """A row that was not taken, by its first line in the file, and why."""

    line: int
    reason: str


class ImportDocument(Struct, frozen=True):
    """`winback import --json`. Counts are rows; of suppressions with a hash each address of a row counts.

    `columns` says by our field which column of the file it was read from, `form` what the file is written in. `known` rows
    were taken before, `skipped` ones say nothing of what is imported. `stopped` customers were found by a hash alone.
    `broken` says where the file breaks off, if it does.
    """

    kind: str
    file: str
    form: str
    columns: dict[str, str]
    unused: list[str]
    taken: int
    known: int
    skipped: int
    refused: list[RefusedRow]
    stopped: int
    dry_run: bool
    broken: str


class TopicDocument(Struct, frozen=True):
    """A topic: how many partitions, how many copies of the one with fewest, and its settings as Kafka names them.

    `made` says that it was made by this call.
    """

    name: str
    partitions: int
    copies: int
    settings: dict[str, str]
    made: bool


class TopicProblemDocument(Struct, frozen=True):
    """What is wrong with a topic. No part of the engine starts over an error; a warning lets it pass."""

    topic: str
    severity: str
    message: str
    hint: str


class PartitionRead(Struct, frozen=True):
    """How far a group has read a partition, None where it has read nothing, and where that ends, in offsets."""

    partition: int
    read: int | None
    end: int
    lag: int


class GroupDocument(Struct, frozen=True):
    """How many records of a topic a group has not read yet, in all and by partition."""

    group: str
    topic: str
    lag: int
    partitions: list[PartitionRead]


class TopicsDocument(Struct, frozen=True):
    """`winback topics --json`. The groups are those whose name begins with the prefix."""

    topics: list[TopicDocument]
    problems: list[TopicProblemDocument]
    groups: list[GroupDocument]


class PreflightDocument(Struct, frozen=True):
    """`winback preflight --json`. With a check whose level is `error` it exits 1, and go-live refuses."""

    checks: list[Check]


class GoLiveDocument(Struct, frozen=True):
    """`winback go-live --json`. `live_since` is when it went live, None where it was refused."""

    checks: list[Check]
    live_since: str | None


class Change(Struct, frozen=True, rename={"source": "from"}):
    """What an apply changed about one workflow: its version before and after; None where there is none."""

    workflow: str
    source: int | None
    to: int | None
    effect: str


class PutInForce(Struct, frozen=True):
    """One apply: when, by whom (and whose plan it was), what it changed in words, and what became of runs, by workflow.

    `taken_back` says that it returned to what was in force before.
    """

    at: str
    who: str
    planned_by: str | None
    what: list[str]
    moves: dict[str, str]
    taken_back: bool


class PlanDocument(Plan, frozen=True, kw_only=True):
    """`winback plan --json`: the plan, and what is wrong with the files; with errors there is no change in it."""

    problems: list[FoundProblem]


class ApplyDocument(Struct, frozen=True):
    """`winback apply --json`. `in_force` is the last apply that changed something; None where errors keep this one out."""

    changes: list[Change]
    applied: bool
    in_force: PutInForce | None
    problems: list[FoundProblem]


class PauseDocument(Struct, frozen=True):
    """One pause: its scope (engine, workflow, template, domain), whom it names, since when, why and by whom."""

    scope: str
    name: str
    at: str
    why: str
    who: str = ""


class PausesDocument(Struct, frozen=True):
    """`winback pause --json` and `unpause --json`: all pauses that hold now, and how many sends they hold."""

    paused: list[PauseDocument]
    held: int


class Decided(Struct, frozen=True):
    """One decision of a customer's story: when, what, why, and the line of YAML it follows from (if it does)."""

    at: str
    what: str
    why: str
    file: str | None = None
    line: int | None = None


class ExplainDocument(Struct, frozen=True):
    """`winback explain --json`. Newest decisions are last.

    `gate` has an answer for each purpose and channel (`marketing/email`); `consents` is what was said of permissions.
    """

    customer: dict[str, Any]
    standing: str
    standing_since: str | None
    evidence: list[str]
    runs: list[dict[str, Any]]
    decisions: list[Decided]
    gate: dict[str, GateAnswer]
    consents: list[ConsentTold]


class WhoDocument(Struct, frozen=True):
    """One customer of `winback who --json`, which prints a list of them."""

    customer: str
    email: str | None
    standing: str
    workflow: str | None = None
    stage: str | None = None
    since: str | None = None


class CadenceDocument(Struct, frozen=True):
    """`winback cadence --json`. Days without an interval known are None; quantiles are interpolated linearly."""

    customers: int
    orders: int
    intervals: int
    sum_days: int
    mean_days: float | None
    median_days: float | None
    quantiles: dict[str, float | None]
    threshold_days: float | None
    inactive: int
    inactive_repeaters: int
    inactive_one_time: int
    first_day: str | None
    last_day: str | None
    duplicates: int = 0
    dead_letters: int = 0
    categories: dict[str, Any] = {}


class DeadLetterDocument(Struct, frozen=True):
    """One dead letter: `count` is how often the same bytes came from the same place. `raw` is shown by `show` alone."""

    id: int
    at: str
    last_at: str
    origin: str
    reason: str
    count: int
    raw: str | None = None


class ReplayDocument(Struct, frozen=True):
    """`winback dead-letters replay --json`."""

    replayed: int
    accepted: int
    duplicate: int
    still_dead: int


class PreviewDocument(Struct, frozen=True):
    """`winback preview --json`."""

    template: str
    language: str
    subject: str
    text: str
    html: str


class SentToMeDocument(Struct, frozen=True):
    """`winback test-send --json`. `outcome` is done where the sender took the mail; else `detail` says why not."""

    template: str
    to: str
    language: str
    subject: str
    outcome: str
    message_id: str
    detail: str


class WalkMail(Struct, frozen=True):
    """One mail of a walk; `outcome` is done where the sender took it, else `detail` says why not."""

    template: str
    subject: str
    outcome: str
    detail: str


class WalkDay(Struct, frozen=True):
    """One day of a walk: how many days after the start, its date, what was done, in a scenario's words, and the mails."""

    day: int
    date: str
    actions: list[str]
    mails: list[WalkMail]


class WalkDocument(Struct, frozen=True):
    """`winback walk --json`."""

    workflow: str
    to: str
    days: list[WalkDay]


class MintedDocument(Struct, frozen=True):
    """`winback coupons mint --json`. `ready`: they are given out at once, and need not be loaded."""

    offer: str
    pool: str
    minted: int
    file: str
    ready: bool


class LoadedDocument(Struct, frozen=True):
    """`winback coupons load --json`. `known` were there before, in this file or in an earlier one."""

    offer: str
    pool: str
    taken: int
    known: int
    refused: list[RefusedRow]


class BackupDocument(Struct, frozen=True):
    """`winback backup --json`. `as_of` is the last moment it holds; `secret` is the file that is not in it."""

    file: str
    bytes: int
    as_of: str
    customers: int
    secret: str


class RestoreDocument(Struct, frozen=True):
    """`winback restore --json`.

    `known`: an older database told what left since the backup (`calls`, `said`, `recovered` count what it told); else
    `why_unknown` says why not, and the rest what was assumed. `fell_due` counts runs by workflow and stage.
    """

    backup_of: str
    restored_at: str
    customers: int
    known: bool
    why_unknown: str
    moved_to: str
    calls: int
    said: int
    recovered: int
    settled: int
    uncertain: int
    assumed_entered: dict[str, int]
    codes_put_aside: dict[str, int]
    erased_again: int
    fell_due: dict[str, dict[str, int]]


class ExportStateDocument(Struct, frozen=True):
    """`winback export-state --json`. `rows` counts by part; `paused`: the engine that was left sends nothing any more."""

    file: str
    engine: str
    as_of: str
    customers: int
    rows: dict[str, int]
    secret: str
    paused: bool


class ImportStateDocument(Struct, frozen=True):
    """`winback import-state --json`. `came_from` and `engine` are embedded or distributed."""

    file: str
    came_from: str
    engine: str
    as_of: str
    customers: int
    rows: dict[str, int]


class JudgedRecipient(Struct, frozen=True):
    """What a report says of one recipient; `address` is empty where it was left out.

    `verdict` is dead, doubtful, full, policy, spam, soft, complaint, auto_reply, delivered or unknown; `evidence` are the words
    and codes that decided.
    """

    address: str
    verdict: str
    status: str
    reason: str
    evidence: list[str]


class ReadMail(Struct, frozen=True):
    """A mail that was read: `kind` is bounce, complaint, auto_reply, delivered or other."""

    file: str
    kind: str
    recipients: list[JudgedRecipient]


class BounceDocument(Struct, frozen=True):
    """`winback bounce --json`: the mails in the order of the files; of a mailbox the second is `FILE#2`."""

    files: list[ReadMail]
