"""Damaged mails: whatever comes in is read without an exception, in bounded time and memory."""

import time
import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bounces import Report, read
from connectors.bounces.parts import LARGEST
from tests.connectors.bounces.corpus import corpus
from tests.connectors.bounces.mutations import mutated

KINDS = {"bounce", "complaint", "auto_reply", "delivered", "other"}
SLOWEST = 2.0
"""Seconds of CPU that the slowest mail may take; most take less than a thousandth."""


def check(report: Report) -> None:
    """See that a report is well formed and small, whatever it was read from."""
    assert report.kind in KINDS
    assert len(report.recipients) <= 100
    assert len(report.text) <= 4_000
    assert len(report.about.message_ids) <= 30
    assert all(len(each.address) <= 400 and len(" ".join(each.evidence)) <= 400 for each in report.recipients)


def read_mutations(count: int, seed: int) -> float:
    """Read so many damaged mails; return the seconds of CPU of the slowest."""
    chance = Random(seed)
    whole = [row.raw for row in corpus()]
    slowest = 0.0
    for _ in range(count):
        raw = mutated(chance, chance.choice(whole))
        began = time.process_time()
        check(read(raw))
        slowest = max(slowest, time.process_time() - began)
    return slowest


def test_damaged_mails() -> None:
    """A short round of mails that were cut, flipped, nested, repeated and filled."""
    assert read_mutations(1_500, 1) < SLOWEST


@pytest.mark.long
def test_a_hundred_thousand_damaged_mails() -> None:
    """The long round: no exception, no mail that takes seconds, and no memory that stays."""
    tracemalloc.start()
    slowest = max(read_mutations(10_000, seed) for seed in range(10))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    print(f"100,000 mails: slowest {slowest:.3f} s, {peak / 1e6:.0f} MB at most, {held / 1e6:.0f} MB after")  # noqa: T201 - the figure is what the run is for
    assert slowest < 3 * SLOWEST  # memory is being traced
    assert peak < 200e6


@given(st.binary(max_size=2_000))
def test_any_bytes(raw: bytes) -> None:
    """Any bytes at all are a report of some kind, and twice the same."""
    check(read(raw))

    assert read(raw) == read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\0" * 10_000,
        b"From: x\n" * 200_000,
        b"a" * 3_000_000,
        b"a@" * 500_000,
        b"x@y.example\n" * 100_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 300_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth) for depth in range(20_000)),
        b"Content-Type: text/html\n\n" + b"<style>" * 100_000,
        b"Content-Type: text/html\n\n" + b"<" * 900_000,
        b"Content-Type: text/html\n\n" + b"&amp;" * 200_000,
        b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 400_000,
        b"Content-Type: multipart/report; boundary=a\n\n--a\nContent-Type: message/delivery-status\n\n"
        + b"Final-Recipient: rfc822; x@y.example\n\n" * 20_000,
        b"Content-Type: message/delivery-status\n\n" + b"Diagnostic-Code: smtp;\n" + b" user unknown\n" * 60_000,
        b"From: MAILER-DAEMON\nSubject: undelivered\n\n" + b"<a@b.example>:\n550 no\n" * 40_000,
        b"Subject: " + b"=?utf-8?q?=61?= " * 60_000 + b"\n\n",
        b"Subject: x\n\n" + b"> " * 400_000,
        b"Subject: x\n\n" + b"on a b c " * 100_000,
        b"Subject: x\n\n" + b"Received: from x\n" * 60_000,
        b"Subject: x\n\n" + b"- " * 400_000,
    ],
    ids=lambda raw: repr(raw[-24:]),
)
def test_mails_made_to_be_slow(raw: bytes) -> None:
    """Mails that would take a careless reader minutes, or all memory, take neither."""
    tracemalloc.start()
    began = time.process_time()

    check(read(raw))

    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < SLOWEST
    assert peak < 60e6


def test_of_a_large_mail_the_beginning_is_read() -> None:
    """A report of 50 MB, nearly all of it the mail that came back, is read by its first megabyte."""
    row = corpus()[0]
    large = row.raw + b"x" * (50 * LARGEST)

    assert read(large).recipients == read(row.raw).recipients
