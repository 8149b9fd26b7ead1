"""Channels other than email, the customer's preference, and which stop covers which channel."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.conditions import View, holds
from engine.core.customer import Permission, Proof, Stop
from engine.core.moments import DAY, HOUR
from engine.core.permission import stop
from engine.core.rules import Address, PermissionIs
from engine.core.signals import Handed
from tests.builders import BERLIN, PLAIN, START, Play, at, somebody
from tests.core.shops import hands_nothing_over, known, only, permitted, shop, visited

EVERYWHERE = tuple(f"marketing/{channel}" for channel in ("email", "letter", "phone", "sms", "push"))
FULL = {"email": "ada@example.org", "phone": "+49 30 1", "postal": {"city": "Berlin"}}
DEAD: dict[str, Any] = {"address": Address.DEAD, "proofs": (Proof(START - DAY, clear=True),)}


def outcome(channel: str, purpose: str = "marketing", **fields: Any) -> str:
    """What became of a send on a channel: the channel it took, or why it was dropped."""
    play = visited(f"- send: receipt\n  channel: {channel}\n  purpose: {purpose}\n", somebody(**fields))
    sent, dropped = only(play.effects, "send.requested"), only(play.effects, "send.dropped")
    return str(sent[0]["channel"] if sent else dropped[0]["reason"])


@pytest.mark.parametrize("channel", ["letter", "phone", "sms", "push"])
def test_each_channel_needs_a_permission_of_its_own(channel: str) -> None:
    """To be written to by mail is no permission to be called; one withdrawn there is none; a stop covers all channels."""
    assert outcome(channel, profile=known(**FULL), permission=permitted(*EVERYWHERE)) == channel
    assert outcome(channel, profile=known(**FULL), permission=permitted("marketing/email")) == "no_permission"
    withdrawn = {f"marketing/{channel}": Permission(given=False, at=START - DAY)}
    assert (
        outcome(channel, profile=known(**FULL), permission={**permitted(*EVERYWHERE), **withdrawn}) == "no_permission"
    )
    said = {"marketing": Stop(1, "email.unsubscribed")}
    assert outcome(channel, profile=known(**FULL), permission=permitted(*EVERYWHERE), stopped=said) == "stopped"


@pytest.mark.parametrize(
    ("channel", "profile", "came"),
    [
        ("letter", {}, "no_address"),
        ("letter", {"postal": "Some Street 1"}, "letter"),
        ("phone", {}, "no_address"),
        ("phone", {"phone": "1"}, "phone"),
        ("sms", {"postal": "Some Street 1"}, "no_address"),
        ("sms", {"phone": "1"}, "sms"),
        ("push", {}, "push"),  # where a push goes, the service that pushes knows
        ("email", {}, "no_address"),
    ],
)
def test_each_channel_needs_an_address_of_its_own(channel: str, profile: dict[str, Any], came: str) -> None:
    """A letter needs the postal address, a call or sms the number; no mail address is asked for. Service sends too."""
    assert outcome(channel, profile=known(**profile), permission=permitted(*EVERYWHERE)) == came
    assert outcome(channel, "service", profile=known(**profile), permission={}) == came


def test_a_dead_address_stops_mail_alone() -> None:
    """Neither its age nor that mail cannot arrive says anything of a letter."""
    fields: dict[str, Any] = {"profile": known(**FULL), "permission": permitted(*EVERYWHERE), **DEAD}
    assert outcome("email", **fields) == "address_dead"
    assert outcome("letter", **fields) == "letter"
    old = replace(PLAIN, permission=replace(PLAIN.permission, unused_block=None))
    who = somebody(
        profile=known(**FULL), permission={key: replace(each, at=1) for key, each in permitted(*EVERYWHERE).items()}
    )
    for channel, kind in (("email", "send.dropped"), ("letter", "send.requested")):
        play = visited(f"- send: hello\n  channel: {channel}\n", who, lifecycle=old)
        assert len(only(play.effects, kind)) == 1


@pytest.mark.parametrize(
    ("wanted", "permits", "profile", "came"),
    [
        ("letter", EVERYWHERE, FULL, "letter"),
        ("sms", EVERYWHERE, FULL, "sms"),
        ("email", EVERYWHERE, FULL, "email"),
        (None, EVERYWHERE, FULL, "email"),
        ("fax", EVERYWHERE, FULL, "email"),
        ("letter", ("marketing/email",), FULL, "email"),  # not permitted there
        ("sms", EVERYWHERE, {"email": "ada@example.org"}, "email"),  # no number known
        ("letter", ("marketing/letter",), {"postal": "Some Street 1"}, "letter"),
        ("letter", (), FULL, "no_permission"),
    ],
)
def test_the_customers_preference_is_followed_where_it_may_be(
    wanted: str | None, permits: tuple[str, ...], profile: dict[str, Any], came: str
) -> None:
    """`preferred`: the profile's `channel` if it is permitted and can be reached there, else email."""
    fields: dict[str, Any] = {"profile": known(**profile, channel=wanted), "permission": permitted(*permits)}
    assert outcome("preferred", **fields) == came


