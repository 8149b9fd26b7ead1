"""The one list of places where something of a person lies: every table, file and topic, how it is exported and how erased.

A table that is added to schema.sql or schema.postgres.sql must be added here, or a test fails: whoever adds one says
whether anything in it is somebody's, and then lets `traces` find it and `wiping` take it out.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Place(Struct, frozen=True):
    """A place that holds something of persons.

    `personal` are its columns that do, each with what it holds; `plain` are the others. `found` says how one person's part
    of it is found, `exported` under which name an export shows it (empty: why it does not), `erased` what an erasure does.
    """

    name: str
    personal: dict[str, str]
    plain: tuple[str, ...] = ()
    found: str = ""
    exported: str = ""
    erased: str = ""


class Plain(Struct, frozen=True):
    """A place that holds nothing of any person, and why that is so."""

    name: str
    why: str


TABLES: Final[tuple[Place, ...]] = (
    Place(
        "customer",
        {"id": "who", "record": "all that is known"},
        ("num", "next_due", "standing", "hindrance"),
        "by id; merged records by what is left of them",
        "record",
        "row deleted, overwritten",
    ),
    Place("under_way", {"customer": "who"}, ("workflow", "stage"), "by the record", "runs", "row deleted"),
    Place("line", {"customer": "who"}, ("workflow", "reaction"), "by the record", "waiting", "row deleted"),
    Place(
        "identity",
        {"key": "hash of an address, message or code", "customer": "who"},
        (),
        "by key, and by a look at all",
        "identities",
        "row deleted",
    ),
    Place(
        "fresh",
        {"key": "as identity", "customer": "who"},
        ("seq", "day"),
        "by customer, on disk and in memory",
        "identities",
        "row deleted",
    ),
    Place(
        "journal",
        {"customer": "who", "signal": "the event as it came"},
        ("seq", "accepted"),
        "by a look at all",
        "journal",
        "rows deleted; in others' rows the trace is left out",
    ),
    Place(
        "effect",
        {"customer": "who", "effect_id": "in the Message-ID", "body": "name, address, codes, texts"},
        ("seq", "time", "type", "ordinal", "shadow"),
        "by customer, and by a look at all",
        "decisions, mails, coupons",
        "rows deleted; the newest row stays empty, for its number",
    ),
    Place(
        "outbox",
        {"effect_id": "in the Message-ID", "customer": "who", "body": "name, address"},
        ("seq", "recipient_domain", "template", "workflow", "queued_at", "next_try", "attempts"),
        "by customer",
        "mails",
        "rows deleted when it is asked for",
    ),
    Place(
        "ledger",
        {
            "effect_id": "in the Message-ID",
            "customer": "who",
            "message_id": "as it was sent",
            "detail": "what the server said",
        },
        ("state", "at", "attempts"),
        "by customer",
        "mails",
        "kept under a keyed hash, with state and instant alone",
    ),
    Place(
        "dead_letter",
        {"origin": "may name who", "reason": "may quote", "raw": "bytes as they came", "hash": "of the bytes"},
        ("id", "at", "last_at", "count"),
        "by origin, and by a look into all",
        "dead_letters",
        "rows deleted",
    ),
    Place(
        "parcel",
        {"customer": "who", "why": "may quote"},
        ("receiver", "seq", "first_try", "next_try", "attempts"),
        "by customer",
        "decisions (its effect)",
        "rows deleted",
    ),
    Place("data_request", {"customer": "who"}, ("at",), "by customer", "data_requested", "row deleted"),
    Place(
        "erasure",
        {"person": "who, while it is under way"},
        ("num", "id", "at", "who", "why", "state", "proof"),
        "by its number",
        "",
        "emptied at its end",
    ),
    Place(
        "blocked", {"key": "keyed hash of address or id"}, ("at",), "by key", "suppressions", "stays: it keeps the no"
    ),
    Place(
        "suppression",
        {"key": "keyed hash of an address's hash"},
        ("kind", "at"),
        "by key",
        "suppressions",
        "stays: it keeps the no",
    ),
    Place(
        "call_consent",
        {
            "key": "keyed hash of id, number or address",
            "sealed": "a consent to calls, readable with the shop's secret alone",
        },
        ("used", "erasure"),
        "by key",
        "call_consents",
        "stays for five years after the last call (§ 7a UWG): only a sealed copy of what was said of calls",
    ),
    Place(
        "erased",
        {"key": "keyed hash of id, address, message or code"},
        ("erasure",),
        "by key",
        "",
        "stays: it keeps what comes late from being taken in",
    ),
    Place(
        "shop",
        {"state": "how far sweeps have come, by id"},
        ("id", "accepted"),
        "by its two bookmarks",
        "",
        "a bookmark at the person is set back to the beginning; sums stay",
    ),
    # Of the distributed engine alone
    Place("snapshot", {"customer": "who"}, ("decided_at",), "by customer", "record", "row deleted"),
    Place(
        "shop_word",
        {"customer": "who", "signal": "what their partition is told"},
        ("number", "at", "partition", "mark", "origin"),
        "by customer",
        "",
        "rows deleted once they are told; the others within a minute of that",
    ),
    Place(
        "sender_word",
        {"customer": "who", "value": "how a send of theirs ended"},
        ("seq", "kind"),
        "by customer",
        "",
        "rows deleted",
    ),
    Place(
        "redemption",
        {"code": "given to somebody", "order_id": "their order"},
        ("at",),
        "by code",
        "coupons",
        "row deleted",
    ),
    Place(
        "partition_shop",
        {"state": "how far sweeps have come, by id"},
        ("partition", "reached", "at", "decided_at", "word"),
        "by the partition itself",
        "",
        "replaced as the partition goes on",
    ),
)

NOBODYS: Final[tuple[Plain, ...]] = (
    Plain("population", "counts"),
    Plain("headcount", "counts"),
    Plain("tally", "counts by day, template and reason"),
    Plain("seen", "hashes of events' own ids; they go by `keep: event_ids`"),
    Plain("receiver", "how far receivers have come"),
    Plain("rule_set", "rules"),
    Plain("workflow_version", "rules"),
    Plain("template_set", "templates and brand"),
    Plain("applied", "who of the shop's people put what in force"),
    Plain("proposal", "plans: counts, and who of the shop's people made them"),
    Plain("seeded", "addresses of the shop's own, named in the settings"),
    Plain("pool_code", "codes of the shop's own lists, each once; whose one became is in effects and records alone"),
    Plain("hook_call", "hashes of calls' own names and bodies, for a short time"),
    Plain("poll", "how far each shop was asked"),
    Plain("topic_position", "offsets"),
    Plain("partition_grant", "sums"),
    Plain("office", "numbers of words and epochs"),
    Plain("schema_version", "a number"),
)

FILES: Final[tuple[Place, ...]] = (
    Place(
        "winback.sqlite3, -wal, -shm",
        {"": "the tables"},
        found="see the tables",
        exported="see the tables",
        erased="deleted content is overwritten, the log cut to nothing",
    ),
    Place(
        "effects.jsonl",
        {"": "what was told outside"},
        found="by a look at each line",
        erased="lines overwritten in their place",
    ),
    Place(
        "effects/*.csv",
        {"": "suppressions, hand-offs and tags by day"},
        found="by a look at each row",
        erased="rows overwritten in their place",
    ),
    Place(
        "mailbox/",
        {"": "messages, where no mail server is named; tasks for teams"},
        found="by effect, recipient and content",
        exported="mails (subject)",
        erased="files overwritten and removed, the index written anew",
    ),
)

KEPT_ELSEWHERE: Final[tuple[tuple[str, str], ...]] = (
    (
        "backups and exported states",
        "as long as you keep them: delete those from before, or erase again after a restore",
    ),
    ("files that were imported", "as long as you keep them"),
    ("the person's own mailbox, and your mail service's records", "not ours"),
    ("what receivers of effects were told (webhooks, teams, the shop's tools)", "not ours: ask each of them"),
    ("the shop's orders and invoices", "not ours: the shop keeps them as long as the law says"),
)
"""What an erasure cannot reach, and until when it is there: every proof says so."""
