"""No send after a "no": whatever was said before, on whatever channel, in whatever order it is heard."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.conditions import View
from engine.core.customer import Customer
from engine.core.facts import fold
from engine.core.gate import refusal
from engine.core.moments import HOUR
from engine.core.permits import permit_of
from engine.core.rules import PermissionRule, Purpose, Send
from engine.trace.permissions import CHANNELS
from tests.builders import PLAIN, START, event

GENEROUS = replace(
    PLAIN,
    permission=PermissionRule(
        (Purpose.MARKETING,), existing_customers=True, presumed_b2b=True, double_opt_in=False, unused_block=None
    ),
)
"""A lifecycle that takes every way the law leaves open to write without a word."""

PURPOSES = ("marketing", "newsletter")
Saying = tuple[str, dict[str, Any]]

YES: st.SearchStrategy[Saying] = st.one_of(
    st.tuples(
        st.just("consent.given"),
        st.fixed_dictionaries(
            {
                "purpose": st.sampled_from(PURPOSES),
                "channel": st.sampled_from(CHANNELS),
                "basis": st.sampled_from(["", "express", "existing_customer", "presumed_b2b"]),
            }
        ),
    ),
    st.tuples(st.sampled_from(["newsletter.confirmed", "newsletter.subscribed"]), st.just({})),
    st.tuples(
        st.just("order.placed"),
        st.fixed_dictionaries({"order_id": st.integers(0, 99).map(str), "email": st.just("ada@example.org")}),
    ),
    st.tuples(st.just("profile.updated"), st.just({"company": "Ada & Co", "phone": "1", "postal": "here"})),
)
NO: st.SearchStrategy[Saying] = st.one_of(
    st.tuples(
        st.just("consent.withdrawn"),
        st.fixed_dictionaries({"purpose": st.sampled_from(PURPOSES), "channel": st.sampled_from(CHANNELS)}),
    ),
    st.tuples(
        st.just("email.unsubscribed"), st.fixed_dictionaries({"purpose": st.sampled_from(["", "sale", *PURPOSES])})
    ),
    st.tuples(st.sampled_from(["email.complained", "account.closed"]), st.just({})),
    st.tuples(st.just("hand_off.answered"), st.just({"hand_off": "sales", "result": "never"})),
)


def covered(saying: Saying) -> set[tuple[str, str]]:
    """The purposes and channels that a "no" names, as docs/reference/stops.md has it; written anew here."""
    kind, data = saying
    if kind == "consent.withdrawn":
        return {(data["purpose"], data["channel"])}
    if kind == "hand_off.answered":
        purposes: tuple[str, ...] = ("marketing",)
    elif kind == "email.unsubscribed" and data["purpose"] in PURPOSES:
        purposes = (data["purpose"],)
    else:
        purposes = PURPOSES
    return {(purpose, channel) for purpose in purposes for channel in CHANNELS}


@given(st.lists(st.one_of(YES, NO), max_size=12), NO, st.randoms(use_true_random=False))
def test_after_a_no_nothing_of_what_it_names_goes(said: list[Saying], no: Saying, chance: Any) -> None:
    """The last thing they said was a no: what it covers is refused on every channel, also when it is heard of first."""
    events = [
        event(kind, START + number * HOUR, "ada", str(number), **data)
        for number, (kind, data) in enumerate([*said, no])
    ]
    chance.shuffle(events)
    customer = Customer("ada", profile=dict.fromkeys(("email", "phone", "postal"), ("ada@example.org", 0)))
    for each in events:
        fold(customer, each, GENEROUS, None, [])
    view = View(customer, START + 1_000 * HOUR, GENEROUS)
    for purpose, channel in covered(no):
        assert not permit_of(view, purpose, channel).allowed, (purpose, channel)
        assert refusal(view, Send(key="", template="", purpose=Purpose(purpose), channel=channel))


@given(st.lists(st.one_of(YES, NO), max_size=12), NO, st.randoms(use_true_random=False))
def test_after_a_no_nothing_is_presumed(said: list[Saying], no: Saying, chance: Any) -> None:
    """Whatever is still allowed after a no rests on an express yes of theirs: the law presumes nothing any more."""
    events = [
        event(kind, START + number * HOUR, "ada", str(number), **data)
        for number, (kind, data) in enumerate([*said, no])
    ]
    chance.shuffle(events)
    customer = Customer("ada", profile=dict.fromkeys(("email", "phone", "postal"), ("ada@example.org", 0)))
    for each in events:
        fold(customer, each, GENEROUS, None, [])
    view = View(customer, START + 1_000 * HOUR, GENEROUS)
    express = {each["purpose"] + "/" + each["channel"] for kind, each in said if kind == "consent.given"}
    express |= {"newsletter/email"} if any(kind == "newsletter.confirmed" for kind, _ in said) else set()
    for purpose in PURPOSES:
        for channel in CHANNELS:
            if permit_of(view, purpose, channel).allowed:
                assert {f"{purpose}/{channel}", f"newsletter/{channel}"} & express
