"""What every application does with an event: read it, decide by the shipped workflows, and keep the record as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.core.customer import Customer, decode, encode
from engine.core.deciding import decide
from engine.core.decision import Decision
from engine.core.effects import SEND_REQUESTED
from engine.core.facts import is_known
from engine.core.reading import Reader
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import Happened, TimeUp


@dataclass
class Kernel:
    """The shared step: (state, event) -> (state, sends). What is overdue rings before the event, as it does in winback.

    A peer has no timers that ring without an event, no ledger and no lines: it does less than a winback worker.
    """

    rules: Rules
    events: int = 0
    sends: int = 0
    reader: Reader = field(default_factory=Reader)

    @classmethod
    def of(cls, rules_file: Path) -> Kernel:
        """Read the rule set that `./dev bench kafka` wrote as JSON."""
        rule_set = msgspec.json.decode(rules_file.read_bytes(), type=RuleSet)
        return cls(Rules(rule_set, Shop(known_since=0, gone_live=True), key=b"benchmark"))

    def step(self, raw: bytes, state: bytes | None) -> tuple[bytes, list[str]]:
        """Take in one event; return the record after it and the ids of the sends it led to."""
        event = self.reader.read(raw).event
        assert event is not None, "the sample holds no bad line"
        customer = Customer(event.customer) if state is None else decode(state)
        self.events += 1
        sends: list[str] = []
        if customer.next_due is not None and customer.next_due < event.time:
            customer = self._take(decide(customer, TimeUp(), event.time, self.rules), sends)
        if not is_known(customer, event):
            customer = self._take(decide(customer, Happened(event), event.time, self.rules), sends)
        self.sends += len(sends)
        return encode(customer), sends

    def _take(self, decision: Decision, sends: list[str]) -> Customer:
        sends += [each.effect_id for each in decision.effects if each.type == SEND_REQUESTED and not each.shadow]
        return decision.customer
