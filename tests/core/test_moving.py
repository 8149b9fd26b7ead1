"""Moving runs to another version: where they land, what they wait for then, and that nothing is ever done twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, Run, decode, encode
from engine.core.merging import given_up
from engine.core.moving import EXIT, MOVE, PIN, is_bound, landing
from engine.core.rules import Cap, Mode, Purpose, RuleSet, Workflow
from engine.core.sending import PAUSED_LINE
from engine.core.signals import Handed, Joined, Look, Move
from tests.builders import PLAIN, Play, length, rules_of, somebody
from tests.core.shops import hands_nothing_over

HEAD = """
workflow: visit
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: never
leave_when_any:
  - event: email.unsubscribed
stages:
"""
OFFERS = "offers:\n  gift: {gift: a mug, cost: 4 EUR, valid_for: 90d, per_customer: 1 per 365d}\n"
MOVED, EXITED = Move("visit", MOVE), Move("visit", EXIT)


def stage(*steps: str, name: str = "one", then: str = "end: done") -> str:
    """A stage with these steps; what is waited for in it can be left by an order."""
    listed = "\n".join(f"      - {step}" for step in steps) if steps else "      []"
    return f"  {name}:\n    steps:\n{listed}\n    {then}\n"


def version(number: int, *stages: str, **said: Any) -> RuleSet:
    """The workflow with these stages, as a version of that number."""
    made = rules_of(HEAD + "".join(stages), **said)
    return replace(made, workflows={"visit": replace(made.workflows["visit"], version=number)})


def numbered(rules: RuleSet, number: int) -> Workflow:
    """The workflow of these rules as a version of that number."""
    return replace(rules.workflows["visit"], version=number)


def at_wait(*steps: str, customer: Customer | None = None, **said: Any) -> Play:
    """A shop with these steps in its only stage, and ada on her way through them."""
    play = Play(rules=version(1, stage(*steps), **said))
    play.put(customer or somebody())
    play.happens("customer.visited")
    return play


def only_run(play: Play, customer: str = "ada") -> Run:
    """The run under way."""
    (run,) = play.customer(customer).runs
    return run


# Where a run lands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "new", "lands"),
    [
        (1, ("send: a", "wait: 3d", "send: b", "wait: 9d"), ("wait 0", 1, True)),  # the same wait, of another length
        (1, ("tag: x", "send: a", "tag: y", "wait: 5d"), ("wait 0", 3, True)),  # moved by what came before it
        (2, ("send: a", "wait: 5d", "send: c", "wait: 9d"), ("wait 1", 3, False)),  # its step is gone: the next one
        (0, ("wait: 5d", "send: b"), ("wait 0", 0, False)),
        (2, ("wait: 5d", "send: a"), ("", 2, False)),  # nothing of what lay before it is left: the end
        (3, (), ("", 0, False)),
        (3, ("wait: 5d", "wait: 9d", "send: b"), ("wait 1", 1, True)),  # the second wait stays the second
    ],
)
def test_a_run_lands_at_its_step_or_the_next_that_is_left(
    at: int, new: tuple[str, ...], lands: tuple[str, int, bool]
) -> None:
    """By the key of its step; else by the next one of the old stage that the new one has; else at the stage's end."""
    old = numbered(version(1, stage("send: a", "wait: 5d", "send: b", "wait: 9d")), 1)
    run = Run("r", "visit", 1, Mode.LIVE, held_out=False, began=0, ends_at=0, stage="one", step=at)
    landed = landing(run, old, numbered(version(1, stage(*new)), 2))
    assert landed is not None
    assert (landed.key, landed.step, landed.stays) == lands


def test_a_run_whose_stage_is_gone_lands_nowhere() -> None:
    """There is no place that it could mean."""
    old, new = version(1, stage("wait: 5d")), version(2, stage("wait: 5d", name="other"))
    run = Run("r", "visit", 1, Mode.LIVE, held_out=False, began=0, ends_at=0, stage="one")
    assert landing(run, old.workflows["visit"], new.workflows["visit"]) is None


# Pin, move, exit ------------------------------------------------------------------------------------------------------


def test_a_pinned_run_finishes_on_its_version() -> None:
    """That is what becomes of it without a word, too."""
    for moves in ((), (Move("visit", PIN),)):
        play = at_wait("wait: 5d", "tag: old")
        play.changes(version(2, stage("wait: 1d", "tag: new")), *moves)
        play.passes("6d")
        assert play.told() == ["0d start visit", "5d tag old", "5d end done"]


