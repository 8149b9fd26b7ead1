"""The gateway without a broker: what comes in, and in which records of the inbox it goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.books.journal import encode_signal
from engine.core.address import address_ref
from engine.core.customer import Customer
from engine.core.events import DeadLetter, Event, Mail, OrderPlaced, Reputation
from engine.core.message_ids import carrying
from engine.core.moments import SECOND, Instant
from engine.core.signals import GivenUp, Handed, Happened, Introduced, Shares
from engine.core.suppressions import Suppression, known_of
from engine.core.whose import NOBODY
from engine.runtimes.kafka.identifying import Claim, IdentitiesInMemory, Whose
from engine.runtimes.kafka.inbox import Inbox, until_next_second
from engine.runtimes.kafka.letters import KEPT_OF_A_LARGE_ONE, decode_letter, encode_letter
from engine.runtimes.kafka.producing import ProducerStoppedError, Row
from engine.runtimes.kafka.taking import Taking
from engine.runtimes.kafka.wire import MOST_ENTRIES, Entry, Record, decode_record, partition_of
from engine.runtimes.kafka.words import Heard, Known, told

KEY = b"k" * 32
EFFECT = "0123456789abcdef0123456789abcdef"
P = 4


class Topic:
    """A producer that keeps what it is given, takes its time, and can be away."""

    def __init__(self) -> None:
        self.records: list[list[Record]] = [[] for _ in range(P)]
        self.batches = 0
        self.there = asyncio.Event()
        self.there.set()
        self.refuses: Exception | None = None

    async def append(self, topic: str, partition: int, rows: Sequence[Row]) -> None:
        """Keep a batch."""
        assert topic == "inbox"
        await asyncio.sleep(0)
        await self.there.wait()
        if self.refuses is not None:
            raise self.refuses
        self.batches += 1
        self.records[partition] += [decode_record(value) for _, value, _ in rows if value is not None]

    def entries(self, partition: int) -> list[Entry]:
        """All entries of a partition, in order."""
        return [entry for record in self.records[partition] for entry in record.entries]

    def all_entries(self) -> list[Entry]:
        """All entries of all partitions."""
        return [entry for number in range(P) for entry in self.entries(number)]


class FasterElsewhere(IdentitiesInMemory):
    """Identities of which another gateway takes a key first."""

    async def claim(self, claims: Sequence[Claim]) -> Collection[str]:
        """Let the key be somebody else's by now."""
        self.owners.setdefault("mail:a@b.c", "c-2")
        return await super().claim(claims)


class Gate:
    """A gateway's inner parts around fakes."""

    def __init__(
        self, *, most_in_hand: int = 10_000_000, linger: float = 0.0, identities: IdentitiesInMemory | None = None
    ) -> None:
        self.topic = Topic()
        self.time: Instant = 1_000 * SECOND
        self.inbox = Inbox(
            self.topic,  # type: ignore[arg-type] # a fake with the one method that is used
            "inbox",
            P,
            lambda: self.time,
            most_in_hand=most_in_hand,
            linger=linger,
            linger_under_load=linger,
        )
        self.identities = identities or IdentitiesInMemory()
        self.letters: list[DeadLetter] = []
        self.listed: dict[str, Customer] = {}
        self.whose = Whose(self.identities, KEY, asyncio.get_running_loop().time)
        self.taking = Taking(self.inbox, self.whose, self.bury, self.look_at_list, lambda: self.time)

    def bury(self, letter: DeadLetter, _: Instant) -> asyncio.Future[None]:
        """Keep a letter."""
        self.letters.append(letter)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def look_at_list(self, addresses: Sequence[str]) -> dict[str, Customer]:
        """Say what is on the list of imported suppressions."""
        return {address: self.listed[address] for address in addresses if address in self.listed}


def order(customer: str, number: int, email: str = "") -> Event:
    """An order."""
    return Event(f"o-{number}", "shop", "order.placed", 0, customer, OrderPlaced(str(number), Decimal(1), "EUR", email))


async def test_events_go_to_the_partition_of_their_customer_in_the_order_they_came() -> None:
    """Whatever comes in between, what concerns one customer stands in one partition in order."""
    gate = Gate()
    events = [order(f"c-{number % 7}", number) for number in range(1_500)]

    given_ = await gate.taking.take(events, [f"orders/0/{number}" for number in range(1_500)])
    await given_.durable()

    for number in range(7):
        customer = f"c-{number}"
        got = [each for each in gate.topic.entries(partition_of(customer, P)) if each.customer == customer]
        assert [each.decoded() for each in got] == [Happened(each) for each in events if each.customer == customer]
        assert [each.origin for each in got] == [f"orders/0/{place}" for place in range(number, 1_500, 7)]
    assert all(len(each.entries) <= MOST_ENTRIES for records in gate.topic.records for each in records)
    assert {each.status for each in given_.results} == {"accepted"}
    assert gate.inbox.in_hand == 0


