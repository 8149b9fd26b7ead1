"""No part of the distributed engine begins over topics that would lose or double something."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from tests.acceptance.kafka.commands import ROOT, winback
from tests.server_processes import free_port

PARTS = ("gateway", "worker", "projector", "sender")


@pytest.fixture
def settings(kafka: str, prefix: str, postgres: str) -> dict[str, str]:
    """An installation of its own on the run's servers."""
    listen = {f"listen_{name}": f"127.0.0.1:{free_port()}" for name in ("public", "ops")}
    return {
        "kafka_brokers": kafka,
        "kafka_prefix": prefix,
        "kafka_partitions": "3",
        "kafka_reach_within": "2",
        "postgres_url": postgres,
        "secret": "a secret that is long enough",
        **listen,
    }


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the shipped workflows."""
    copytree(ROOT / "workflows", tmp_path / "workflows")
    return tmp_path


@pytest.mark.parametrize("part", PARTS)
def test_a_part_begins_over_no_wrong_topic(
    shop: Path, settings: dict[str, str], kafka: str, prefix: str, part: str
) -> None:
    """Without topics, with another number of partitions, and with a changelog that forgets, each part ends in words (1)."""
    missing = winback(shop, part, settings=settings, within=60)
    assert winback(shop, "topics", "--create", settings=settings).code == 0
    renumbered = winback(shop, part, settings=settings | {"kafka_partitions": "4"}, within=60)
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        forgets = {"cleanup.policy": "delete"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, f"{prefix}.customers", forgets)])
    forgetful = winback(shop, part, settings=settings, within=60)

    assert [each.code for each in (missing, renumbered, forgetful)] == [1, 1, 1]
    assert f"{prefix}.inbox: there is no such topic: winback topics --create makes it" in missing.err
    assert "kafka.partitions is 4: set kafka.partitions to 3" in renumbered.err
    assert f"{prefix}.customers: cleanup.policy is delete" in forgetful.err
    assert "Traceback" not in missing.err + renumbered.err + forgetful.err


@pytest.mark.parametrize("part", PARTS)
def test_a_part_waits_for_a_broker_and_gives_up_in_words(shop: Path, settings: dict[str, str], part: str) -> None:
    """Where no broker answers for as long as the settings say, a part that has not begun ends with who is missing (1)."""
    away = f"127.0.0.1:{free_port()}"

    called = winback(shop, part, settings=settings | {"kafka_brokers": away}, within=60)

    assert called.code == 1
    assert f"Kafka does not answer: {away}: Connection refused" in called.err
    assert "Traceback" not in called.err