def test_a_moved_run_goes_on_in_the_new_version() -> None:
    """The steps that follow are the new ones."""
    play = at_wait("wait: 5d", "tag: old")
    play.changes(version(2, stage("wait: 5d", "tag: new")), MOVED)
    play.passes("6d")
    assert play.told() == ["0d start visit", "0d move to wait 0", "5d tag new", "5d end done"]


def test_an_exit_ends_runs_as_moved_out() -> None:
    """At once, wherever they are."""
    play = at_wait("wait: 5d", "tag: old")
    play.passes("2d")
    play.changes(replace(play.rule_set, workflows={}, switches={}), EXITED)
    assert play.told() == ["0d start visit", "2d end moved_out"]


def test_a_run_whose_stage_is_gone_ends_as_moved_out() -> None:
    """A move cannot guess where it was meant to go on."""
    play = at_wait("wait: 5d", "tag: old")
    play.changes(version(2, stage("wait: 5d", name="other")), MOVED)
    assert play.told() == ["0d start visit", "0d end moved_out"]


def test_where_no_step_is_left_the_stage_ends() -> None:
    """What follows the stage follows then."""
    play = at_wait("wait: 5d", "tag: old")
    new = version(2, stage("tag: before", then="after: two"), stage("tag: second", name="two"))
    play.changes(new, MOVED)
    assert play.told() == ["0d start visit", "0d move to the end", "0d tag second", "0d end done"]


def test_runs_already_there_stay_as_they_are() -> None:
    """Moving to the version a run is on changes nothing, and is not told."""
    play = at_wait("wait: 5d", "tag: same")
    play.changes(play.rule_set, MOVED)
    play.passes("6d")
    assert play.told() == ["0d start visit", "5d tag same", "5d end done"]


def test_two_moves_before_a_look_are_done_one_after_the_other() -> None:
    """Each to the version of its own apply, though a later one is in force by now."""
    play = at_wait("wait: 5d", "tag: old")
    play.changes(version(2, stage("wait: 5d", "tag: second")), MOVED, works=False)
    play.changes(version(3, stage("wait: 5d", "tag: third")), Move("visit", PIN), works=False)
    play.works()
    assert only_run(play).version == 2
    play.changes(version(4, stage("wait: 6d", "tag: fourth")), MOVED, works=False)
    play.changes(version(5, stage("wait: 7d", "tag: fifth")), MOVED, works=False)
    play.passes("8d")
    assert [each.data["to"] for each in play.about() if each.type == fx.RUN_MOVED] == [2, 4, 5]
    assert play.told()[-2:] == ["7d tag fifth", "7d end done"]


# Waits ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "passed", "new", "over"),
    [
        ("wait: 5d", "2d", "wait: 9d", "9d"),  # counted from when it began
        ("wait: 9d", "2d", "wait: 5d", "5d"),
        ("wait: 9d", "4d", "wait: 2d", "4d"),  # it is over already
        ("wait: 9d", "1d", "wait: 72h", "3d"),
        ("hand_off: sales\n        answer_within: 9d", "2d", "hand_off: sales\n        answer_within: 4d", "4d"),
        ("hand_off: sales\n        answer_within: 9d", "2d", "hand_off: sales", "2d"),
        (
            "wait_until: {customer: contract_ends, at_most: 9d}",
            "2d",
            "wait_until: {customer: contract_ends, at_most: 6d}",
            "6d",
        ),
        ("wait_until: {customer: contract_ends}", "2d", "wait_until: {customer: contract_ends, before: 5d}", "15d"),
    ],
)
def test_a_wait_keeps_when_it_began(old: str, passed: str, new: str, over: str) -> None:
    """By the new version's length it is over as if it had always been so long, and never before now."""
    who = somebody(profile={"email": ("ada@example.org", 0), "contract_ends": ("2026-01-25", 0)})
    play = at_wait(old, "tag: after", customer=who)
    play.passes(passed)
    play.changes(version(2, stage(new, "tag: after")), MOVED)
    play.passes("40d")
    assert f"{over} tag after" in play.told()


