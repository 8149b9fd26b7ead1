"""Hand-offs as mails to the team: who, why, what they may do, and where the whole story is.

The mail is about a customer and not to one: it counts in no cap and stands in no ledger. It comes again where nobody knows
whether it was taken: a team that reads of one customer twice, under one Message-ID, is better off than one that does not
read of them at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from urllib.parse import urlencode

from engine.core.customer import Customer
from engine.core.effects import HANDED_OFF, Effect
from engine.ports import Message, Receipt, Sender
from engine.rendering.envelope import Desk, message_id

MAY = {
    "call": "call them",
    "write": "write to them",
    "answer": "answer when they ask; they permitted nothing more",
}
_LONGEST_NAME = 100  # letters; it stands in the subject


class TeamMail:
    """Mails the hand-offs of one team."""

    types = frozenset({HANDED_OFF})
    at_once = 1

    def __init__(
        self,
        team: str,
        address: str,
        sender: Sender,
        desk: Callable[[], Desk],
        console_url: str,
        only_to: tuple[str, ...] = (),
    ) -> None:
        """`desk` returns who writes as of now; `only_to` are patterns of addresses, none: everybody."""
        self.name = f"teams.{team}"
        self._team, self._address, self._sender, self._desk = team, address, sender, desk
        self._console_url, self._only_to = console_url.rstrip("/"), only_to

    def takes(self, effect: Effect) -> bool:
        """Say whether it is this team's."""
        return bool(effect.data.get("team") == self._team)

    async def take(self, effect: Effect, record: Customer | None) -> Receipt:
        """Mail it."""
        if self._only_to and not any(fnmatchcase(self._address.casefold(), each.casefold()) for each in self._only_to):
            return Receipt("later", "sender.only_to does not let the team's address have mail")
        sent = await self._sender.send(self._message(effect, record))
        if sent.outcome == "done":
            return Receipt("done")
        said = " ".join(word for word in (sent.kind, sent.status) if word) or sent.outcome
        return Receipt("later", f"the mail was not taken: {said}")  # a no is about the team's mailbox, and can be cured

    async def close(self) -> None:
        """End nothing: the sender is the relay's too."""

    def _message(self, effect: Effect, record: Customer | None) -> Message:
        desk = self._desk()
        called = _called(effect, record)
        return Message(
            effect_id=effect.id,
            message_id=message_id(effect.id, desk.domain),
            sender_name=desk.name,
            sender_address=desk.address,
            recipient=self._address,
            subject=f"For {self._team}: {called}",
            text="\n".join(self._lines(effect, record, called)),
            html="",
            headers={"Auto-Submitted": "auto-generated"},
            not_after=0,
        )

    def _lines(self, effect: Effect, record: Customer | None, called: str) -> Iterator[str]:
        data, may = effect.data, effect.data.get("may") or ["answer"]
        yield f"{called} (customer {effect.customer}) needs a person."
        yield ""
        yield "You may"
        yield from (f"- {MAY.get(each, each)}" for each in may)
        yield ""
        reach = dict(_reach(may, record))
        if reach:
            yield from (f"{name}: {value}" for name, value in reach.items())
            yield ""
        yield "Why"
        yield from (f"- {reason}" for reason in data.get("reasons") or ["the workflow says so"])
        yield ""
        yield f"Their story: {self._console_url}/customer?{urlencode({'id': effect.customer})}"
        yield ""
        yield "What came of it, so that we know how to go on: an event hand_off.answered with"
        yield f"  hand_off: {data.get('hand_off', effect.effect_id)}"
        yield "  result: reached, not_reached, won, later or never"
        yield ""
        where = ", ".join(f"{name} {data[name]}" for name in ("workflow", "version", "stage") if data.get(name))
        yield f"({where}; {effect.cloud_event()['time']})"


def _called(effect: Effect, record: Customer | None) -> str:
    names = [record.value(name) for name in ("first_name", "last_name")] if record is not None else []
    called = " ".join(str(name) for name in names if name) or effect.customer
    return " ".join("".join(each if each.isprintable() else " " for each in called).split())[:_LONGEST_NAME]


def _reach(may: list[str], record: Customer | None) -> Iterator[tuple[str, str]]:
    """By what the team can do what it may; what it may not do it need not be tempted to."""
    if record is None:
        return
    wanted = {"Phone": "phone"} if "call" in may else {}
    wanted |= {"Mail": "email", "Address": "postal"} if "write" in may else {}
    for name, field in wanted.items():
        if value := record.value(field):
            parts = value.values() if isinstance(value, dict) else [value]
            yield name, ", ".join(str(part) for part in parts if part)
