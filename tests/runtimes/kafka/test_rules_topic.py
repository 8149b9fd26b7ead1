from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from engine.core.shop import Shop
from engine.runtimes.kafka.rules_topic import KnownRules, RulesDocument, RulesError, decode_rules, encode_rules
from tests.acceptance.shipped import shipped

WORKFLOWS = shipped()
DOCUMENT = RulesDocument(
    epoch=3,
    at=5,
    applied=4,
    rule_set=WORKFLOWS,
    versions=tuple(WORKFLOWS.workflows.values()),
    templates='{"brand":{},"sources":{"a/de.txt":"Hallo"}}',
)


def test_the_shipped_rules_come_back_as_they_were_put() -> None:
    """A worker decides by the very rules that were put in force: no field is lost on the way."""
    assert decode_rules(encode_rules(DOCUMENT)) == DOCUMENT


def test_rules_find_the_versions_that_runs_are_on() -> None:
    """A run that began on an earlier version finishes on it."""
    name, workflow = next(iter(WORKFLOWS.workflows.items()))
    document = replace(DOCUMENT, versions=(*DOCUMENT.versions, replace(workflow, version=7)))
    shop = Shop(epoch=3)
    rules = decode_rules(encode_rules(document)).rules(shop, key=b"k")
    assert rules.version(name, 7).version == 7
    assert rules.rule_set == WORKFLOWS
    assert rules.shop is shop


def test_of_an_epoch_the_last_document_counts() -> None:
    """Templates change within an epoch; a forgotten epoch, a record without a value, is no trouble."""
    known = KnownRules()
    other = replace(DOCUMENT, applied=5, templates="{}")
    earlier = replace(DOCUMENT, epoch=2)
    known.take([encode_rules(earlier), encode_rules(DOCUMENT), None, encode_rules(other)])
    assert known.document(2) == earlier
    assert known.document(3) == known.newest == other


def test_an_epoch_that_is_not_there_is_told_by_its_number() -> None:
    """Nobody decides by rules that are not those of the epoch."""
    with pytest.raises(RulesError, match="epoch 9"):
        KnownRules().document(9)


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"no", "cannot be read"), (encode_rules(replace(DOCUMENT, format=2)), "a newer winback wrote")],
    ids=["foreign", "newer"],
)
def test_a_record_that_is_not_understood_stops_in_words(raw: bytes, said: str) -> None:
    """A worker must not go on by half of the rules."""
    with pytest.raises(RulesError, match=said):
        decode_rules(raw)


def test_the_document_is_json_that_any_tool_reads() -> None:
    """What stands in the topic can be looked at."""
    assert msgspec.json.decode(encode_rules(DOCUMENT))["epoch"] == 3
