"""Pools of codes: whatever is minted and loaded how often in whatever order, a code is given out once."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.books import pools
from engine.books.connection import Connection
from tests.builders import START


def test_minted_codes_are_given_out_once_the_shop_knows_them(connection: Connection) -> None:
    """What was drawn before is drawn anew; `ready` ones need no loading."""
    drawn = iter(["A-1", "A-2", "A-1", "A-3"])
    assert pools.mint(connection, "tea", 3, lambda: next(drawn), START, ready=False) == ["A-1", "A-2", "A-3"]
    assert pools.take(connection, "tea", 5) == []
    assert pools.load(connection, "tea", ["A-1", "A-3"], START) == pools.Loaded(taken=2, known=0)
    assert pools.counts(connection) == {"tea": {"minted": 1, "ready": 2}}
    assert pools.take(connection, "tea", 5) == ["A-1", "A-3"]
    assert pools.mint(connection, "tea", 1, lambda: "B-1", START, ready=True) == pools.take(connection, "tea", 5)


def test_a_file_that_is_loaded_twice_changes_nothing(connection: Connection) -> None:
    """Neither what was given out comes again nor what waits; one of another pool stays there, and is told by its place."""
    assert pools.load(connection, "tea", ["A", "B", "A"], START) == pools.Loaded(taken=2, known=1)
    assert pools.take(connection, "tea", 1) == ["A"]
    assert pools.load(connection, "tea", ["A", "B", "C"], START) == pools.Loaded(taken=1, known=2)
    assert pools.load(connection, "cake", ["D", "B"], START) == pools.Loaded(taken=1, known=0, elsewhere=(1,))
    assert (pools.take(connection, "tea", 9), pools.take(connection, "cake", 9)) == (["B", "C"], ["D"])
    assert not pools.has_codes(connection, "tea", ready=True)
    assert pools.has_codes(connection, "tea", ready=False)
    assert not pools.has_codes(connection, "milk", ready=False)


_codes = st.lists(st.sampled_from([f"C-{number}" for number in range(12)]), max_size=8)
_deeds = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.sampled_from(["tea", "cake"]), _codes),
        st.tuples(st.just("mint"), st.sampled_from(["tea", "cake"]), st.integers(1, 3)),
        st.tuples(st.just("take"), st.sampled_from(["tea", "cake"]), st.integers(1, 5)),
    ),
    max_size=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_deeds)
def test_no_code_is_given_out_twice_or_before_the_shop_knows_it(
    connection: Connection, deeds: list[tuple[str, str, list[str] | int]]
) -> None:
    """Over both pools; and what is left is what was brought less what was given out."""
    connection.execute("delete from pool_code")
    drawn = iter(range(1_000))
    given_out: list[str] = []
    known: dict[str, str] = {}
    minted: dict[str, str] = {}
    for what, pool, which in deeds:
        if what == "load":
            assert isinstance(which, list)
            pools.load(connection, pool, which, START)
            for code in which:
                if minted.get(code, pool) == pool:
                    known.setdefault(code, pool)
        elif what == "mint":
            assert isinstance(which, int)
            made = pools.mint(connection, pool, which, lambda: f"C-{next(drawn)}", START, ready=False)
            assert not set(made) & {*known, *minted}
            minted |= dict.fromkeys(made, pool)
        else:
            assert isinstance(which, int)
            taken = pools.take(connection, pool, which)
            assert all(known.get(code) == pool for code in taken)
            given_out += taken
    assert len(set(given_out)) == len(given_out)
    counts = pools.counts(connection)
    for pool in ("tea", "cake"):
        left = [code for code, of in known.items() if of == pool and code not in given_out]
        assert counts.get(pool, {}).get("ready", 0) == len(left)
