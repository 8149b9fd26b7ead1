"""The page on which customers choose what they get, how often and how, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from engine.core.customer import Permission, Stop
from engine.core.frequency import FREQUENCIES
from engine.core.links import PREFERENCES, UNSUBSCRIBE, Keys, Link
from engine.core.moments import DAY
from engine.core.preferences import CHOICES, Preferences, preferences_of
from engine.core.rules import Lifecycle
from engine.listeners import READ, Answers, Notes, Shopfront, public_app
from engine.listeners.choosing import Choice, NoChoiceError, choice_of
from engine.listeners.preference_page import preference_page
from tests.builders import somebody
from tests.listeners.conftest import NOW, World

Client = TestClient[web.Request, web.Application]
SHOP = Shopfront(name="Tee & Söhne", support_email="help@shop.example")
ADA = Preferences(
    chosen=("newsletter", "tracking"),
    frequency="usual",
    channel="email",
    channels=("email", "letter"),
    address="ada@example.org",
)


class Books:
    """What is known of customers; `broken` while it cannot be read."""

    def __init__(self) -> None:
        self.broken = False
        self.known: dict[str, Preferences] = {"ada": ADA}

    async def __call__(self, customer: str) -> Preferences | None:
        """Tell what somebody chose."""
        if self.broken:
            raise ConnectionError("away")
        return self.known.get(customer)


class Form(HTMLParser):
    """The first form of a page, as a browser would send it when nothing is touched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.forms = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what would be sent."""
        named = dict(attrs)
        self.forms += tag == "form"
        if tag != "input" or self.forms != 1:
            return
        if named["type"] == "hidden" or "checked" in named:
            self.fields.append((str(named["name"]), str(named["value"])))


@pytest.fixture
def books() -> Books:
    """What is known of customers."""
    return Books()


@pytest.fixture
async def client(world: World, keys: Keys, books: Books) -> AsyncIterator[Client]:
    """A browser before the public listener."""
    answers = Answers(
        world.intake(), world.block, world.unblock, world.objections, world.clock, "https://mail.shop.example"
    )
    notes = Notes(world.intake(), READ)
    app = public_app(keys, answers, SHOP, lambda: "", clock=world.clock, notes=notes, known=books)
    async with TestClient(TestServer(app)) as browser:
        yield browser


def page_of(keys: Keys, customer: str = "ada", language: str = "en") -> str:
    """Return the path of somebody's page."""
    return f"/preferences/{keys.seal(Link(PREFERENCES, customer, '', 'e1', language=language))}"


async def sent(
    client: Client, path: str, *, give: tuple[str, ...] = (), take: tuple[str, ...] = (), **picked: str
) -> str:
    """Send the page's form with boxes ticked and unticked and others picked; return the page that follows."""
    html = await (await client.get(path)).text()
    fields = [(name, value) for name, value in Form(html).fields if not (name == "get" and value in take)]
    fields = [(name, picked.get(name, value)) for name, value in fields] + [("get", each) for each in give]
    response = await client.post(path, data=fields)
    assert response.status == 200
    return await response.text()


async def test_the_page_shows_what_is_chosen(world: World, keys: Keys, client: Client) -> None:
    """Boxes, frequency and channel stand as they are; name, address and mails of the customer are not shown."""
    response = await client.get(page_of(keys))
    html = await response.text()
    assert response.status == 200
    chosen = {(name, value) for name, value in Form(html).fields if not name.startswith("was.")}
    assert chosen == {("get", "newsletter"), ("get", "tracking"), ("frequency", "usual"), ("channel", "email")}
    assert "ada" not in html
    assert "phone" not in html
    assert world.story == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing(world: World, keys: Keys, client: Client, method: str) -> None:
    """However often a scanner comes, and whatever it puts into the query."""
    path = page_of(keys) + "?all=stop&get=marketing&frequency=quarterly"
    for _ in range(3):
        assert (await client.request(method, path)).status == 200
    assert world.story == []


async def test_a_page_sent_as_it_was_shown_changes_nothing(world: World, keys: Keys, client: Client) -> None:
    """A box that came ticked is no consent given anew: without a change nothing comes in."""
    assert "Saved" in await sent(client, page_of(keys))
    assert world.story == []


