"""Steps that write on the customer, branches, circles, and what becomes of runs when two records are one person."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.customer import ORDERS_KEPT, Stop
from engine.core.deciding import decide
from engine.core.effects import RUN_STARTED, STANDING_CHANGED, line
from engine.core.machine import EndlessWalk
from engine.core.moments import DAY, HOUR
from engine.core.money import Money
from engine.core.offering import value_of
from engine.core.rules import Discount, FreeTrial, GoTo, Mode, Stage, Standing, TagIs
from engine.core.signals import Handed, Happened, RulesChanged, TimeUp
from tests.builders import START, Play, ago, event, somebody

VISIT = """
workflow: visit
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
"""


def visited(stages: str, **fields: Any) -> Play:
    """A shop whose workflow is entered at a visit; ada, who is so, visits."""
    play = Play(VISIT + stages)
    play.put(somebody(**fields))
    play.happens("customer.visited")
    return play


def test_a_stop_is_lifted_only_by_the_workflow_that_set_it() -> None:
    """`resume` never lifts a customer's own no, nor another workflow's stop."""
    stages = "  one:\n    steps:\n      - resume: newsletter\n    end: done\n"
    for by, left in (
        ("workflow visit", {}),
        ("workflow other", {"newsletter"}),
        ("email.unsubscribed", {"newsletter"}),
    ):
        play = visited(stages, stopped={"newsletter": Stop(1, by)})
        assert set(play.customer().stopped) == set(left)
        assert play.told()[1] == "0d resume newsletter"


def test_a_workflows_stop_does_not_hide_the_customers_own() -> None:
    """Whoever stopped first has the word on lifting it."""
    stages = "  one:\n    steps:\n      - suppress: newsletter\n      - resume: newsletter\n    end: done\n"
    own = Stop(1, "email.unsubscribed")
    assert visited(stages, stopped={"newsletter": own}).customer().stopped == {"newsletter": own}
    assert visited(stages).customer().stopped == {}


def test_tags_are_put_once_and_taken() -> None:
    """A tag twice is one tag."""
    stages = "  one:\n    steps:\n      - tag: a\n      - tag: b\n      - tag: a\n      - untag: b\n    end: done\n"
    assert visited(stages).customer().tags == ("a",)


def test_former_is_the_standing_a_file_may_set() -> None:
    """It is told with the workflow as evidence, and only an order ends it, as a return."""
    play = visited("  one:\n    steps:\n      - standing: former\n    end: farewell\n")
    play.orders(time=ago("100d"))
    assert play.customer().standing is Standing.FORMER
    (change,) = [each for each in play.about() if each.type == STANDING_CHANGED]
    assert (change.data["from"], change.data["to"], change.data["workflow"]) == ("prospect", "former", "visit")
    play.passes("300d")
    play.happens("email.clicked")
    assert play.customer().standing is Standing.FORMER
    play.orders()
    back = play.customer().returned
    assert back is not None
    assert (play.customer().standing, back.came_from) == (Standing.ACTIVE, Standing.FORMER)


def test_nobody_is_made_former_without_being_asked() -> None:
    """After a send, `standing: former` needs a question delivered a week ago, as a stop does."""
    asks = "  one:\n    steps:\n      - send: hello\n        asks: still\n      - wait: 6d\n      - standing: former\n    end: farewell\n"
    play = visited(asks)
    play.passes("30d")
    assert play.outcomes() == ["not_asked"]
    assert play.customer().standing is Standing.PROSPECT
    play = visited(asks.replace("6d", "7d"))
    play.passes("30d")
    assert play.outcomes() == ["farewell"]


@pytest.mark.parametrize(
    ("tags", "outcome"), [((), "plain"), (("vip",), "vip"), (("a",), "plain"), (("a", "b"), "both"), (("c",), "either")]
)
def test_a_branch_goes_where_its_conditions_hold(tags: tuple[str, ...], outcome: str) -> None:
    """`go_to` with `when_all` or `when_any`; else on to the next step."""
    stages = """  one:
    steps:
      - go_to: vip
        when_all: [{tag: vip}]
      - go_to: both
        when_all: [{tag: a}, {tag: b}]
      - go_to: either
        when_any: [{tag: c}, {tag: d}]
    end: plain