async def test_one_record_holds_what_came_together() -> None:
    """Events of one partition that come at once cost one record, not one each."""
    gate = Gate(linger=0.001)

    given_ = await gate.taking.take([order("c-1", number) for number in range(300)], [""] * 300)
    await given_.durable()

    records = gate.topic.records[partition_of("c-1", P)]
    assert [len(each.entries) for each in records] == [300]


async def test_time_in_a_partition_never_goes_back() -> None:
    """A clock that is set back gives later records the time of the ones before."""
    gate = Gate()
    at = partition_of("c-1", P)
    for step in (5, -100, 3):
        gate.time += step * SECOND
        await (await gate.taking.take([order("c-1", step)], [""])).durable()

    stamps = [record.at for record in gate.topic.records[at]]
    assert stamps == [1_005 * SECOND] * 3


async def test_a_tick_is_told_to_partitions_that_were_told_nothing() -> None:
    """Each second every partition hears the time: by a record with entries, else by one without."""
    gate = Gate()
    busy = partition_of("c-1", P)
    await (await gate.taking.take([order("c-1", 1)], [""])).durable()

    gate.inbox.tick()
    await gate.inbox.flush()

    assert [[len(each.entries) for each in records] for records in gate.topic.records] == [
        [1] if number == busy else [0] for number in range(P)
    ]
    gate.time += SECOND
    gate.inbox.tick()
    await gate.inbox.flush()
    assert [records[-1] for records in gate.topic.records] == [Record(1_001 * SECOND)] * P


async def test_ticks_do_not_pile_up_while_the_broker_is_away() -> None:
    """After an outage a partition hears what time it is, not what time it was in each second of it."""
    gate = Gate()
    gate.topic.there.clear()
    for _ in range(300):
        gate.time += SECOND
        gate.inbox.tick()
        await asyncio.sleep(0)
    gate.topic.there.set()
    await gate.inbox.flush()

    assert all(len(records) <= 2 for records in gate.topic.records)


