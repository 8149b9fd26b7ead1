"""The pages behind the links of messages, over real HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from engine.core.causes import CAUSES
from engine.core.links import ANSWER, CONFIRM, QUESTION, SURVEY, UNSUBSCRIBE, Keys, Link
from engine.core.moments import DAY, MINUTE
from engine.listeners import READ, Answers, Notes, Shopfront, public_app
from engine.listeners.page_words import REASONS

Client = TestClient[web.Request, web.Application]
PATHS = {UNSUBSCRIBE: "/u", CONFIRM: "/confirm", ANSWER: "/answer", QUESTION: "/question", SURVEY: "/survey"}
SHOP = Shopfront(name="Shop & Söhne", support_email="help@shop.example", imprint=("Shop GmbH",))
BLOCKS = (b"a" * 16, b"b" * 16)


def link(kind: str = UNSUBSCRIBE, language: str = "en", **changes: Any) -> Link:
    """Return a link of customer c1 to the newsletter."""
    fields = {"customer": "c1", "purpose": "newsletter", "effect_id": "e1", "blocks": BLOCKS, "asks": "still"}
    return Link(kind=kind, language=language, **(fields | changes))


def path(keys: Keys, kind: str = UNSUBSCRIBE, **changes: Any) -> str:
    """Return the path of a link."""
    return f"{PATHS[kind]}/{keys.seal(link(kind, **changes))}"


@pytest.fixture
async def client(world: Any, keys: Keys) -> AsyncIterator[Client]:
    """A browser before the public listener."""
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "https://shop.example")
    notes = Notes(world.intake(), READ)
    app = public_app(keys, answers, SHOP, lambda: "", clock=world.clock, notes=notes, body_seconds=0.1)
    async with TestClient(TestServer(app)) as browser:
        yield browser


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("kind", PATHS)
async def test_only_a_post_does_anything(world: Any, keys: Keys, client: Client, kind: str, method: str) -> None:
    """GET and HEAD show the page, other methods are refused; nothing changes, however often a scanner comes."""
    for _ in range(3):
        response = await client.request(method, path(keys, kind))
        assert response.status == (200 if method in ("GET", "HEAD") else 405)
    assert world.story == []


async def test_one_click_stops_before_it_answers(world: Any, keys: Keys, client: Client) -> None:
    """The body of RFC 8058, urlencoded: the block list is written first, then the event; the answer is 200, no redirect."""
    response = await client.post(path(keys), data={"List-Unsubscribe": "One-Click"}, allow_redirects=False)

    assert response.status == 200
    assert [what for what, _ in world.story] == ["block", "event"]
    assert world.story[0][1] == BLOCKS
    (event,) = world.events()
    assert (event.type, event.customer, event.data.purpose) == ("email.unsubscribed", "c1", "newsletter")
    assert event.data.message_id == "e1"


async def test_one_click_as_multipart_and_from_a_robot(world: Any, keys: Keys, client: Client) -> None:
    """A multipart body and the user agent of a program count as much: mail programs send them."""
    form = FormData(default_to_multipart=True)
    form.add_field("List-Unsubscribe", "One-Click")
    agent = {"User-Agent": "GoogleBot/2.1 (+http://www.google.com/bot.html)"}
    response = await client.post(path(keys), data=form, headers=agent)
    assert response.status == 200
    assert len(world.events()) == 1


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 100, b"List-Unsubscribe=Nonsense", b"x" * 5_000_000])
async def test_a_post_is_a_no_whatever_it_says(world: Any, keys: Keys, client: Client, body: bytes) -> None:
    """Empty, broken or huge bodies do not keep anybody subscribed."""
    try:
        response = await client.post(path(keys), data=io.BytesIO(body))
        assert response.status == 200
    except ConnectionError:  # the listener does not read five megabytes to the end
        assert len(body) > 1_000_000
    assert [what for what, _ in world.story] == ["block", "event"]


async def test_a_no_counts_even_if_the_engine_does_not_hear_it(world: Any, keys: Keys, client: Client) -> None:
    """Once the block list has the no, it is answered as done though the event did not get through."""
    world.broken = "the loop has stopped"
    response = await client.post(path(keys))
    assert response.status == 200
    assert [what for what, _ in world.story] == ["block"]


async def test_a_repeated_click_is_one_event_and_a_later_no_another(world: Any, keys: Keys, client: Client) -> None:
    """Clicks within a minute are one event; a no long after, when they had said yes again, is never a duplicate."""
    for _ in range(3):
        await client.post(path(keys))
    world.clock.advance(2 * MINUTE)
    await client.post(path(keys))
    assert len(world.events()) == 2


async def test_confirming_keeps_the_proof(world: Any, keys: Keys, client: Client) -> None:
    """A confirmation comes in with the wording, the address it came from and the page, without the token."""
    response = await client.post(path(keys, CONFIRM))
    assert response.status == 200
    assert [what for what, _ in world.story] == ["unblock", "event"]
    (event,) = world.events()
    assert (event.type, event.customer) == ("newsletter.confirmed", "c1")
    assert event.data.proof == {
        "wording": "Yes, I would like to receive the newsletter from Shop & Söhne.",
        "ip": "127.0.0.1",
        "page": "https://shop.example/confirm",
        "mail": "e1",
    }


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(("said", "types"), [("yes", "newsletter.confirmed"), ("no", "email.unsubscribed")])
async def test_an_answer_is_yes_or_no(
    world: Any, keys: Keys, client: Client, said: str, types: str, *, multipart: bool
) -> None:
    """Yes confirms, no stops, and both are an answer to the question that was asked."""
    form = FormData({"answer": said}, default_to_multipart=multipart)
    assert (await client.post(path(keys, ANSWER), data=form)).status == 200
    assert [event.type for event in world.events()] == [types, "invitation.answered"]
    assert world.story[0][0] == ("unblock" if said == "yes" else "block")
    answered = world.events()[1].data
    assert (answered.invitation, answered.answer) == ("still", said)


@pytest.mark.parametrize("said", ["yes", "no"])
async def test_an_invitation_is_answered_and_nothing_else(world: Any, keys: Keys, client: Client, said: str) -> None:
    """A yes gives no permission and a no takes none: only the answer comes in."""
    assert (await client.post(path(keys, QUESTION, asks="tasting"), data={"answer": said})).status == 200
    assert [what for what, _ in world.story] == ["event"]
    (event,) = world.events()
    assert (event.type, event.customer) == ("invitation.answered", "c1")
    assert (event.data.invitation, event.data.answer) == ("tasting", said)


@pytest.mark.parametrize("reason", REASONS)
async def test_the_survey_tells_the_cause(world: Any, keys: Keys, client: Client, reason: str) -> None:
    """Each reason on the page comes in as an answer; all but the last are causes, by the names they have everywhere."""
    page = await (await client.get(path(keys, SURVEY))).text()
    assert f'name="answer" value="{reason}"' in page
    assert (await client.post(path(keys, SURVEY, asks="why"), data={"answer": reason})).status == 200
    (event,) = world.events()
    assert (event.type, event.data.survey, event.data.answers) == ("survey.answered", "why", {"reason": reason})
    assert event.data.cause == ("" if reason == "other" else reason)
    assert event.data.cause in ("", *CAUSES)


@pytest.mark.parametrize("kind", [QUESTION, SURVEY])
async def test_an_answer_that_was_not_asked_for_changes_nothing(
    world: Any, keys: Keys, client: Client, kind: str
) -> None:
    """Neither a reason nor a yes or no: the page again, with 400."""
    response = await client.post(path(keys, kind), data={"answer": "image"})
    assert response.status == 400
    assert world.story == []


@pytest.mark.parametrize("body", [b"", b"answer=maybe", b"answer=", b"\xff\xfe\x00", b"answer[]=no&x"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
async def test_neither_yes_nor_no_changes_nothing(
    world: Any, keys: Keys, client: Client, body: bytes, kind: str
) -> None:
    """A form without an answer gets the question again, with 400."""
    response = await client.post(path(keys, ANSWER), data=body, headers={"Content-Type": kind})
    assert response.status == 400
    assert "<form" in await response.text()
    assert world.story == []


async def test_rubbish_is_not_swallowed(world: Any, keys: Keys, client: Client) -> None:
    """Five megabytes as an answer are refused."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        response = await client.post(path(keys, ANSWER), data=io.BytesIO(b"answer=no" * 600_000), headers=form)
        assert response.status == 413
    except ConnectionError:  # nor is it read to its end
        pass
    assert world.story == []