"""
    stages += "".join(f"  {name}:\n    steps: []\n    end: {name}\n" for name in ("vip", "both", "either"))
    assert visited(stages, tags=tags).outcomes() == [outcome]


def test_a_circle_with_a_wait_has_ids_of_its_own_each_time() -> None:
    """Each time round the same step asks for another message; the run ends when it has lasted too long."""
    stages = "  one:\n    steps:\n      - send: hello\n      - wait: 5d\n    after: two\n"
    stages += "  two:\n    steps:\n      - go_to: one\n        when_all: [{not: {tag: enough}}]\n    end: done\n"
    play = Play(VISIT.replace("again_after", "ends_within: 18d\nagain_after") + stages)
    play.happens("customer.visited")
    play.passes("30d")
    sends = [each.effect_id for each in play.about() if each.type == "winback.send.requested"]
    assert len(sends) == len(set(sends)) == 4
    assert play.outcomes() == ["too_long"]


def test_a_circle_without_a_wait_is_poison_not_an_outage() -> None:
    """The checks refuse it; should one come through, that customer is set aside."""
    play = visited("  one:\n    steps:\n      - tag: a\n    end: done\n")
    workflow = play.rule_set.workflows["visit"]
    circle = Stage(name="one", steps=(GoTo(key="go_to one 0", stage="one", when_any=(TagIs(tag="a"),)),), end="done")
    rules = type(play.world.handling.rules)(
        replace(play.rule_set, workflows={"visit": replace(workflow, stages=(circle,))}), play.shop, key=b"k"
    )
    later = play.now + 3 * DAY
    with pytest.raises(EndlessWalk):
        decide(play.customer(), Happened(event("customer.visited", later)), later, rules)


def test_history_ends_a_run_by_way_of_stages_that_follow_each_other() -> None:
    """The outcome is that of the last stage it would have come to; a circle ends as `left`."""
    stages = "  one:\n    steps:\n      - wait: 20d\n    until_any:\n      - event: order.placed\n        then: two\n    end: never\n"
    stages += "  two:\n    steps:\n      - tag: x\n      - wait: 1d\n    after: three\n  three:\n    steps:\n      - tag: y\n    end: well\n"
    play = Play(VISIT + stages, history_after=72 * HOUR)
    play.happens("customer.visited")
    play.passes("10d")
    play.orders(time=play.now - 5 * DAY)
    assert play.outcomes() == ["well"]
    assert play.customer().tags == ()


# Sends ---------------------------------------------------------------------------------------------------------------

HELLO = "  one:\n    steps:\n      - send: hello\n    end: done\n"


@pytest.mark.parametrize(
    ("outcome", "told", "counted"),
    [
        ("done", [], 1),
        ("uncertain", [], 1),
        ("refused", ["drop hello: refused: 550"], 0),
        ("blocked", ["drop hello: blocked: 550"], 0),
        ("late", ["drop hello: late: 550"], 0),
    ],
)
def test_what_became_of_a_send(outcome: str, told: list[str], counted: int) -> None:
    """Done and uncertain count against the caps; what did not go gives its place back and is told."""
    play = Play(VISIT + HELLO)
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    play.happens("customer.visited")
    (sent,) = play.world.store.outbox
    play.signal(Handed(sent.effect_id, outcome, "550"))
    assert [words.split(" ", 1)[1] for words in play.told()[2:]] == [*told, "end done"]
    assert len(play.customer().releases) == counted
    before = play.customer()
    play.signal(Handed(sent.effect_id, outcome, "550"))  # told twice
    assert play.customer().runs == before.runs


def test_a_send_that_lay_too_long_is_asked_again() -> None:
    """It is released anew under the same effect id with another event id, or dropped if it may no longer go."""
    play = Play(VISIT + HELLO)
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    play.happens("customer.visited")
    (sent,) = play.world.store.outbox
    play.signal(Handed(sent.effect_id, "again"))
    _, second = play.world.store.outbox
    assert second.effect_id == sent.effect_id
    assert second.id != sent.id
    assert len(play.customer().releases) == 1
    play.happens("consent.withdrawn", purpose="marketing")
    play.signal(Handed(sent.effect_id, "again"))
    assert [words.split(" ", 1)[1] for words in play.told()[-2:]] == ["drop hello: no_permission", "end done"]


def test_an_effect_is_a_line_of_json() -> None:
    """A CloudEvent with the act's id in its data."""
    play = visited(HELLO)
    started = next(each for each in play.effects if each.type == RUN_STARTED)
    assert line(started).startswith(b'{"specversion":"1.0","id":"' + started.id.encode())
    assert f'"data":{{"effect_id":"{started.effect_id}"'.encode() in line(started)


