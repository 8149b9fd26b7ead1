"""A made-up world of mailboxes with known truth: people, proxies and scanners, to see how well they are told apart.

One mail with seven links and a hidden one goes to each customer; what then is asked of us comes with who asked. The same
seed gives the same world. How each kind behaves is taken from what is published of them; real ones vary, so the figures
say how the rules work, not how well they would do in any one shop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core.crowds import Crowds
from engine.core.engagement import told_apart
from engine.core.events import Event, Mail
from engine.core.moments import HOUR, MINUTE, SECOND, Instant

LINKS: Final = 7
SHARES: Final = {
    "reads in a browser": 30,
    "Apple's proxy": 25,
    "Gmail's proxy": 20,
    "scanner, all links at once": 10,
    "scanner, some links later": 8,
    "gateway, one address for many": 7,
}
"""Kinds of mailboxes, in percent of the customers. Behind each a person may read and click, too."""

OPENS, CLICKS = 0.45, 0.25  # of the people; of those who open
_CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36"
_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
_GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
_GMAIL_AHEAD = f"{_CHROME.replace('138.0', '42.0.2311.135')} Edge/12.246 Mozilla/5.0"


class Request(Struct, frozen=True):
    """An opening or a click, and whether a person did it: known here, and nowhere else."""

    event: Event
    human: bool
    kind: str


class _Box:
    """One customer's mailbox, and what it asks for."""

    def __init__(self, number: int, kind: str, sent: Instant, chance: random.Random) -> None:
        self.customer, self.kind, self.sent, self.chance = f"c-{number}", kind, sent, chance
        self.made: list[Request] = []

    def asks(self, what: str, at: Instant, human: bool, **data: Any) -> None:  # noqa: FBT001 - the truth, said first
        """Note a request."""
        link = data.get("link", "")
        mail = Mail(
            message_id=f"<m-{self.customer}@shop.example>", email=f"{self.customer}@{_domain(self.kind)}", **data
        )
        number = len(self.made)
        event = Event(f"{self.customer}-{number}-{link}", "world", f"email.{what}", at, self.customer, mail)
        self.made.append(Request(event, human, self.kind))

    def follows(self, link: int, at: Instant, **data: Any) -> None:
        """A program follows a link; the last one is hidden."""
        hidden = {"hidden": True} if link == LINKS else {}
        self.asks("clicked", at, human=False, link=f"https://shop.example/{link}", links=LINKS, **hidden, **data)

    def person(self, agent: str = _CHROME) -> None:
        """A person reads some time later, perhaps, and follows one link or two."""
        if self.chance.random() >= OPENS:
            return
        at = self.sent + int(self.chance.lognormvariate(9.0, 1.4) * SECOND) + 15 * SECOND
        if agent:
            self.asks("opened", at, human=True, user_agent=agent, method="GET")
        if self.chance.random() < CLICKS:
            for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
                at += int(self.chance.uniform(4, 90) * SECOND)
                link = f"https://shop.example/{self.chance.randrange(LINKS)}"
                home = f"192.0.{self.chance.randrange(256)}.{self.chance.randrange(256)}"
                self.asks("clicked", at, human=True, link=link, links=LINKS, user_agent=_IPHONE, ip=home, method="GET")

    def apple(self) -> None:
        """Apple fetches the pictures of every mail, at some time."""
        at = self.sent + int(self.chance.uniform(1, 6 * 3600) * SECOND)
        self.asks("opened", at, human=False, user_agent="Mozilla/5.0", ip="17.58.0.1", method="GET")
        self.person(agent="")

    def gmail(self) -> None:
        """Gmail fetches them when the reader opens; now and then ahead."""
        if self.chance.random() < 0.1:
            self.asks("opened", self.sent + 2 * SECOND, human=False, user_agent=_GMAIL_AHEAD, method="GET")
        self.person(agent=_GMAIL)

    def at_once(self) -> None:
        """All links within a second or two, the hidden one included, about forty seconds after the mail."""
        at = self.sent + int(self.chance.lognormvariate(3.76, 0.6) * SECOND)
        for link in range(LINKS + 1):
            self.follows(
                link, at + int(link * self.chance.uniform(0.05, 0.25) * SECOND), user_agent=_CHROME, method="GET"
            )
        self.person()

    def later(self) -> None:
        """Some links in any order within half an hour, as a browser; the hidden one is among them as often as any."""
        at = self.sent + int(self.chance.uniform(30, 600) * SECOND)
        for link in self.chance.sample(range(LINKS + 1), self.chance.randint(2, 5)):
            self.follows(link, at, user_agent=_CHROME, method="GET")
            at += int(self.chance.expovariate(1 / 60) * SECOND)
        self.person()

    def gateway(self) -> None:
        """One link of each mail, asked for by HEAD and then in full, from one address for a whole company."""
        at = self.sent + 20 * SECOND
        for method in ("HEAD", "GET"):
            at += self.chance.randrange(SECOND // 2)
            self.follows(self.chance.randrange(LINKS), at, user_agent=_CHROME, ip="198.51.100.7", method=method)
        self.person()


_ACTS: Final[dict[str, Callable[[_Box], None]]] = {
    "reads in a browser": _Box.person,
    "Apple's proxy": _Box.apple,
    "Gmail's proxy": _Box.gmail,
    "scanner, all links at once": _Box.at_once,
    "scanner, some links later": _Box.later,
    "gateway, one address for many": _Box.gateway,
}


def world(customers: int, seed: int, start: Instant) -> tuple[list[Event], list[Request]]:
    """Return the mails as they were delivered, and all requests in order of time, each with the truth.

    A company's gateway has 40 mailboxes, written to at once, so that its tests fall together.
    """
    chance = random.Random(seed)  # noqa: S311 - a made-up world
    kinds = chance.choices(list(SHARES), list(SHARES.values()), k=customers)
    mails, requests = [], []
    for number, kind in enumerate(kinds):
        of_a_company = kind == "gateway, one address for many"
        sent = start + (number // 500 * MINUTE if of_a_company else chance.randrange(2 * HOUR))
        box = _Box(number, kind, sent, chance)
        _ACTS[kind](box)
        data = Mail(message_id=f"<m-{box.customer}@shop.example>", sender="mail-tool")
        mails.append(Event(f"delivered-{number}", "world", "email.delivered", sent, box.customer, data))
        requests += box.made
    return mails, sorted(requests, key=lambda each: (each.event.time, each.event.id))


def as_read(requests: Iterable[Request]) -> Iterator[tuple[Instant, Event]]:
    """Return the events as they come out of reading and intake, told apart and looked at side by side, and when."""
    crowds = Crowds()
    for each in requests:
        event = replace(each.event, data=told_apart(each.event.data))
        for heard in crowds.heard(event):
            yield each.event.time, heard


def _domain(kind: str) -> str:
    return "company.example" if kind.startswith("gateway") else "mail.example"
