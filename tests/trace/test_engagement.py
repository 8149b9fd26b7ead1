"""What `explain` says of openings and clicks that were no person's."""

from __future__ import annotations

from engine.core.moments import MINUTE, rfc3339
from engine.trace.engagement import LATEST, not_counted
from tests.builders import Play


def test_what_did_not_count_is_said_with_the_reason() -> None:
    """A burst, a proxy and a service's own word are told; a click that is held says until when; people's say nothing."""
    play = Play()
    at = rfc3339(play.now)
    for link in "abc":
        play.happens("email.clicked", message_id="<m@x>", link=link)
    play.happens("email.opened", unverified=True, why=("google_proxy",))
    play.happens("email.opened", machine=True)
    play.happens("email.opened")
    play.passes("2min")
    held = play.now
    play.happens("email.clicked", message_id="<n@x>", link="a")
    assert list(not_counted(play.customer())) == [
        *3 * [f"click of {at} is a machine's: 3 links in 1 s"],
        f"opening of {at} is unverified: Gmail's proxy, for a reader or ahead of one",
        f"opening of {at} is a machine's: its sender says so",
        f"click of {rfc3339(held)} counts from {rfc3339(held + MINUTE)}, unless it turns out to be a machine's",
    ]


def test_few_are_told_one_by_one() -> None:
    """Of many the latest are told, and how many were before."""
    play = Play()
    for _ in range(LATEST + 2):
        play.happens("email.opened", machine=True)
        play.passes("1min")
    said = list(not_counted(play.customer()))
    assert said[0] == "2 openings before were no person's either"
    assert len(said) == LATEST + 1
