"""What a rehearsal did to a record does not outlast it; what is a fact, or was really told to somebody, does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.core.moments import DAY, HOUR, Length
from engine.core.rules import LapseRule, Standing
from engine.core.signals import MailLeaves, WentLive
from tests.builders import PLAIN, START, Play

FAREWELL = """
workflow: farewell
enter_when_all:
  - event: customer.visited
    within: 1d
leave_when_any:
  - event: email.unsubscribed
again_after: never
stages:
  ask:
    steps:
      - send: still_with_us
        asks: still
      - tag: asked
      - wait: 10d
      - suppress: newsletter
      - standing: former
    end: gone_quiet
"""

GREET = """
workflow: greet
enter_when_all:
  - event: customer.logged_in
    within: 1d
again_after: never
stages:
  hello:
    steps:
      - tag: asked
      - tag: greeted
      - wait: 30d
    end: done
"""


def rehearsed(*workflows: str) -> Play:
    """A shop where ada's farewell was rehearsed to its end: tagged, stopped, former, written to in the mailbox."""
    play = Play(*(workflows or (FAREWELL,)), lifecycle=replace(PLAIN, lapsed_after=LapseRule("days", (300, 1))))
    play.orders(time=START - 40 * DAY)
    play.happens("customer.visited")
    play.passes("12d")
    ada = play.customer()
    assert (ada.tags, set(ada.stopped), ada.standing) == (("asked",), {"newsletter"}, Standing.FORMER)
    assert ada.last_mail >= START
    return play


def test_go_live_takes_back_what_the_rehearsal_wrote_on_a_record() -> None:
    """Tags, stops, the standing and the last mail are as if no workflow had run."""
    play = rehearsed()
    play.goes_live()
    ada = play.customer()
    assert (ada.tags, ada.stopped, ada.standing, ada.last_mail) == ((), {}, Standing.ACTIVE, 0)
    assert (ada.releases, ada.ended, ada.offers_had) == ((), {}, {})


def test_mails_that_others_sent_stay_known() -> None:
    """The last mail falls back to what other senders told us, not to nothing."""
    play = rehearsed()
    play.happens("email.sent", time=START - 9 * DAY, email="ada@example.org", sender="newsletter tool")
    play.goes_live()
    assert play.customer().last_mail == START - 9 * DAY


@pytest.mark.parametrize("days", [-30, 11])
def test_a_no_outlasts_the_rehearsal_though_a_workflow_had_stopped_it_too(days: int) -> None:
    """Also one from before the workflow's stop that was imported after it."""
    play = rehearsed()
    said = START + days * DAY
    play.happens("email.unsubscribed", time=said, email="ada@example.org", purpose="newsletter")
    play.goes_live()
    assert play.customer().stopped["newsletter"].by == "email.unsubscribed"


def test_a_standing_that_the_days_prove_stays() -> None:
    """Whoever was away for long is former by lifecycle.yaml, whatever was rehearsed."""
    lifecycle = replace(PLAIN, lapsed_after=LapseRule("days", (20, 1)), former_after=Length(days=10))
    play = Play(FAREWELL, lifecycle=lifecycle)
    play.orders(time=START - 40 * DAY)
    assert play.customer().standing is Standing.FORMER
    since = play.customer().standing_since
    play.passes("1d")
    play.goes_live()
    assert (play.customer().standing, play.customer().standing_since) == (Standing.FORMER, since)


def test_what_is_done_after_go_live_stays_though_its_sweep_comes_by_later() -> None:
    """The sweep of `go-live` takes a while; what a customer's new run did by then is meant."""
    play = rehearsed(FAREWELL, GREET)
    sweeping, store = play.world.handling.sweeping, play.world.store
    sweeping.tell(store, WentLive(), play.now)
    play.happens("customer.logged_in")
    assert play.customer().tags == ("asked", "greeted")
    play.works()
    assert play.customer().tags == ("asked", "greeted")
    assert [run.workflow for run in play.customer().runs] == ["greet"]


def test_going_live_again_takes_nothing_back_that_was_meant() -> None:
    """Once mail has really left, a second go-live ends runs, and every send, stop and tag still counts."""
    play = Play(FAREWELL, GREET, lifecycle=replace(PLAIN, lapsed_after=LapseRule("days", (300, 1))))
    play.goes_live()
    play.shop_signal(MailLeaves())
    play.orders(time=START - 40 * DAY)
    play.happens("customer.visited")
    play.happens("customer.logged_in")
    play.passes("12d")
    before = play.customer()
    assert (set(before.tags), set(before.stopped)) == ({"asked", "greeted"}, {"newsletter"})
    play.goes_live()
    after = play.customer()
    assert (after.tags, after.stopped, after.standing) == (before.tags, before.stopped, Standing.FORMER)
    assert (after.releases, after.last_mail) == (before.releases, before.last_mail)
    assert (after.runs, set(after.ended)) == ((), {"farewell", "greet"})


def test_a_shop_that_was_live_with_the_mailbox_alone_was_still_rehearsing() -> None:
    """Only a sender that is no mailbox makes it meant; going live again then begins with clean records."""
    play = Play(FAREWELL, lifecycle=replace(PLAIN, lapsed_after=LapseRule("days", (300, 1))))
    play.goes_live()
    play.happens("customer.visited")
    play.passes("12d")
    play.now += HOUR
    play.world.now = play.now
    play.goes_live()
    play.shop_signal(MailLeaves())
    ada = play.customer()
    assert (ada.tags, ada.stopped, ada.last_mail, ada.releases) == ((), {}, 0, ())