def test_the_notice_of_a_closing_is_held_to_the_day_it_named() -> None:
    """The customer has it in writing, whatever the new version says."""
    play = at_wait("close_account: {notice: 14d, send: receipt}", "tag: after")
    play.changes(version(2, stage("close_account: {notice: 2d, send: receipt}", "tag: after")), MOVED)
    play.passes("20d")
    assert [each for each in play.told() if "clos" in each and "move" not in each] == [
        "0d closing on 2026-01-19",
        "14d close_account",
    ]


@pytest.mark.parametrize("move", [MOVED, EXITED])
def test_a_closing_that_is_moved_away_is_called_off(move: Move) -> None:
    """Whoever closes accounts must be told that there is nothing to close."""
    play = at_wait("close_account: {notice: 14d, send: receipt}", "tag: after")
    play.changes(version(2, stage("tag: after")), move)
    assert play.told()[1:4].count("0d closing on 2026-01-19") == 1
    assert "0d closing on None" in play.told()
    play.passes("20d")
    assert "14d close_account" not in play.told()


# Sends ----------------------------------------------------------------------------------------------------------------


def test_nothing_done_is_done_again_wherever_the_new_version_puts_it() -> None:
    """Steps that lie before the run by now, though it has taken them, are passed over; new ones are taken."""
    play = at_wait("send: a", "tag: x", "wait: 5d", "send: b")
    play.passes("1d")
    play.changes(version(2, stage("wait: 5d", "send: b", "tag: x", "send: a", "send: c")), MOVED)
    play.passes("6d")
    assert play.told() == [
        "0d start visit",
        "0d send a",
        "0d tag x",
        "1d move to wait 0",
        "5d send b",
        "5d send c",
        "5d end done",
    ]


def test_a_wait_that_comes_again_is_waited_again() -> None:
    """It keeps two messages apart, wherever it stood before."""
    play = at_wait("send: a", "wait: 2d", "hand_off: sales\n        answer_within: 4d", "send: b")
    play.passes("3d")
    play.changes(
        version(2, stage("send: a", "hand_off: sales\n        answer_within: 4d", "send: c", "wait: 2d", "send: b")),
        MOVED,
    )
    play.passes("9d")
    assert [each for each in play.told() if "send" in each] == ["0d send a", "6d send c", "8d send b"]


def test_a_step_taken_out_and_put_back_is_not_done_again() -> None:
    """What a run has done of its stage it remembers over all versions; in a later entry it is done anew."""
    play = at_wait("send: a", "wait: 5d", "tag: x")
    play.changes(version(2, stage("wait: 5d", "tag: x")), MOVED)
    again = stage("wait: 5d", "send: a", "tag: x", "wait: 1d", then="after: one")
    play.changes(version(3, again), MOVED)
    play.passes("12d")
    assert [each for each in play.told() if "send" in each] == ["0d send a", "11d send a"]
    sent = [each.effect_id for each in play.about() if each.type == fx.SEND_REQUESTED]
    assert len(set(sent)) == 2


CAPPED = replace(PLAIN, caps=(Cap(Purpose.MARKETING, 1, length("7d")),))


def test_a_deferred_send_is_asked_again_as_one_that_was_wanted_before() -> None:
    """Of the same step it goes on waiting, and is late when it would have been."""
    play = at_wait("send: a", "wait: 1d", "send: b", "tag: after", lifecycle=CAPPED)
    play.passes("2d")
    wanted = only_run(play).wanted
    assert only_run(play).doing == "deferred"
    new = ("send: a", "wait: 1d", "send: b\n        late_at_most: 2d", "tag: after")
    play.changes(version(2, stage(*new), lifecycle=CAPPED), MOVED)
    assert only_run(play).wanted == wanted
    play.passes("5d")
    assert play.told()[-3:] == ["3d drop b: late: cap: marketing at most 1 per 7d", "3d tag after", "3d end done"]