def test_what_an_offer_is_worth_is_said_as_people_say_it() -> None:
    """A percentage without needless digits, money with its currency, a trial by its name."""
    offers = Play(offers="offers:\n  ten: {discount: 10%, valid_for: 14d}\n").rule_set.offers["ten"]
    for what, said in (
        (Discount(1_000), "10%"),
        (Discount(1_250), "12.5%"),
        (Discount(money=Money(500, "EUR")), "5.00 EUR"),
        (FreeTrial("one box", Money(600, "EUR")), "one box"),
    ):
        assert value_of(replace(offers, what=what)) == said


# Two records, one person ---------------------------------------------------------------------------------------------

LONG = "  one:\n    steps:\n      - send: hello\n      - wait: 20d\n    end: done\n"


def test_a_second_run_of_one_person_ends_as_moved_out() -> None:
    """Both records were in the workflow: the one that stays goes on, the other's run ends."""
    play = Play(VISIT + LONG)
    play.happens("customer.visited")
    play.happens("customer.visited", "bob")
    play.happens("customer.merged", "bob", into="ada")
    assert play.outcomes("ada") == ["moved_out"]
    assert len(play.customer().runs) == 1
    play.passes("30d")
    assert play.outcomes("ada") == ["moved_out", "done"]


def test_a_run_that_a_pause_holds_goes_over_and_is_released() -> None:
    """The pause's end finds it under the id that stays."""
    play = Play(VISIT + LONG)
    play.happens("profile.updated")
    play.pause()
    play.happens("customer.visited", "bob")
    play.happens("customer.merged", "bob", into="ada")
    play.unpause()
    assert "0d send hello" in play.told("ada")


def test_nothing_goes_over_to_who_is_gone() -> None:
    """An erased person's other record brings no data back, and its run ends."""
    play = Play(VISIT + LONG)
    play.happens("customer.erased")
    play.happens("customer.visited", "bob")
    play.orders("bob")
    play.happens("customer.merged", "bob", into="ada")
    assert play.outcomes("ada") == ["gone"]
    assert play.customer().orders == ()


def test_records_beyond_a_thousand_orders_join_their_sums() -> None:
    """Number, days, money and first day are those of both."""
    play = Play()
    number = ORDERS_KEPT + 5
    for name, start in (("ada", 0), ("bob", 5_000)):
        for place in range(number):
            day = START - (9_000 - start - place) * DAY
            play.world.take(event("order.placed", day, name, f"{name}{place}", order_id=f"{name}-{place}"), START)
    play.happens("customer.merged", "bob", into="ada")
    joined = play.customer()
    assert joined.folded is not None
    assert joined.folded.orders + len(joined.orders) == 2 * number
    assert joined.folded.first_at == START - 9_000 * DAY
    assert sum(joined.folded.revenue.values()) + sum(each.amount for each in joined.orders) == 2 * number * 5_000


# Small things --------------------------------------------------------------------------------------------------------


def test_signals_of_the_shop_are_no_customers() -> None:
    """They are refused rather than ignored."""
    play = visited(HELLO)
    with pytest.raises(TypeError, match="RulesChanged concerns the shop"):
        decide(play.customer(), RulesChanged(2), play.now, play.world.handling.rules)


def test_a_timer_of_a_stage_left_is_ignored() -> None:
    """A ring with nothing due changes nothing."""
    play = visited(LONG)
    before = copy.deepcopy(play.customer())
    play.signal(TimeUp())
    assert play.customer() == before


def test_a_draft_is_never_entered() -> None:
    """Whatever happens."""
    play = Play(VISIT + HELLO, mode=Mode.DRAFT)
    play.happens("customer.visited")
    play.passes("3d")
    assert play.told() == []
