"""What is kept for a time only."""

from __future__ import annotations

import json
from contextlib import closing

from engine.books.database import Where, open_to_write
from engine.books.expiry import EVERY, SLICES, Expiry
from engine.books.store import SqlStore
from engine.core.effects import SEND_GIVEN_OUT, Effect
from engine.core.events import DeadLetter
from engine.core.moments import DAY, Instant, Length
from engine.core.rules import Keep

NOW: Instant = 20_000 * DAY
KEEP = Keep(event_ids=Length(days=400), dead_letters=Length(days=90))


def test_each_reference_goes_when_its_time_is_over(where: Where) -> None:
    """Within one round of slices everything too old is gone, from the first hash to the last, and nothing else."""
    with closing(open_to_write(where)) as connection:
        for first in range(256):
            rows = [(bytes([first] * 15 + [age % 256]), 20_000 - age) for age in (300, 401)]
            connection.executemany("insert into seen values (?, ?)", rows)
        expiry = Expiry(connection)
        for hour in range(SLICES):
            expiry.run(NOW + hour * EVERY, KEEP)
        assert connection.execute("select count(*), min(day) from seen").fetchone() == (256, 20_000 - 300)


def test_a_slice_goes_once_an_hour(where: Where) -> None:
    """Between two slices nothing is looked at, so that expiry is no burden on events."""
    with closing(open_to_write(where)) as connection:
        expiry = Expiry(connection)
        expiry.run(NOW, KEEP)
        first = bytes([NOW // EVERY % SLICES]) * 16
        connection.execute("insert into seen values (?, 0)", (first,))
        expiry.run(NOW + EVERY - 1, KEEP)
        assert connection.execute("select count(*) from seen").fetchone() == (1,)


def test_dead_letters_go_when_their_time_is_over(where: Where) -> None:
    """A dead letter goes when the last of its kind came too long ago."""
    with closing(open_to_write(where)) as connection:
        store = SqlStore(connection)
        store.begin()
        store.bury(DeadLetter(b"old", "broken"), NOW - 91 * DAY)
        store.bury(DeadLetter(b"again", "broken"), NOW - 91 * DAY)
        store.bury(DeadLetter(b"again", "broken"), NOW - 89 * DAY)
        Expiry(connection).run(NOW, KEEP)
        store.commit(NOW)
        assert connection.execute("select raw from dead_letter").fetchall() == [(b"again",)]


def test_the_text_of_a_letter_goes_when_its_time_is_over(where: Where) -> None:
    """What was printed long ago is known by its template and customer, and by its words no more."""
    data = {"channel": "letter", "template": "hello", "subject": "Hi", "text": "Dear Ada", "html": "<p>Dear Ada</p>"}
    with closing(open_to_write(where)) as connection:
        store = SqlStore(connection)
        store.begin()
        for days in (91, 89):
            store.put([Effect(SEND_GIVEN_OUT, NOW - days * DAY, "ada", f"e{days}", data)])
        store.commit(NOW)
        Expiry(connection).run(NOW, Keep(bodies=Length(days=90)))
        found = connection.execute("select body from effect order by seq").fetchall()
    assert [json.loads(body) for (body,) in found] == [{"channel": "letter", "template": "hello"}, data]


def test_the_journal_reaches_back_as_far_as_engagement_is_kept(where: Where) -> None:
    """Its oldest entries go, a slice at a time, with what they tell of reading and clicking; numbers go on."""
    with closing(open_to_write(where)) as connection:
        rows = [(NOW - days * DAY, "ada", b"x") for days in range(500, 300, -1)]
        connection.executemany("insert into journal (accepted, customer, signal) values (?, ?, ?)", rows)
        Expiry(connection).run(NOW, Keep(engagement=Length(days=400)))
        assert connection.execute("select min(seq), max(seq), count(*) from journal").fetchone() == (101, 200, 100)
        Expiry(connection).run(NOW + 1_000 * DAY, Keep(engagement=Length(days=400)))
        assert connection.execute("select seq from journal").fetchall() == [(200,)]


def test_dead_letters_forget_devices_and_texts_before_they_go(where: Where) -> None:
    """Where a letter can be read, what tells of a device goes after three days, and the text of what was not delivered after its own time."""
    opened = json.dumps({"type": "email.opend", "data": {"ip": "192.0.2.1", "user_agent": "Mozilla", "link": "x"}})
    undelivered = json.dumps({"type": "winback.send.requested", "data": {"text": "Dear Ada", "channel": "letter"}})
    with closing(open_to_write(where)) as connection:
        store = SqlStore(connection)
        store.begin()
        for age, letter in (
            (4 * DAY, DeadLetter(opened.encode(), "unknown type", "a.jsonl:1")),
            (2 * DAY, DeadLetter(opened.encode(), "unknown type", "b.jsonl:1")),
            (4 * DAY, DeadLetter(b"{no json \xff", "no JSON", "c.jsonl:1")),
            (31 * DAY, DeadLetter(undelivered.encode(), "410 Gone", "receiver webhooks.printer")),
            (31 * DAY, DeadLetter(undelivered.encode(), "x", "d.jsonl:1")),
        ):
            store.bury(letter, NOW - age)
        store.commit(NOW)
        Expiry(connection).run(NOW, Keep(bodies=Length(days=30)))
        found = [bytes(raw) for (raw,) in connection.execute("select raw from dead_letter order by id")]
    assert json.loads(found[0]) == {"type": "email.opend", "data": {"link": "x"}}
    assert found[1:3] == [opened.encode(), b"{no json \xff"]
    assert json.loads(found[3])["data"] == {"channel": "letter"}
    assert found[4] == undelivered.encode()