@pytest.mark.parametrize("pause", [True, False])
def test_a_send_that_waits_and_is_gone_is_not_made(pause: bool) -> None:  # noqa: FBT001 - a table
    """The run goes on behind it; an offer that was given with it is taken back."""
    play = at_wait("send: a\n        offer: gift", "tag: after", offers=OFFERS, lifecycle=PLAIN)
    assert "0d send a" in play.told()
    play = Play(rules=version(1, stage("send: a", "tag: after"), lifecycle=CAPPED))
    play.put(somebody())
    if pause:
        play.pause()
    else:
        play.put(somebody(releases=at_wait("send: b", "wait: 1d").customer().releases))
    play.happens("customer.visited")
    assert only_run(play).doing == ("paused" if pause else "deferred")
    play.changes(version(2, stage("tag: after"), lifecycle=CAPPED), MOVED)
    assert play.told()[-2:] == ["0d tag after", "0d end done"]
    assert PAUSED_LINE not in play.customer().waiting
    assert not any(each.type == fx.SEND_REQUESTED for each in play.about())


def on_its_way(*steps: str, **said: Any) -> Play:
    """A shop in which a send of ada's lies in the outbox, and nobody takes it."""
    play = Play(rules=version(1, stage(*steps), **said))
    play.put(somebody())
    hands_nothing_over(play)
    play.happens("customer.visited")
    assert only_run(play).doing == "sending"
    return play


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("done", ["0d send a", "0d move to tag after 0", "0d tag after", "0d end done"]),
        ("uncertain", ["0d send a", "0d move to tag after 0", "0d tag after", "0d end done"]),
        ("refused", ["0d send a", "0d drop a: refused", "0d move to tag after 0", "0d tag after", "0d end done"]),
        ("again", ["0d send a", "0d move to tag after 0", "0d tag after", "0d end done"]),
    ],
)
def test_a_send_on_its_way_is_waited_for(outcome: str, told: list[str]) -> None:
    """A run whose step is gone goes over when its send has ended; one that comes back is not sent again."""
    play = on_its_way("send: a", "wait: 1d", "tag: after")
    play.changes(version(2, stage("tag: after")), MOVED)
    assert only_run(play).version == 1
    play.signal(Handed(only_run(play).effect_id, outcome))
    assert play.told()[1:] == told


def test_a_send_on_its_way_that_is_of_the_new_version_too_goes_on_there() -> None:
    """It is sent once, and what follows are the new steps."""
    play = on_its_way("send: a", "tag: old")
    play.changes(version(2, stage("tag: first", "send: a", "tag: new")), MOVED)
    assert only_run(play).version == 2
    play.signal(Handed(only_run(play).effect_id, "done"))
    assert play.told()[-2:] == ["0d tag new", "0d end done"]
    assert play.told().count("0d send a") == 1


def test_a_notice_on_its_way_that_is_gone_closes_nothing() -> None:
    """It is told that the account stays open, if it was told at all."""
    play = on_its_way("close_account: {notice: 14d, send: receipt}", "tag: after")
    play.changes(version(2, stage("tag: after")), MOVED)
    play.signal(Handed(only_run(play).effect_id, "done"))
    play.passes("20d")
    assert "14d close_account" not in play.told()
    closings = [each for each in play.told() if "closing" in each]
    assert closings in ([], ["0d closing on 2026-01-19", "0d closing on None"])


def test_an_exit_withdraws_what_lies_in_the_outbox() -> None:
    """No run waits for that send any more, so the relay does not call it; the offer in it was never had."""
    play = on_its_way("send: a\n        offer: gift", "tag: after", offers=OFFERS)
    number = only_run(play).effect_id
    play.changes(replace(play.rule_set, workflows={}, switches={}), EXITED)
    assert play.customer().runs == ()
    play.signal(Handed(number, "blocked", "the run has moved on"))
    assert play.customer().offers_had == {}
    assert [each.type for each in play.about()][-1] == fx.COUPON_VOIDED


def test_a_no_in_the_very_signal_that_moves_is_heard_first() -> None:
    """A move takes no step, so nothing is sent before the signal itself is decided."""
    play = at_wait("wait: 5d", "send: a")
    play.changes(version(2, stage("send: a")), MOVED, works=False)
    play.happens("email.unsubscribed", email="ada@example.org")
    play.works()
    assert play.told() == ["0d start visit", "0d move to send a 0", "0d end left"]


CHOICE = "choose:\n          by: language\n          de: {{send: {german}, late_at_most: 20d}}\n          otherwise: {{send: other}}"


