"""What a worker has taken out of Faust's hands, and that Faust, as installed, would have lost something there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.faust_app import HeldApp, HeldConsumer, make_app

INBOX = TP("winback.inbox", 3)


class Books:
    """What is durable, as a worker would say it."""

    def __init__(self, durable: int | None) -> None:
        self.durable = durable

    def to_commit(self, tp: TP) -> int | None:
        """Return it, of one partition."""
        assert tp == INBOX
        return self.durable

    def to_read(self, committed: Any) -> dict[TP, int]:
        """Return nothing: nobody reads here."""
        return dict.fromkeys(committed, 0)


@pytest.fixture
async def app(tmp_path: Path) -> HeldApp:
    """An app that never starts: there is no broker."""
    made, _ = make_app(
        "winback-worker",
        Brokers(addresses=("127.0.0.1:1",)),
        inbox=INBOX.topic,
        changelog="winback.customers",
        partitions=4,
        slot="one",
        session_timeout=10,
        commit_interval=2,
        folder=tmp_path,
    )
    return made


def acknowledged(consumer: Any, committed: int | None, *offsets: int) -> Any:
    """Let a consumer believe that these records were acknowledged, and no others since the last commit."""
    consumer._acked = defaultdict(list, {INBOX: list(offsets)})
    consumer._acked_index = defaultdict(set, {INBOX: set(offsets)})
    consumer._committed_offset = defaultdict(lambda: None, {INBOX: committed})
    consumer._gap = defaultdict(list)
    return consumer


def held(app: HeldApp, durable: int | None) -> HeldConsumer:
    """Return our consumer with these books behind it, unstarted."""
    consumer = HeldConsumer.__new__(HeldConsumer)
    consumer.app = app
    app.offsets = Books(durable)
    return consumer


async def test_faust_would_commit_past_a_record_under_way(app: HeldApp) -> None:
    """Of a new group record 5 is acknowledged and 4 is not: Faust commits 6. We commit what is durable (D2, #606)."""
    assert Consumer._new_offset(acknowledged(Consumer.__new__(Consumer), None, 5), INBOX) == 6
    assert acknowledged(held(app, 4), None, 5)._new_offset(INBOX) == 4
    assert Consumer._new_offset(acknowledged(Consumer.__new__(Consumer), 31, 32), INBOX) == 33


async def test_acknowledgements_of_faust_move_nothing(app: HeldApp) -> None:
    """Whatever Faust acknowledges by itself (a failed event, one of an old generation), nothing durable means no commit."""
    assert acknowledged(held(app, None), 31, 32, 33, 40)._new_offset(INBOX) is None


async def test_gaps_in_acknowledgements_stop_no_commit(app: HeldApp) -> None:
    """A gap that never closes keeps Faust from committing for ever (D6, #596); what is durable is committed all the same."""
    assert Consumer._new_offset(acknowledged(Consumer.__new__(Consumer), 31, 40), INBOX) is None
    assert acknowledged(held(app, 38), 31, 40)._new_offset(INBOX) == 38


async def test_faust_has_nothing_to_recover(app: HeldApp) -> None:
    """Faust is told that the changelog is empty, so its recovery, which hangs in several ways, never begins."""
    ends = await held(app, None).highwaters(TP("winback.customers", 0), TP("winback.customers", 1))
    assert set(ends.values()) == {0}


async def test_the_table_is_written_by_flushes_alone(app: HeldApp) -> None:
    """Faust's way of writing a table sends a record for each put, and tells nobody whether it got there: it is shut."""
    table: Any = app.tables["customers"]
    app.look_up = {b"ada": b"her record"}.get
    assert table.data[b"ada"] == b"her record"
    with pytest.raises(TypeError, match="by flushes alone"):
        table.data[b"ada"] = b"another"
    with pytest.raises(RuntimeError, match="must not"):
        table.data.apply_changelog_batch([object()], None, None)


async def test_how_the_app_is_set(app: HeldApp) -> None:
    """At least once, no web server, no standbys, no topics made by itself, a lasting name in the group."""
    conf: Any = app.conf
    assert conf.processing_guarantee.value == "at_least_once"
    assert not conf.web_enabled
    assert conf.table_standby_replicas == 0
    assert not conf.topic_allow_declare
    assert conf.consumer_group_instance_id == "one"
    assert conf.broker_session_timeout == 10
    await asyncio.sleep(0)