async def test_a_slow_body_is_not_waited_for(world: Any, keys: Keys, client: Client) -> None:
    """A form that does not arrive is answered in time; a stop does not wait for its body at all."""

    async def never() -> AsyncIterator[bytes]:
        yield b"answer="
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        response = await client.post(path(keys, ANSWER), data=never())
        assert response.status == 400
        assert world.story == []
        response = await client.post(path(keys), data=never())
        assert response.status == 200
    assert [what for what, _ in world.story] == ["block", "event"]


async def test_links_cannot_be_swapped_between_pages(world: Any, keys: Keys, client: Client) -> None:
    """A token works on its own page only, by GET and by POST."""
    for kind, own in PATHS.items():
        token = keys.seal(link(kind))
        for other in PATHS.values():
            said = {"answer": "price" if other == PATHS[SURVEY] else "no"}
            for method in ("GET", "POST"):
                response = await client.request(method, f"{other}/{token}", data=said if method == "POST" else None)
                assert response.status == (200 if other == own else 404)
    assert {event.type for event in world.events()} == {
        "email.unsubscribed",
        "newsletter.confirmed",
        "invitation.answered",
        "survey.answered",
    }


@pytest.mark.parametrize("token", ["x", "A" * 40, "A" * 2_000, "..%2f..%2fetc", "%00", "ä"])
async def test_bad_links_get_a_friendly_page(world: Any, client: Client, token: str) -> None:
    """What is no token of ours gets 404 and a page that says what to do, in the browser's language."""
    for method in ("GET", "POST"):
        response = await client.request(method, f"/u/{token}", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
        assert response.status == 404
        assert "Dieser Link passt nicht" in await response.text()
    assert world.story == []


async def test_old_links_work_after_the_secret_was_changed(world: Any, client: Client) -> None:
    """Tokens of an older version of the secret still count; those of a secret we do not know do not."""
    assert (await client.post(path(Keys({1: b"old secret"})))).status == 200
    assert (await client.post(path(Keys({2: b"guessed"})))).status == 404
    assert len(world.events()) == 1


@pytest.mark.parametrize(
    ("language", "accepted", "title"),
    [
        ("de", "en", "Abmelden?"),
        ("de-AT", "", "Abmelden?"),
        ("en", "de", "Unsubscribe?"),
        ("", "fr, de;q=0.8", "Abmelden?"),
        ("fr", "", "Unsubscribe?"),
        ("", "", "Unsubscribe?"),
    ],
)
async def test_pages_speak_the_customers_language(
    keys: Keys, client: Client, language: str, accepted: str, title: str
) -> None:
    """The message's language comes first, then the browser's, then English."""
    response = await client.get(path(keys, language=language), headers={"Accept-Language": accepted})
    text = await response.text()
    assert f"<h1>{title}</h1>" in text
    assert 'lang="de"' in text if title == "Abmelden?" else 'lang="en"' in text


@pytest.mark.parametrize("where", ["good", "bad", "nowhere", "wrong method"])
async def test_every_answer_is_safe(keys: Keys, client: Client, where: str) -> None:
    """Pages load and run nothing, tell no other site where one came from, are not indexed and not kept."""
    token = path(keys)
    call = {"good": ("GET", token), "bad": ("GET", "/u/x"), "nowhere": ("GET", "/x"), "wrong method": ("PUT", token)}
    response = await client.request(*call[where])
    text = await response.text()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response.headers["X-Robots-Tag"]
    assert response.headers["Cache-Control"] == "no-store"
    assert "<script" not in text
    assert "Shop &amp; Söhne" in text


async def test_a_page_tells_nothing_of_the_customer(keys: Keys, client: Client) -> None:
    """Neither the link nor the page behind it shows the customer's id or what the message was."""
    secret = path(keys, customer="ada@example.org", effect_id="effect-of-ada")
    text = await (await client.get(secret)).text()
    for word in ("ada", "effect"):
        assert word not in secret
        assert word not in text


async def test_health(client: Client) -> None:
    """Both health pages answer."""
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 200


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("answer", ["yes", "no", "price", ""])
async def test_links_of_tests_answer_and_change_nothing(
    world: Any, keys: Keys, client: Client, kind: str, answer: str
) -> None:
    """A test mail's links are nobody's: the page looks as for customers, and a POST says that it was a test, with 200."""
    nobody = path(keys, kind, customer="", blocks=(), effect_id="test-0123")
    shown = await client.get(nobody)
    assert (shown.status, "<form" in await shown.text()) == (200, True)
    response = await client.post(nobody, data={"answer": answer}, allow_redirects=False)
    text = await response.text()
    assert response.status == 200
    assert "This was a test" in text
    assert "test-0123" in text
    assert world.story == []


@pytest.mark.parametrize("kind", [CONFIRM, QUESTION, SURVEY])
async def test_a_yes_runs_out(world: Any, keys: Keys, client: Client, kind: str) -> None:
    """The day after its last an answer is no more taken: 410, a page in words, nothing comes in."""
    old = path(keys, kind, expires=world.clock.now() // DAY - 1)
    for method, said in (("GET", None), ("POST", {"answer": "price" if kind == SURVEY else "yes"})):
        response = await client.request(method, old, data=said)
        assert response.status == 410
        assert "This link has run out" in await response.text()
    assert world.story == []


async def test_a_no_never_runs_out(world: Any, keys: Keys, client: Client) -> None:
    """An old question still takes a no, and shows that alone; a yes to it is not taken. An unsubscribe has no last day."""
    old = path(keys, ANSWER, expires=1)
    page = await client.get(old)
    html = await page.text()
    assert page.status == 410
    assert 'value="no"' in html
    assert 'value="yes"' not in html
    assert (await client.post(old, data={"answer": "yes"})).status == 410
    assert world.story == []
    assert (await client.post(old, data={"answer": "no"})).status == 200
    assert [what for what, _ in world.story] == ["block", "event", "event"]