@pytest.mark.parametrize(("german", "told"), [("a", "7d send a"), ("b", "1d tag after")])
def test_a_choice_whose_send_is_under_way_stays_if_it_sends_the_same(german: str, told: str) -> None:
    """Where the new version sends another template in its place, it is gone as a send is: the run goes on behind it."""
    who = somebody(profile={"email": ("ada@example.org", 0), "language": ("de", 0)})
    play = at_wait("send: first", "wait: 1d", CHOICE.format(german="a"), "tag: after", customer=who, lifecycle=CAPPED)
    play.passes("1d")
    assert only_run(play).branch == "de"
    new = stage("send: first", "wait: 1d", CHOICE.format(german=german), "tag: after")
    play.changes(version(2, new, lifecycle=CAPPED), MOVED)
    play.passes("8d")
    assert told in play.told()


# Offers ---------------------------------------------------------------------------------------------------------------

OTHER_MUG = OFFERS.replace("a mug", "two mugs")


@pytest.mark.parametrize(
    ("offers", "bound"), [(OFFERS, False), (OFFERS.replace("90d", "30d"), False), (OTHER_MUG, True)]
)
def test_a_run_keeps_the_version_whose_offer_it_has_given(offers: str, bound: bool) -> None:  # noqa: FBT001 - a table
    """A reminder says what was promised: other terms than the code was given on keep the run on its version."""
    steps = ("send: a\n        offer: gift", "wait: 5d", "send: b\n        offer: gift")
    play = at_wait(*steps, offers=OFFERS)
    new = version(2, stage(*steps, "tag: new"), offers=offers)
    assert is_bound(only_run(play), *(each.workflows["visit"] for each in (play.rule_set, new))) is bound
    play.changes(new, MOVED)
    play.passes("6d")
    assert ("5d tag new" in play.told()) is not bound
    (first, second) = [each.data["offer"] for each in play.about() if each.type == fx.SEND_REQUESTED]
    assert first == second


# Modes ----------------------------------------------------------------------------------------------------------------


def test_the_runs_of_a_draft_are_moved_and_held() -> None:
    """What was turned to draft does nothing when it is moved, and goes on once it is live again."""
    play = at_wait("wait: 5d", "tag: old")
    draft = version(2, stage("tag: new"), mode=Mode.DRAFT)
    play.changes(draft, MOVED)
    play.passes("9d")
    assert play.told() == ["0d start visit", "0d move to tag new 0"] or play.told() == [
        "0d start visit",
        "0d move to the end",
    ]
    play.changes(replace(draft, switches=version(2, stage("tag: new")).switches))
    assert play.told()[-1] == "9d end done"


def test_a_shadow_run_stays_one() -> None:
    """What is told of its move does not leave, either."""
    play = visited_in_shadow("wait: 5d", "tag: old")
    play.changes(version(2, stage("wait: 2d", "tag: new"), mode=Mode.SHADOW), MOVED)
    play.passes("3d")
    assert play.told() == [
        "0d start visit (shadow)",
        "0d move to wait 0 (shadow)",
        "2d tag new (shadow)",
        "2d end done (shadow)",
    ]


def visited_in_shadow(*steps: str) -> Play:
    """A shop whose workflow walks as shadow, and ada in it."""
    return at_wait(*steps, mode=Mode.SHADOW)


# Others ---------------------------------------------------------------------------------------------------------------


def test_the_runs_of_a_record_that_is_given_up_are_moved_too() -> None:
    """They come from a record that had not been looked at since."""
    play = at_wait("wait: 5d", "tag: old")
    old = play.customer()
    play.put(somebody("bob"))
    play.changes(version(2, stage("wait: 5d", "tag: new")), MOVED, works=False)
    play.signal(Look(), "bob")
    play.put(given_up(old, "bob", play.now))
    play.signal(Joined(old), "bob")
    play.passes("6d")
    assert "5d tag new" in play.told("bob")


def test_before_a_send_leaves_its_run_is_looked_at() -> None:
    """The relay asks for it, because the sweep may not have come by; who has been looked at is not looked at again."""
    play = on_its_way("send: a")
    handling, store = play.world.handling, play.world.store
    handling.look_if_moved(store, "ada", play.now)
    play.changes(replace(play.rule_set, workflows={}, switches={}), EXITED, works=False)
    assert only_run(play).version == 1
    for _ in range(2):
        handling.look_if_moved(store, "ada", play.now)
    assert play.told()[1:] == ["0d send a", "0d end moved_out"]
    looks = [each for each in store.journalled or [] if isinstance(each[1], Look)]
    assert len(looks) == 1