def test_a_preference_for_service_needs_no_permission() -> None:
    """What is about the account goes where the customer wants it, if that can be reached."""
    assert outcome("preferred", "service", profile=known(**FULL, channel="letter"), permission={}) == "letter"


def test_what_a_channel_needs_is_told_with_its_sends() -> None:
    """Who prints the letter has the postal address, who calls the number, and nobody else has."""
    for channel, has in (("letter", {"postal"}), ("sms", {"phone"}), ("phone", {"phone"}), ("push", set())):
        who = somebody(profile=known(**FULL), permission=permitted(*EVERYWHERE))
        (data,) = only(visited(f"- send: hello\n  channel: {channel}\n", who).effects, "send.requested")
        assert {"postal", "phone"} & data["customer"].keys() == has


def test_a_letter_is_no_mail() -> None:
    """It does not keep an unused permission to mail alive, and counts in the caps as any message."""
    who = somebody(profile=known(**FULL), permission=permitted(*EVERYWHERE))
    for channel, mailed in (("letter", 0), ("email", START)):
        play = visited(f"- send: hello\n  channel: {channel}\n", who)
        assert play.customer().last_mail == mailed
        assert [each.channel for each in play.customer().releases] == [channel]


def test_quiet_hours_hold_every_channel() -> None:
    """Nobody's phone rings at night."""
    night = BERLIN.at(BERLIN.day(START), 23 * HOUR)
    who = somebody(profile=known(**FULL), permission=permitted(*EVERYWHERE))
    for channel in ("sms", "push", "phone", "letter"):
        lifecycle = replace(PLAIN, quiet=(20 * 60, 8 * 60))
        play = visited(f"- send: hello\n  channel: {channel}\n", who, lifecycle=lifecycle, start=night)
        play.passes("1d")
        assert [each.time for each in play.effects if each.type == "winback.send.requested"] == [at("2026-01-06 08:00")]


def test_a_domains_pause_holds_mail_alone() -> None:
    """A provider in trouble is no reason to keep letters back."""
    who = somebody(profile=known(**FULL, channel="letter"), permission=permitted(*EVERYWHERE))
    for channel, sent in (("letter", 1), ("preferred", 1), ("email", 0)):
        play = shop(f"- send: hello\n  channel: {channel}\n")
        play.pause("domain", "example.org")
        play.put(who)
        play.happens("customer.visited")
        assert len(only(play.effects, "send.requested")) == sent


# Which stop covers what ----------------------------------------------------------------------------------------------

STOP = """
workflow: dead
enter_when_all:
  - address: dead
again_after: never
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - suppress: marketing
      - send: hello
        channel: letter
    end: done
"""


def told(play: Play) -> list[str]:
    """What was done between start and end."""
    return play.told()[1:-1]


def test_a_stop_for_a_dead_address_leaves_other_channels() -> None:
    """Stop mail, try another permitted channel: what is stopped is what cannot arrive."""
    play = Play(STOP)
    play.put(somebody(profile=known(**FULL), permission=permitted(*EVERYWHERE)))
    play.happens("email.bounced", kind="dead")
    assert told(play) == ["0d suppress marketing", "0d send hello"]
    assert play.customer().stopped["marketing"].channel == "email"
    view = View(play.customer(), play.now, PLAIN)
    assert holds(PermissionIs(permission="marketing", channel="letter"), view)
    assert not holds(PermissionIs(permission="marketing"), view)


def test_a_no_after_it_covers_all_channels_whenever_it_is_heard() -> None:
    """A stop for one channel never hides one for all, in whichever order they are told."""
    one, every = Stop(START, "workflow dead-addresses", "email"), Stop(START - DAY, "email.unsubscribed")
    for stops in ((one, every), (every, one)):
        customer = somebody()
        for each in stops:
            stop(customer, "marketing", replace(each, at=each.at + 500 * DAY))
        assert customer.stopped["marketing"].channel == ""


def test_a_dropped_send_tells_the_channel_it_was_for() -> None:
    """A letter that the relay could not give out is a letter in the record."""
    who = somebody(profile=known(**FULL, channel="letter"), permission=permitted(*EVERYWHERE))
    play = shop("- send: hello\n  channel: preferred\n")
    hands_nothing_over(play)
    play.put(who)
    play.happens("customer.visited")
    play.signal(Handed(play.customer().runs[0].effect_id, "blocked", "the customer said no"))
    (data,) = only(play.effects, "send.dropped")
    assert (data["channel"], data["reason"]) == ("letter", "blocked: the customer said no")