def test_ticks_fall_on_whole_seconds() -> None:
    """Gateways tick together."""
    assert until_next_second(5 * SECOND + SECOND // 4) == 0.75
    assert until_next_second(5 * SECOND) == 1.0


async def test_whoever_brings_more_waits_while_too_much_is_on_its_way() -> None:
    """What is in hand is bounded: a broker that is away stops the intake, and its return lets it go on."""
    gate = Gate(most_in_hand=20_000)
    gate.topic.there.clear()
    taken = 0
    waits = []

    async def bring() -> None:
        nonlocal taken
        for number in range(1_000):
            waits.append(await gate.taking.take([order(f"c-{number}", number)], [""]))
            taken += 1

    task = asyncio.create_task(bring())
    for _ in range(3_000):
        await asyncio.sleep(0)
    assert 0 < taken < 200
    assert gate.inbox.in_hand < 21_000

    gate.topic.there.set()
    await task
    for each in waits:
        await each.durable()
    assert len(gate.topic.all_entries()) == 1_000


async def test_a_producer_that_is_refused_for_good_is_told_to_everybody_who_waits() -> None:
    """Nobody waits for ever, and nobody is told that something is durable which is not."""
    gate = Gate()
    gate.topic.refuses = ProducerStoppedError("not allowed")
    given_ = await gate.taking.take([order("c-1", 1)], [""])

    with pytest.raises(ProducerStoppedError):
        await given_.durable()
    with pytest.raises(ProducerStoppedError):
        await gate.taking.take([order("c-1", 2)], [""])
    with pytest.raises(ProducerStoppedError):
        await gate.inbox.ended()


async def test_who_waits_no_longer_takes_nothing_from_those_who_do() -> None:
    """A request that has waited too long ends; what it brought goes on with what others brought, and so do they."""
    gate = Gate()
    gate.topic.there.clear()
    first, second = [await gate.taking.take([order("c-1", number)], [""]) for number in (1, 2)]
    waiting = [asyncio.create_task(each.durable()) for each in (first, second)]
    await asyncio.sleep(0.001)
    waiting[0].cancel()
    await asyncio.gather(*waiting[:1], return_exceptions=True)
    gate.topic.there.set()

    await waiting[1]
    assert len(gate.topic.all_entries()) == 2


async def test_a_message_id_of_ours_finds_its_customer_without_a_question() -> None:
    """What comes back about our mails is told to whom they went, even if they have another address now."""
    gate = Gate()
    opened = Event("1", "esp", "email.opened", 0, "", Mail(message_id=f"<{carrying(EFFECT, 'c-9', KEY)}@shop.example>"))

    given_ = await gate.taking.take([opened], [""])
    await given_.durable()

    assert [each.customer_id for each in given_.results] == ["c-9"]
    assert gate.identities.questions == 0


async def test_a_signed_message_id_of_somebody_else_is_found_by_address() -> None:
    """A Message-ID that we did not sign says nothing."""
    gate = Gate()
    gate.identities.owners["mail:ada@example.org"] = "c-1"
    forged = f"<{carrying(EFFECT, 'c-9', b'not our key, but as long as ours')}@shop.example>"

    given_ = await gate.taking.take(
        [Event("1", "esp", "email.opened", 0, "", Mail(message_id=forged, email="Ada@example.org"))], [""]
    )

    assert [each.customer_id for each in given_.results] == ["c-1"]


async def test_an_unknown_address_is_a_customer_of_its_own_and_is_known_as_such() -> None:
    """A guest has a record; whoever turns out to own the address later learns of it."""
    gate = Gate()

    first = await gate.taking.take([order("", 1, "guest@example.org"), order("", 2, "Guest@example.org ")], ["", ""])
    second = await gate.taking.take([order("", 3, "guest@example.org")], [""])

    told_to = [each.customer_id for each in (*first.results, *second.results)]
    assert told_to == ["mailto:guest@example.org"] * 3
    assert gate.identities.owners == {"mail:guest@example.org": "mailto:guest@example.org"}
    assert gate.identities.questions == 2  # once to find, once to claim; the third event knew


async def test_an_event_of_nobody_is_a_dead_letter_and_one_of_the_shop_is_not() -> None:
    """The same words as embedded."""
    gate = Gate()
    unknown = Event("1", "esp", "email.opened", 0, "", Mail(message_id="<x@y>"))
    of_the_shop = Event("2", "esp", "sender.reputation", 0, "", Reputation("gmail", "2026-01-01"))

    given_ = await gate.taking.take([unknown, of_the_shop, DeadLetter(b"{", "broken", "o")], ["a", "b", "c"])
    await given_.durable()

    assert [(each.status, each.reason) for each in given_.results] == [
        ("dead_letter", NOBODY),
        ("accepted", ""),
        ("dead_letter", "broken"),
    ]
    assert [(each.reason, each.origin) for each in gate.letters] == [(NOBODY, "a"), ("broken", "o")]


async def test_while_the_identities_are_away_only_what_needs_them_waits() -> None:
    """A shop whose PostgreSQL restarts goes on taking in what names its customer; the rest comes after, unlost."""
    gate = Gate()
    gate.identities.away = True
    waiting = asyncio.create_task(gate.taking.take([order("", 1, "ada@example.org"), order("c-2", 2)], ["", ""]))
    others = await gate.taking.take([order("c-1", 3)], [""])
    await others.durable()
    assert not waiting.done()
    assert gate.whose.away_since is not None

    gate.identities.away = False
    given_ = await waiting
    await given_.durable()

    assert [each.customer_id for each in given_.results] == ["mailto:ada@example.org", "c-2"]
    assert gate.whose.away_since is None


async def test_words_are_told_to_the_partition_they_concern() -> None:
    """What a worker or the sender tells goes on with its mark."""
    gate = Gate()
    word = told("c-1", Handed(EFFECT, "done"), mark=b"abcdefgh")

    await (await gate.taking.take([word], ["events/0/1"])).durable()

    (entry,) = gate.topic.entries(partition_of("c-1", P))
    assert (entry.customer, entry.decoded(), entry.mark) == ("c-1", Handed(EFFECT, "done"), b"abcdefgh")


async def test_what_follows_from_an_address_is_durable_before_it_changes_hands() -> None:
    """A gateway that dies between the two tells it again; the other way round it would never be told."""
    gate = Gate()
    gate.identities.owners["mail:ada@example.org"] = "mailto:ada@example.org"
    gate.topic.there.clear()

    task = asyncio.create_task(gate.taking.take([Known("mail:ada@example.org", "c-1")], [""]))
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert gate.identities.owners["mail:ada@example.org"] == "mailto:ada@example.org"

    gate.topic.there.set()
    await task
    assert gate.identities.owners["mail:ada@example.org"] == "c-1"
    (entry,) = gate.topic.entries(partition_of("mailto:ada@example.org", P))
    assert (entry.customer, entry.decoded()) == ("mailto:ada@example.org", GivenUp("c-1"))


async def test_a_word_that_is_read_again_asks_nothing_of_anybody() -> None:
    """What is known already has no consequences."""
    gate = Gate()
    word = Known("mail:ada@example.org", "c-1")
    await gate.taking.take([word], [""])
    await gate.taking.take([word, word], ["", ""])

    assert gate.topic.all_entries() == []


async def test_several_owners_in_one_parcel_follow_each_other() -> None:
    """Each newest owner learns of the one before, in the order of the words."""
    gate = Gate()
    words = [Known("mail:a@b.c", f"c-{number}") for number in range(4)]

    await gate.taking.take([*words, Known("mail:x@y.z", "c-9")], [""] * 5)

    assert gate.identities.owners == {"mail:a@b.c": "c-3", "mail:x@y.z": "c-9"}
    assert sorted(each.customer for each in gate.topic.all_entries()) == ["c-0", "c-1", "c-2"]
    met = {each.customer: each.decoded() for each in gate.topic.all_entries()}
    assert met == {f"c-{number}": Introduced(f"c-{number + 1}", address_ref("a@b.c"), False) for number in range(3)}


async def test_an_address_on_the_imported_list_is_told_to_whoever_has_it_since_now() -> None:
    """An imported "no" reaches the customer whenever the address becomes known, also where it was known as a guest's."""
    gate = Gate()
    listed = known_of("a@b.c", [Suppression("unsubscribed", 5)])
    gate.listed["a@b.c"] = listed
    gate.identities.owners["mail:a@b.c"] = "mailto:a@b.c"

    for _ in range(2):
        await gate.taking.take([Known("mail:a@b.c", "mailto:a@b.c"), Known("coupon:WB-1", "c-1")], ["events/0/7", ""])

    entries = gate.topic.all_entries()
    assert [(each.customer, each.decoded()) for each in entries] == [("mailto:a@b.c", Shares(listed, True))] * 2
    assert len({each.mark for each in entries}) == 1


async def test_what_is_heard_of_an_address_is_told_to_whoever_has_it() -> None:
    """A bounce of an address from before reaches its owner of today, and nobody where there is none."""
    gate = Gate()
    gate.identities.owners["mail:a@b.c"] = "c-7"
    bounced = encode_signal(Happened(Event("1", "esp", "email.bounced", 0, "", Mail(email="a@b.c", kind="dead"))))

    given_ = await gate.taking.take(
        [Heard("a@b.c", bounced, b"abcdefgh"), Heard("x@y.z", bounced, b"abcdefgi")], ["", ""]
    )
    await given_.durable()

    (entry,) = gate.topic.all_entries()
    assert (entry.customer, entry.signal, entry.mark) == ("c-7", bounced, b"abcdefgh")
    assert "mail:x@y.z" not in gate.identities.owners


async def test_a_key_that_another_gateway_takes_meanwhile_is_asked_for_again() -> None:
    """Two gateways that learn of one address at once end with one owner, who knows of the other."""
    gate = Gate(identities=FasterElsewhere())
    word = Known("mail:a@b.c", "c-1")

    await gate.taking.take([word], [""])

    assert gate.identities.owners["mail:a@b.c"] == "c-1"
    assert [each.customer for each in gate.topic.all_entries()] == ["c-2"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40_000)), max_size=60), st.integers(0, 2**32))
