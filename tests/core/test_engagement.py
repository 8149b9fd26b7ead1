"""Who opened or clicked, by what one request tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.engagement import WORDS, in_words, told_apart
from engine.core.events import Mail
from engine.core.reading import Reader

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/100.0 Mobile"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"
APP = "okhttp/4.12.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"


@pytest.mark.parametrize("agent", [CHROME, IPHONE, CUBOT, THUNDERBIRD, OUTLOOK, APP, "Mozilla/5.0 JavaFX/8.0 security"])
@pytest.mark.parametrize("method", ["", "GET", "POST"])
def test_browsers_and_mail_programs_are_people(agent: str, method: str) -> None:
    """What a person's browser or mail program asks for says nothing against a person, whatever words its name holds."""
    mail = Mail(user_agent=agent, method=method)
    assert told_apart(mail) is mail


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (Mail(user_agent="Mozilla/5.0"), "apple_proxy"),
        (Mail(user_agent="Mozilla/5.0", ip="17.58.0.1"), "apple_proxy"),
        (Mail(user_agent=GMAIL_AHEAD), "google_prefetch"),
        (Mail(user_agent=CHROME, method="HEAD"), "request"),
        (Mail(user_agent=CHROME, method="options"), "request"),
        (Mail(method="GET"), "no_user_agent"),
        (Mail(method="GET", user_agent="  "), "no_user_agent"),
        (Mail(user_agent="Microsoft Office Existence Discovery"), "scanner"),
        (Mail(user_agent="Barracuda Sentinel (EE)"), "scanner"),
        (Mail(user_agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), "scanner"),
        (Mail(user_agent="Java/17.0.2"), "scanner"),
        (Mail(user_agent="curl/8.5.0"), "scanner"),
        (Mail(user_agent=CHROME, hidden=True), "hidden_link"),
        (Mail(user_agent=CHROME, hidden=True, machine=False), "hidden_link"),
        (Mail(hidden=True), "hidden_link"),
    ],
)
def test_machines_are_marked_with_the_reason(mail: Mail, why: str) -> None:
    """A program is a machine by its name, by how it asks, or by a link that no person sees; the reason goes with it."""
    told = told_apart(mail)
    assert (told.machine, told.unverified, told.why) == (True, False, (why,))
    assert told_apart(told) == told, "judged again, it is the same"


@pytest.mark.parametrize(("agent", "why"), [(GMAIL, "google_proxy"), (YAHOO, "yahoo_proxy")])
def test_a_proxy_for_a_reader_or_ahead_of_one_is_unverified(agent: str, why: str) -> None:
    """What a proxy fetches, perhaps for somebody who reads, is neither a person's nor a machine's."""
    told = told_apart(Mail(user_agent=agent))
    assert (told.machine, told.unverified, told.why) == (None, True, (why,))


def test_apples_own_addresses_make_it_sure() -> None:
    """Where Apple's ranges are known, its name from elsewhere proves nothing; where no address is known, it still counts."""
    apples = {"17.58.0.1"}.__contains__
    assert told_apart(Mail(user_agent="Mozilla/5.0", ip="17.58.0.1"), apples).machine
    assert told_apart(Mail(user_agent="Mozilla/5.0"), apples).machine
    elsewhere = told_apart(Mail(user_agent="Mozilla/5.0", ip="192.0.2.1"), apples)
    assert (elsewhere.machine, elsewhere.unverified) == (None, True)


@pytest.mark.parametrize("machine", [True, False])
def test_what_the_sender_says_stands(machine: bool) -> None:  # noqa: FBT001 - a table's column
    """A mail service that says itself who it was is believed."""
    mail = Mail(user_agent="curl/8.5.0", machine=machine)
    assert told_apart(mail) is mail


def test_nothing_known_is_nothing_said() -> None:
    """An event without a browser's name and without a request (an import, a shop's own) is not called a machine's for it."""
    mail = Mail(message_id="<m@x>", ip="192.0.2.1", link="https://shop.example/")
    assert told_apart(mail) is mail


def test_events_are_told_apart_where_they_are_read() -> None:
    """Every way in ends at the reader, so every way in tells people from machines; other events are left alone."""
    raw = (
        b'{"id":"1","source":"s","type":"email.%s","time":"2026-01-31T10:15:00Z","subject":"ada",'
        b'"data":{"user_agent":"Mozilla/5.0"}}'
    )
    read = [Reader().read(raw % kind).event for kind in (b"opened", b"clicked", b"delivered")]
    assert [each is not None and each.data.machine for each in read] == [True, True, None]


@given(st.text(), st.text(max_size=8), st.text(max_size=20))
def test_no_browser_name_makes_it_raise(agent: str, method: str, ip: str) -> None:
    """Whatever a visitor sends, there is a verdict, and each reason has words."""
    told = told_apart(Mail(user_agent=agent, method=method, ip=ip))
    assert set(told.why) <= set(WORDS)
    assert bool(told.why) == bool(in_words(told.why))