async def test_a_box_that_was_ticked_is_a_consent_with_its_proof(world: World, keys: Keys, client: Client) -> None:
    """With the sentence beside the box in the language that was read, the page and the address it came from."""
    await sent(client, page_of(keys, language="de"), give=("marketing",))
    (event,) = world.events()
    assert (event.type, event.customer, event.data.purpose) == ("consent.given", "ada", "marketing")
    assert event.data.proof == {
        "wording": "Ja, ich möchte Angebote von Tee & Söhne per E-Mail erhalten.",
        "ip": "127.0.0.1",
        "page": "https://mail.shop.example/preferences",
        "mail": "e1",
    }


async def test_an_unticked_box_is_a_no_before_the_answer(world: World, keys: Keys, client: Client) -> None:
    """The block list has it first, for the customer and the address, then the event comes in."""
    await sent(client, page_of(keys), take=("newsletter",))
    (first, no), (second, event) = world.story
    assert (first, no.customer, no.address, no.purposes) == ("no", "ada", "ada@example.org", ("newsletter",))  # type: ignore[attr-defined]  # a No
    assert (second, event.type, event.data.purpose) == ("event", "email.unsubscribed", "newsletter")  # type: ignore[attr-defined]  # an Event


async def test_tracking_is_withdrawn_as_easily_as_it_was_given(world: World, keys: Keys, client: Client) -> None:
    """One box; it stops no mail."""
    await sent(client, page_of(keys), take=("tracking",))
    (event,) = world.events()
    assert (event.type, event.data.purpose, event.data.channel) == ("consent.withdrawn", "tracking", "email")
    assert [what for what, _ in world.story] == ["event"]


async def test_how_often_and_how(world: World, keys: Keys, client: Client) -> None:
    """Frequency and channel are fields of the profile; what was not picked anew does not come in."""
    await sent(client, page_of(keys), frequency="quarterly")
    await sent(client, page_of(keys), channel="letter")
    first, second = world.events()
    assert (first.type, first.data.frequency, first.data.channel) == ("profile.updated", "quarterly", "")
    assert (second.data.frequency, second.data.channel) == ("", "letter")


async def test_one_button_stops_everything(world: World, keys: Keys, client: Client, books: Books) -> None:
    """Newsletter, offers and tracking, without a look at the boxes, and though the books cannot be read."""
    books.broken = True
    response = await client.post(page_of(keys), data={"all": "stop"})
    assert response.status == 200
    assert "You are unsubscribed" in await response.text()
    assert [event.type for event in world.events()] == ["email.unsubscribed"] * 2 + ["consent.withdrawn"]
    assert {event.data.purpose for event in world.events()} == set(CHOICES)
    assert world.story[0][0] == "no"


async def test_a_no_counts_even_if_the_engine_does_not_hear_it(world: World, keys: Keys, client: Client) -> None:
    """The block list has it; the page says so."""
    html = await (await client.get(page_of(keys))).text()
    world.broken = "the loop has stopped"
    fields = [(name, value) for name, value in Form(html).fields if (name, value) != ("get", "newsletter")]
    response = await client.post(page_of(keys), data=fields)
    assert response.status == 200
    assert [what for what, _ in world.story] == ["no"]


async def test_minds_may_be_changed_within_a_minute(world: World, keys: Keys, client: Client, books: Books) -> None:
    """Yes, no and yes again are three events, none of them taken for another."""
    for chosen in (("newsletter",), ("newsletter", "marketing"), ("newsletter",)):
        books.known["ada"] = Preferences(chosen=chosen)
        flip = {"take": ("marketing",)} if "marketing" in chosen else {"give": ("marketing",)}
        await sent(client, page_of(keys), **flip)  # type: ignore[arg-type]  # a table
        world.clock.advance(1_000_000)
    assert [event.type for event in world.events()] == ["consent.given", "email.unsubscribed", "consent.given"]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("get", "everything")],
        [("frequency", "hourly")],
        [("frequency", "usual"), ("frequency", "monthly")],
        [("frequency", "usual"), ("channel", "pigeon")],
        [("frequency", "usual"), ("was.get", "<script>")],
        [("all", "stop it")],
    ],
)
async def test_what_the_page_does_not_have_changes_nothing(
    world: World, keys: Keys, client: Client, fields: list[tuple[str, str]]
) -> None:
    """An empty or made-up form gets the page again, with 400, and nothing of it is shown."""
    response = await client.post(page_of(keys), data=FormData(fields))
    assert response.status == 400
    assert "<script>" not in await response.text()
    assert world.story == []