def test_no_entry_is_lost_doubled_or_overtaken(sizes: list[tuple[int, int]], seed: int) -> None:
    """However entries come and however long the broker takes, each partition has each of its entries once, in order."""

    async def play() -> None:
        gate = Gate(most_in_hand=60_000)
        rounds = seed
        given_ = []
        for number, (customer, size) in enumerate(sizes):
            piece = order(f"c-{customer}", number, "x" * size)
            given_.append(await gate.taking.take([piece], [str(number)]))
            for _ in range(rounds % 3):
                await asyncio.sleep(0)
            rounds //= 3
        await gate.inbox.flush()
        for each in given_:
            await each.durable()
        for partition in range(P):
            got = [int(each.origin) for each in gate.topic.entries(partition)]
            assert got == [at for at, (who, _) in enumerate(sizes) if partition_of(f"c-{who}", P) == partition]

    asyncio.run(play())


def test_a_dead_letter_comes_back_from_the_bus_as_it_was() -> None:
    """Raw bytes, reason and origin; of a large one the beginning, and how long it was."""
    letter = DeadLetter(b"{\xff", "no UTF-8", "orders/3/17")
    assert decode_letter(*encode_letter(letter, 42)) == (letter, 42)

    value, headers = encode_letter(DeadLetter(b"x" * 5_000_000, "longer than 1,000,000 bytes", "orders/3/18"), 43)
    back, at = decode_letter(value, headers)
    assert (len(back.raw), at) == (KEPT_OF_A_LARGE_ONE, 43)
    assert "5000000" in back.reason
