"""Money: exact both ways, by the digits of each currency."""

from __future__ import annotations

import time
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.money import DIGITS, Money, smallest_units, written


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("49.90", "EUR", 4990),
        ("0.1", "EUR", 10),
        ("1e2", "EUR", 10_000),
        ("-0", "EUR", 0),
        ("-1.5", "EUR", -150),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12_345),
        ("1.50000000000000000000000000000000000000000", "EUR", 150),
        ("9999999999999.99", "EUR", 10**15 - 1),
    ],
)
def test_amounts_in_smallest_units(value: str, currency: str, amount: int) -> None:
    """A decimal amount becomes an exact integer of the currency's smallest unit."""
    assert smallest_units(Decimal(value), currency) == amount


@pytest.mark.parametrize(
    ("value", "currency", "why"),
    [
        ("1.001", "EUR", "more digits"),
        ("1.5", "JPY", "more digits"),
        ("49.900000000000000000000000000000000001", "EUR", "more digits"),
        ("49.999999999999999999999999999999999999", "EUR", "more digits"),
        ("1E-999999", "EUR", "more digits"),
        ("NaN", "EUR", "not an amount"),
        ("sNaN", "EUR", "not an amount"),
        ("-Infinity", "EUR", "not an amount"),
        ("1E+16", "JPY", "not an amount"),
        ("10000000000000", "EUR", "not an amount"),
        ("-10000000000000", "EUR", "not an amount"),
        ("1", "EURO", "knows no currency 'EURO'"),
        ("1", "eur", "knows no currency"),
        ("1", "XAU", "knows no currency"),
        ("1", "", "knows no currency"),
    ],
)
def test_what_is_no_amount(value: str, currency: str, why: str) -> None:
    """Too many digits, no number, too much for sums in 64 bits, or an unknown currency is refused."""
    with pytest.raises(ValueError, match=why):
        smallest_units(Decimal(value), currency)


def test_a_huge_exponent_takes_no_time() -> None:
    """1E+999999999 is refused without being written out."""
    before = time.process_time()
    with pytest.raises(ValueError, match="not an amount"):
        smallest_units(Decimal("1E+999999999999"), "EUR")
    assert time.process_time() - before < 0.1


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from(sorted(DIGITS)))
def test_what_is_written_reads_the_same(amount: int, currency: str) -> None:
    """Writing an amount and reading it back gives the same, in any currency and under any decimal context."""
    with localcontext(Context(prec=28)):
        assert smallest_units(Decimal(written(amount, currency)), currency) == amount


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(4990, "EUR"), "49.90 EUR"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(100, "JPY"), "100 JPY"),
        (Money(1, "KWD"), "0.001 KWD"),
    ],
)
def test_money_is_written_with_its_digits(money: Money, text: str) -> None:
    """All digits of the currency are written, none more."""
    assert str(money) == text