async def test_whom_nobody_knows_can_choose_all_the_same(world: World, keys: Keys, client: Client) -> None:
    """No box is ticked: what they tick is a yes."""
    await sent(client, page_of(keys, "bob"), give=("newsletter",))
    (event,) = world.events()
    assert (event.type, event.customer) == ("consent.given", "bob")


async def test_while_the_books_cannot_be_read_the_page_says_so(keys: Keys, client: Client, books: Books) -> None:
    """503, and words."""
    books.broken = True
    response = await client.get(page_of(keys))
    assert response.status == 503
    assert "That did not work just now" in await response.text()


async def test_a_tests_page_changes_nothing(world: World, keys: Keys, client: Client) -> None:
    """The link of a test mail shows the page and says that it was a test."""
    nobody = page_of(keys, "")
    assert (await client.get(nobody)).status == 200
    response = await client.post(nobody, data={"all": "stop"})
    assert "This was a test" in await response.text()
    assert world.story == []


@pytest.mark.parametrize("prefix", ["", "/mail"])
async def test_the_unsubscribe_page_leads_there(keys: Keys, client: Client, prefix: str) -> None:
    """Before and after, by a link that works behind any path, with a token of its own for the same customer."""
    path = f"/u/{keys.seal(Link(UNSUBSCRIBE, 'ada', 'newsletter', 'e1', (b'k' * 16,), language='en'))}"
    for method in ("GET", "POST"):
        html = await (await client.request(method, path)).text()
        (href,) = re.findall(r'href="(\.\./[^"]+)"', html)
        target = client.make_url(prefix + path).join(type(client.make_url("/"))(href)).path
        assert target.startswith(f"{prefix}/preferences/")
        link = keys.open(target.rpartition("/")[2], PREFERENCES)
        assert (link.customer, link.effect_id, link.blocks) == ("ada", "e1", ())


@given(st.lists(st.tuples(st.sampled_from(["get", "was.get", "frequency", "was.frequency", "channel", "all"]),
                          st.sampled_from([*CHOICES, *FREQUENCIES, "email", "stop", "x"])), max_size=8))  # fmt: skip
def test_a_form_says_yes_only_to_what_was_ticked_by_hand(fields: list[tuple[str, str]]) -> None:
    """Whatever comes back: a yes stands for a box that was ticked and had not come ticked, a no for the other way round."""
    try:
        choice = choice_of(MultiDict[object](fields))
    except NoChoiceError:
        return
    if choice.stops_all:
        assert choice == Choice(no=CHOICES, stops_all=True)
        return
    got = {value for name, value in fields if name == "get"}
    was = {value for name, value in fields if name == "was.get"}
    assert set(choice.yes) == got - was
    assert set(choice.no) == was - got


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("tracks", [True, False])
def test_nothing_is_offered_that_the_shop_does_not_do(language: str, *, tracks: bool) -> None:
    """Without tracking there is no box for it, unless it was consented to; one channel is no choice."""
    assert ('value="tracking"' in preference_page(Preferences(), language, SHOP, tracks=tracks)) is tracks
    assert 'value="tracking"' in preference_page(ADA, language, SHOP, tracks=tracks)
    assert 'name="channel"' not in preference_page(Preferences(), language, SHOP, tracks=tracks)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Preferences(chosen=("newsletter", "marketing", "tracking"), address="ada@example.org")),
        ({"permission": {}}, Preferences(address="ada@example.org")),
        (
            {"stopped": {"marketing": Stop(NOW - DAY, "email.unsubscribed")}},
            Preferences(chosen=("newsletter", "tracking"), address="ada@example.org"),
        ),
        (
            {"permission": {"marketing/email": Permission(False, NOW - DAY)}},
            Preferences(address="ada@example.org"),
        ),
        (
            {"profile": {"frequency": ("monthly", 0), "channel": ("letter", 0), "postal": ("Weg 1", 0)}},
            Preferences(chosen=CHOICES, frequency="monthly", channel="letter", channels=("email", "letter")),
        ),
        (
            {"profile": {"frequency": ("hourly", 0), "channel": ("phone", 0)}},
            Preferences(chosen=CHOICES),
        ),
    ],
)
def test_what_the_page_shows_is_what_the_gate_lets_pass(changes: dict[str, Any], expected: Preferences) -> None:
    """Given, stopped and withdrawn; a channel that they cannot be reached on is none to choose."""
    assert preferences_of(somebody(**changes), NOW, Lifecycle()) == expected