def test_those_in_the_workflow_are_reached_first_and_the_moves_are_forgotten() -> None:
    """An exit of few is quick however many customers there are; when everybody was met nothing is left to move."""
    play = at_wait("wait: 5d", "tag: old", customer=somebody("zoe"))
    play.happens("customer.visited", "zoe")
    for number in range(1200):
        play.put(somebody(f"c{number}"))
    play.changes(replace(play.rule_set, workflows={}, switches={}), EXITED, works=False)
    play.world.handling.advance(play.world.store, play.now)
    assert play.told("zoe") == ["0d start visit", "0d end moved_out"]
    assert play.shop.moves
    play.works()
    assert play.shop.moves == ()
    assert play.shop.sweep is None


# Any edits at all -----------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["send: a", "send: b", "send: c", "wait: 3d", "wait: 8d", "wait: 36h", "tag: x", "tag: y", "hand_off: sales"]
    ),
    max_size=6,
)
STAGES = st.fixed_dictionaries({"one": STEPS}, optional={"two": STEPS, "three": STEPS})


def of(stages: dict[str, list[str]], number: int) -> RuleSet:
    """A version with these stages, one after the other."""
    names = [*stages]
    texts = [
        stage(*steps, name=name, then=f"after: {following}" if following else "end: done")
        for (name, steps), following in zip(stages.items(), [*names[1:], ""], strict=True)
    ]
    return version(number, *texts, lifecycle=PLAIN)


def test_an_order_of_stages_turned_round_writes_to_nobody_again() -> None:
    """Who has been through a stage stays on their version where the new one would lead them to it once more."""
    there, back = stage("send: a", name="one", then="after: two"), stage("wait: 9d", name="two")
    play = Play(rules=version(1, there, back))
    play.put(somebody())
    play.happens("customer.visited")
    turned = version(2, stage("wait: 9d", name="two", then="after: one"), stage("send: a", name="one"))
    play.changes(turned, MOVED)
    assert play.customer().runs[0].version == 1
    play.passes("9d")
    assert play.told() == ["0d start visit", "0d send a", "9d end done"]


@given(
    edits=st.lists(
        st.tuples(STAGES, st.sampled_from([MOVE, MOVE, PIN, EXIT]), st.sampled_from(["0h", "1h", "2d", "9d"])),
        min_size=1,
        max_size=6,
    ),
    first=STAGES,
    slow=st.booleans(),
)
def test_whatever_is_edited_nothing_is_done_twice_and_every_run_ends(
    edits: list[tuple[dict[str, list[str]], str, str]],
    first: dict[str, list[str]],
    slow: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Each step of a stage is taken once at most, over all versions; no run is lost, none lasts for ever."""
    play = Play(rules=of(first, 1))
    play.put(somebody())
    if slow:
        hands_nothing_over(play)
    play.happens("customer.visited")
    for number, (stages, how, passes) in enumerate(edits, 2):
        play.changes(of(stages, number), Move("visit", how))
        play.passes(passes)
        if slow:
            hand_over_some(play)
        _holds_together(play)
    for _ in range(40):
        play.passes("9d")
        hand_over_some(play)
    assert play.customer().runs == ()
    assert len(play.outcomes()) == 1
    acts = Counter(
        (each.data["run"], each.data["stage"], each.data["step"])
        for each in play.about()
        if each.type in (fx.SEND_REQUESTED, fx.TAGGED, fx.HANDED_OFF)
    )
    assert {act: count for act, count in acts.items() if count > 1} == {}
    assert len({each.id for each in play.effects}) == len(play.effects)
    assert play.world.store.dead_letters == []


def hand_over_some(play: Play) -> None:
    """Let what lies in the outbox be taken."""
    outbox = play.world.store.outbox
    while outbox:
        play.signal(Handed(outbox.pop(0).effect_id, "done"))


def _holds_together(play: Play) -> None:
    """A run stands at a step of its version, and something will make it go on."""
    customer = play.customer()
    assert decode(encode(customer)) == customer
    for run in customer.runs:
        workflow = play.world.handling.rules.version(run.workflow, run.version)
        assert run.stage in {each.name for each in workflow.stages}
        assert run.step <= len(workflow.stage(run.stage).steps)
        assert run.due is not None or run.doing in ("sending", "paused")
