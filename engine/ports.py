"""Ports: what the engine needs of the outside, as Protocols. Runtimes and connectors implement them.

Each port has one contract suite under tests/contracts, run on every adapter and on the honest fakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Happened


class Store(Protocol):
    """Records, identities, outbox and journal, inside one open transaction.

    A runtime opens the transaction, hands the store to `handling` for a batch of signals, and commits. Everything put
    is there after the commit, or nothing is.
    """

    def load(self, customer_id: str) -> Customer | None:
        """Return the customer's record as of this transaction, None where there is none."""
        ...

    def save(self, before: Customer | None, after: Customer) -> None:
        """Keep the record, its next due time, and its places in the lines of waiting workflows (`after.waiting`)."""
        ...

    def find(self, key: str) -> str | None:
        """Return the customer id known under an identity key (`mail:ada@example.org`, `message:<id>`, `coupon:<code>`)."""
        ...

    def know(self, key: str, customer_id: str) -> None:
        """Remember an identity key; the newest owner of a key wins."""
        ...

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:
        """Say whether this 16-byte reference was seen before, and remember it.

        It is of an event about a customer (of the shop: empty), with whom a store may keep it.
        """
        ...

    def put(self, effects: Iterable[Effect]) -> None:
        """Append effects to the log of effects; `winback.send.requested` ones also go to the outbox."""
        ...

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Append the signal to the journal, in the order of decision."""
        ...

    def bury(self, letter: DeadLetter, now: Instant) -> bool:
        """Keep a dead letter; False where the same letter of the same origin is there already (it is counted)."""
        ...

    def save_shop(self, shop: Shop) -> None:
        """Keep the shop's state, in the same transaction."""
        ...

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return up to `limit` customers whose next due time has come, as (due, customer id), in that order."""
        ...

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return up to `limit` customers that wait to be let into a workflow, the latest reaction first, then by id."""
        ...

    def line_length(self, workflow: str) -> int:
        """Return how many customers wait to be let into a workflow."""
        ...

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return up to `limit` of those in a workflow as (stage, customer id) that follow `after`, in that order."""
        ...

    def scan(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` customer ids that follow `after`, in the order of ids: a sweep's way through everybody."""
        ...


class Erasures(Protocol):
    """The list of those who were erased, and the beginning of an erasure."""

    def knows(self, event: Event) -> bool:
        """Say whether an event is about somebody who was erased."""
        ...

    def has(self, keys: Iterable[str]) -> bool:
        """Say whether one of these identity keys is of somebody who was erased."""
        ...

    def load(self, connection: Any) -> None:
        """Take over the list as it is in the books."""
        ...

    def knows_bytes(self, raw: bytes) -> bool:
        """Say whether bytes that cannot be read speak of somebody who was erased."""
        ...

    def begin(self, store: Any, customer_id: str, record: Customer | None, event: Event, now: Instant) -> None:
        """Begin to erase whoever an event says so of, in the transaction under way; the record is as it was before."""
        ...


class Elsewhere(Protocol):
    """The shop's customers that are kept in another partition, and whoever keeps identities for all partitions.

    What they are told goes by a word: it arrives a moment later, at least once, and in order from one customer to
    another. A runtime that keeps all customers has none of it.
    """

    def has(self, customer_id: str) -> bool:
        """Say whether a customer is kept elsewhere, known or not."""
        ...

    def tell(self, customer_id: str, signal: AnySignal) -> None:
        """Tell a customer elsewhere a signal; there it comes to `Across.told`."""
        ...

    def known(self, key: str, customer_id: str, *, history: bool) -> None:
        """Let an identity key belong to a customer from now on; what follows (`across.claimed`) is told those concerned."""
        ...

    def heard(self, address: str, told: Happened) -> None:
        """Tell an event about a mail address to whoever has it, if anybody does: its customer is left empty."""
        ...


class Message(Struct, frozen=True):
    """A message ready to leave. `headers` are complete but for what the transport adds; addresses are bare.

    `envelope_sender` is where reports about it go, empty where that is the sender's address.
    """

    effect_id: str
    message_id: str
    sender_name: str
    sender_address: str
    recipient: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    not_after: Instant
    envelope_sender: str = ""


