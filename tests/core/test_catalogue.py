"""The catalogue of events: it knows every type, its examples are good, and the schema says what the reader takes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from engine.core.catalogue import CATALOGUE, example, fields, schema
from engine.core.events import DATA
from engine.core.reading import Reader, encode

# The contract's table: type, required and optional fields of the data.
CONTRACT = """
order.placed: order_id total currency; email items coupon country
order.cancelled: order_id; amount currency reason
order.refunded: order_id; amount currency reason
order.delivered: order_id;
email.sent: ; message_id email purpose name sender
email.delivered: ; message_id email purpose name sender
email.bounced: ; message_id email kind status diagnostic
email.opened: ; message_id email user_agent ip method machine unverified why sender
email.clicked: ; message_id email link links hidden user_agent ip method machine unverified why sender
email.replied: ; message_id email kind
email.complained: ; message_id email list purpose
email.unsubscribed: ; message_id email list purpose
newsletter.subscribed: ; email proof
newsletter.confirmed: ; email proof
consent.given: purpose; channel basis given_at expires proof
consent.withdrawn: purpose; channel basis given_at expires proof
coupon.given: ; code offer
coupon.redeemed: code; order_id reason
coupon.ready: code; order_id reason
coupon.refused: code; order_id reason
survey.answered: survey; answers cause
invitation.answered: invitation answer;
hand_off.answered: hand_off result; cause call_again_on note
profile.updated: ; email first_name last_name salutation formal company role language timezone country birthday phone \
postal channel frequency account_manager tier points points_expire contract_ends attributes
ticket.opened: ticket_id; topic cause
ticket.solved: ticket_id; topic cause
contract.cancelled: ; reason cause competitor_contract_ends
customer.visited: ; page
customer.logged_in: ; page
account.closed: ;
customer.merged: into;
customer.ended: ; reason
customer.erased: ;
customer.data_requested: ;
sender.reputation: provider day; spam_rate reputation
"""


@pytest.mark.parametrize("line", CONTRACT.strip().splitlines())
def test_the_fields_are_those_of_the_contract(line: str) -> None:
    """Each type has the fields that the outside relies on, required and optional; an address goes with all of them."""
    kind, names = line.split(":")
    required, optional = (set(part.split()) for part in names.split(";"))
    ours_required, ours_optional = map(set, fields(kind))
    assert ours_required == required
    assert optional <= ours_optional <= optional | {"email", "reason"}


def test_all_types_are_in_it() -> None:
    """The contract, the catalogue and the table of data have the same types."""
    assert [line.split(":")[0] for line in CONTRACT.strip().splitlines()] == list(CATALOGUE) == list(DATA)


@pytest.mark.parametrize("kind", DATA)
def test_examples_can_be_sent_as_they_stand(kind: str) -> None:
    """Each example is taken, says all that is required, and names only fields that there are."""
    read = Reader().read(json.dumps(example(kind)).encode())
    assert read.dead is None
    assert read.event is not None
    assert read.event.type == kind
    required, optional = fields(kind)
    assert set(required) <= CATALOGUE[kind].example.keys() <= {*required, *optional}
    assert Reader().read(encode(read.event)).event == read.event


@pytest.mark.parametrize("kind", DATA)
def test_the_schema_says_what_the_reader_asks_for(kind: str) -> None:
    """Taking away a field fails to be read exactly where the schema calls it required."""
    made = schema()["$defs"]
    event = example(kind)
    for field in ("id", "time", "type"):
        assert field in made[kind]["required"]
        assert Reader().read(json.dumps({**event, field: None}).encode()).event is None or kind in SAYS_NO_STILL
    data = made[DATA[kind].__name__]
    for field in CATALOGUE[kind].example:
        less = {**event, "data": {key: value for key, value in CATALOGUE[kind].example.items() if key != field}}
        is_required = field in data.get("required", [])
        assert (Reader().read(json.dumps(less).encode()).dead is not None) == is_required


SAYS_NO_STILL = {kind for kind in DATA if Reader().read(json.dumps({**example(kind), "id": None}).encode()).event}


def test_a_schema_is_json() -> None:
    """The schema has a definition with its meaning for each type, and all it refers to is there."""
    made = schema()
    refs: list[str] = []

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            refs.extend(inner for key, inner in value.items() if key == "$ref")
            for inner in value.values():
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)

    visit(made)
    assert {ref.removeprefix("#/$defs/") for ref in refs} == made["$defs"].keys()
    assert all(made["$defs"][kind]["description"] for kind in DATA)
    assert made["$defs"]["OrderPlaced"]["properties"]["total"]["type"] == ["string", "number"]
    assert msgspec.json.decode(msgspec.json.encode(made)) == made
