"""Rates, numbers at a time, circuits and the waits between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from engine.books.limits import Circuit, Domain, Limit, Limits, backoff
from engine.core.moments import MINUTE, SECOND

IDS = st.text(min_size=1, max_size=40)


@given(IDS, st.integers(0, 200))
def test_waits_double_up_to_five_minutes(effect_id: str, attempts: int) -> None:
    """A wait lies between half of 5 s x 2^attempts and all of it, never beyond five minutes, and is always the same."""
    wait = backoff(effect_id, attempts)
    whole = min(5 * SECOND * 2 ** min(attempts, 30), 5 * MINUTE)
    assert whole // 2 <= wait <= whole
    assert wait == backoff(effect_id, attempts)


def test_waits_are_spread() -> None:
    """A thousand sends that failed at one moment do not come back at one moment."""
    waits = [backoff(f"e{number}", 3) for number in range(1_000)]
    assert len(set(waits)) > 990
    assert max(waits) - min(waits) > 18 * SECOND


@given(st.lists(st.integers(0, 3 * SECOND), max_size=60), st.integers(1, 20), st.integers(1, 20))
def test_a_rate_is_kept_whatever_the_moments(steps: list[int], rate: int, burst: int) -> None:
    """In no stretch of time do more calls begin than the burst and the rate allow."""
    domain = Domain(Limit(rate=rate, burst=burst), 0)
    now, begun = 0, 0
    for step in steps:
        now += step
        while domain.open(now):
            domain.begin()
            domain.under_way -= 1
            begun += 1
        assert begun <= burst + rate * now / SECOND + 1e-6


def test_a_circuit_closes_for_longer_each_time() -> None:
    """Troubles in a row close it for 1, 2, 4 ... seconds up to a minute; a success forgets them all."""
    circuit, now, waits = Circuit(SECOND, MINUTE), 0, []
    for _ in range(9):
        circuit.trouble(now, "refused")
        circuit.trouble(now, "refused as well")  # of a call that was under way at the same time
        waits.append((circuit.closed_until - now) // SECOND)
        now = circuit.closed_until
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    circuit.well()
    assert (circuit.closed_until, circuit.why) == (0, "")


def test_domains_nobody_writes_to_are_forgotten() -> None:
    """Ten thousand domains do not stay in memory for ever; those with calls under way or in trouble do."""
    limits = Limits()
    limits.domain("busy.example", 0).begin()
    limits.domain("broken.example", 0).circuit.trouble(0, "421")
    for number in range(10_001):
        limits.domain(f"d{number}.example", 0)
    assert limits.closed(0) == ["broken.example"]
    assert limits.domain("busy.example", 0).under_way == 1
    assert limits.closed(0) == ["broken.example"]