class Sent(Struct, frozen=True):
    """The end of one call of a sender.

    `outcome`: `done`; `refused` (a final no about this recipient or message); `later` (a temporary no: try again after
    a while); `unknown` (the connection broke after the message was given: it may have been taken). `kind`, `status` and
    `diagnostic` are those of a bounce, for `refused`. `turned_away`: a temporary no that speaks of us as a sender (rate,
    reputation, authentication), which slows the ramp. `retry_after` is how long the other side asks us to wait, in
    microseconds; 0 where it names no time.
    """

    outcome: str
    kind: str = ""
    status: str = ""
    diagnostic: str = ""
    turned_away: bool = False
    retry_after: int = 0


class Sender(Protocol):
    """Hands messages to the world, one by one. Never raises for what a server says; the outcome tells."""

    #: whether a repeated call with the same effect id is recognised by the other side
    honours_key: bool

    async def send(self, message: Message) -> Sent:
        """Hand the message over and say how it ended."""
        ...

    async def find(self, effect_id: str, message_id: str) -> Sent | None:
        """Ask the other side what became of a call of unknown end; None where it cannot be asked.

        `done` says that it has the message. `unknown` says that it does not know it by now, which proves nothing: what
        was taken a moment ago may be found a moment later.
        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class Receipt(Struct, frozen=True):
    """What a receiver says of an effect.

    `outcome`: `done`; `refused` (a final no about this effect: a dead letter, for a person to look at); `later` (not now,
    or nobody knows: it comes again, after `retry_after` microseconds at the earliest where the receiver names them).
    `reason` is shown in `status` and holds nothing personal. `events` are what there is to tell us: they are taken in
    with the note that the effect was taken, their time being then, and come again with the same ids if it does.
    """

    outcome: str
    reason: str = ""
    retry_after: int | None = None
    events: tuple[Event, ...] = ()


class Receiver(Protocol):
    """Takes effects other than mails out into the world: a tool of the shop's, a team, the shop itself.

    An effect comes at least once, in order for each customer; its id (`effect.id`) is the key to know it again by.
    """

    #: by which `status`, the deliveries' table and dead letters know it
    name: str
    #: types of effects as the outside knows them (`winback.suppressed`); what is of another type never comes
    types: frozenset[str]
    #: how many effects it takes at a time, each of another customer
    at_once: int

    def takes(self, effect: Effect) -> bool:
        """Say whether an effect of its types is for it."""
        ...

    async def take(self, effect: Effect, record: Customer | None) -> Receipt:
        """Take an effect, and say how it ended; `record` is the customer as of now. Never raises for what others do."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class Clock(Protocol):
    """The time of day. Only runtimes ask it, once per signal they accept."""

    def now(self) -> Instant:
        """Return the present instant; it never goes back."""
        ...


class HookCall(Struct, frozen=True):
    """One POST of a service that tells us what happened. `headers` are by names in small letters, `body` as it came."""

    headers: Mapping[str, str]
    body: bytes
    now: Instant


class Heard(Struct, frozen=True):
    """What a call said: events of ours as bytes, none where it tells nothing that we keep.

    Where the signature does not cover what is said, `once` is what it does cover and no other call has, and what was said
    with it: whoever took it remembers both, and hears nothing else under the same name.
    """

    events: tuple[bytes, ...] = ()
    once: tuple[str, bytes] | None = None
    of_orders: tuple[tuple[str, bytes], ...] = ()
    """Events that name an order and nobody, each behind the order's number: whoever has heard of it knows whose it is."""


class ForgedError(Exception):
    """A call is not from whom it says it is, or is too old to tell; the message holds nothing of the call."""


class UnreadableError(Exception):
    """A call is from whom it says, but cannot be read; the message says what was expected."""


class Hook(Protocol):
    """One service that posts to us: checks that a call is its own, and says in our words what happened."""

    #: its name in the settings and in the path, and the source of its events
    name: str

    async def hear(self, call: HookCall) -> Heard:
        """Return what a call said. Of a call that comes again the events have the same ids.

        Raises:
            ForgedError: the signature is missing or wrong, or what it signs is too old.
            UnreadableError: the body is not what this service sends.

        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


@runtime_checkable
class GreetingHook(Hook, Protocol):
    """A hook whose service asks, by a GET, for a proof of who we are before it tells anything."""

    def greet(self, call: HookCall) -> bytes:
        """Return the answer, as JSON; the body of the call is the query as it came. Nothing is changed by it.

        Raises:
            ForgedError: it is not the service that asks.

        """
        ...
