"""Rules that are put live: numbers, epochs, and what a run may still be on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books import rulebook
from engine.books.rulebook import Applied
from engine.core.moments import DAY, Instant, Length
from engine.core.money import Money
from engine.core.rules import EventSeen, FieldIs, Mode, RuleSet, Stage, Switch, TagIs, Wait, Workflow
from engine.language.folder import read_folder
from engine.runtimes.sqlite.engine import Asked, Engine
from engine.runtimes.sqlite.opening import opened

NOW: Instant = 20_000 * DAY
KEY = b"key"


def a_set(days: int = 1, *, line: int = 3, mode: Mode = Mode.LIVE) -> RuleSet:
    """A rule set of one workflow that waits so many days."""
    stage = Stage(name="only", steps=(Wait(key=f"wait {days}d 0", length=Length(days=days), line=line),), end="done")
    workflow = Workflow(
        name="waits", title="Waits", enter_when_all=(TagIs(tag="vip"),), again_after=None, stages=(stage,)
    )
    return RuleSet(workflows={"waits": workflow}, switches={"waits": Switch(mode=mode)})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine that has begun with a wait of one day."""
    with opened(tmp_path, FixedClock(NOW), key=KEY, first_rules=a_set()) as engine:
        yield engine


def put_live(engine: Engine, rules: RuleSet) -> Applied:
    """Apply a set in a batch of its own."""
    asked = Asked(lambda store, now: rulebook.apply(engine.handling, rules, store, now))
    engine.run([asked])
    assert isinstance(asked.result, Applied)
    return asked.result


def test_a_change_of_content_makes_a_version(engine: Engine) -> None:
    """Another content is the next version; runs can still find the one before."""
    assert put_live(engine, a_set(days=2)) == Applied(2, {"waits": 2}, ("waits",))
    versions = rulebook.load(engine.store, NOW, key=KEY).versions
    assert {key: each.stages[0].steps[0] for key, each in versions.items()} == {
        ("waits", number): a_set(days=number).workflows["waits"].stages[0].steps[0] for number in (1, 2)
    }


def test_mode_and_lines_make_no_version(engine: Engine) -> None:
    """A changed mode, or other line numbers, are a new set of the same version."""
    assert put_live(engine, a_set(mode=Mode.DRAFT)) == Applied(2, {"waits": 1})
    assert put_live(engine, a_set(line=7)) == Applied(3, {"waits": 1})


def test_content_that_was_there_before_gets_its_number(engine: Engine) -> None:
    """Going back to what a file said before is going back to its version."""
    put_live(engine, a_set(days=2))
    assert put_live(engine, a_set(days=1)) == Applied(3, {"waits": 1})
    assert put_live(engine, a_set(days=3)).versions == {"waits": 3}


def test_the_set_in_force_changes_nothing(engine: Engine) -> None:
    """Applying what is in force makes no epoch, and nobody is looked at for it."""
    engine.run([])
    assert engine.handling.rules.shop.sweep is None
    assert put_live(engine, a_set()) == Applied(1, {"waits": 1}, changed=False)
    assert engine.handling.rules.shop.sweep is None


def test_everybody_is_looked_at_after_a_change(engine: Engine) -> None:
    """A new epoch begins a sweep, and is in the journal."""
    asked = Asked(lambda store, now: rulebook.apply(engine.handling, a_set(days=2), store, now))
    engine.store.begin()
    asked.change(engine.store, NOW)
    assert engine.handling.rules.shop.sweep is not None
    engine.store.save_shop(engine.handling.rules.shop)
    engine.store.commit(NOW)
    assert engine.store.connection.execute("select count(*) from journal where customer = ''").fetchone() == (2,)


def test_a_refused_set_leaves_the_old_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while it is numbered changes nothing."""
    monkeypatch.setattr(rulebook, "content", lambda _: 1 / 0)
    asked = Asked(lambda store, now: rulebook.apply(engine.handling, a_set(days=2), store, now))
    engine.run([asked])
    assert isinstance(asked.error, ZeroDivisionError)
    assert engine.handling.rules.shop.epoch == 1


def shipped() -> RuleSet:
    """The shipped workflows."""
    rules = read_folder(Path("workflows")).rules
    assert rules is not None
    return rules


def every_kind_of_value() -> RuleSet:
    """A set whose conditions compare with money, numbers, text and lists."""
    conditions = (
        FieldIs(field="revenue", at_least=Money(2000, "EUR"), at_most=Money(9000, "EUR")),
        FieldIs(field="orders", at_least=2, at_most=2.5),
        FieldIs(field="country", any_of=("DE", "AT")),
        FieldIs(field="formal", equals=True),
        EventSeen(event="order.placed", within=Length(days=3), where={"country": "DE", "total": 4, "line": "x"}),
    )
    base = a_set()
    return replace(base, workflows={"waits": replace(base.workflows["waits"], enter_when_all=conditions)})


@pytest.mark.parametrize("rules", [shipped(), every_kind_of_value()], ids=["shipped", "every kind of value"])
def test_a_set_comes_back_as_it_was(tmp_path: Path, rules: RuleSet) -> None:
    """What is loaded at the next start equals what was applied, its amounts of money included."""
    with opened(tmp_path, FixedClock(NOW), key=KEY, first_rules=rules) as engine:
        applied = engine.handling.rules
    with opened(tmp_path, FixedClock(NOW), key=KEY, first_rules=RuleSet()) as engine:
        loaded = engine.handling.rules
        assert loaded.rule_set == applied.rule_set
        assert loaded.versions == applied.versions
        assert loaded.shop.epoch == 1
