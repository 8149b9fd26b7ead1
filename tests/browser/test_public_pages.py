"""The pages behind links in a real Chromium: read and used by anybody, light and dark, on a phone, without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from connectors.memory import FixedClock
from engine.core.events import DeadLetter, Event
from engine.core.links import ANSWER, CONFIRM, PAGES, PREFERENCES, QUESTION, SURVEY, UNSUBSCRIBE, Keys, Link
from engine.core.moments import DAY
from engine.core.objections import No
from engine.core.preferences import Preferences
from engine.core.reading import Reader
from engine.handling import Taken
from engine.listeners import READ, Answers, Intake, Notes, Objections, Shopfront, public_app, serve
from tests.browser.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESSIBILITY = (Path(__file__).parent / "accessibility.js").read_text("utf-8")
NOW = 1_767_607_200_000_000
KEYS = Keys({1: b"secret"})
SHOP = Shopfront(
    name="Teehandlung am Markt",
    support_email="hilfe@shop.example",
    url="https://shop.example",
    imprint=("Teehandlung am Markt GmbH", "Musterstraße 1, 10115 Berlin", "Amtsgericht Charlottenburg, HRB 000000"),
)
ADA = Preferences(("newsletter", "tracking"), "usual", "email", ("email", "letter", "phone"), "ada@example.org")


@dataclass
class Behind:
    """What stands behind the pages: what was said is kept."""

    events: list[Event] = field(default_factory=list)
    noes: list[object] = field(default_factory=list)

    async def submit(self, items: Sequence[Event | DeadLetter], _: Sequence[str]) -> list[Taken]:
        """Take in events."""
        self.events += [item for item in items if isinstance(item, Event)]
        return [Taken("accepted")] * len(items)

    async def block(self, keys: Sequence[bytes]) -> None:
        """Put keys on the block list."""
        self.noes += keys

    async def note(self, noes: Sequence[No]) -> None:
        """Put on it what was said otherwise than through a link."""
        self.noes += noes

    async def known(self, _: str) -> Preferences | None:
        """Tell what ada chose."""
        return ADA


@asynccontextmanager
async def pages(behind: Behind) -> AsyncIterator[str]:
    """Serve the pages, and yield where."""
    clock = FixedClock(NOW)
    intake = Intake(Reader().read, behind.submit, clock)
    answers = Answers(
        intake, behind.block, behind.block, Objections(behind.note, clock), clock, "https://mail.shop.example"
    )
    app = public_app(KEYS, answers, SHOP, lambda: "", clock=clock, notes=Notes(intake, READ), known=behind.known)
    running = await serve(app, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{running.port}"
    finally:
        await running.stop()


@asynccontextmanager
async def shown(
    browser: Browser, path: str, *, language: str = "en", width: int = 1280, scheme: Any = "light", **options: Any
) -> AsyncIterator[tuple[Page, Behind]]:
    """Open a page without JavaScript; what the browser complains of fails."""
    behind = Behind()
    async with pages(behind) as base:
        context = await browser.new_context(
            base_url=base,
            locale=language,
            color_scheme=scheme,
            viewport={"width": width, "height": 800},
            java_script_enabled=False,
            **options,
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("request", lambda asked: None if asked.url.startswith(base) else complaints.append(asked.url))
        try:
            await page.goto(path)
            yield page, behind
            assert [each for each in complaints if "status of 4" not in each] == []
        finally:
            await context.close()


def path_of(kind: str, language: str = "en", query: str = "", **changes: Any) -> str:
    """Return the path of a link of ada's."""
    fields = {"customer": "ada", "purpose": "newsletter", "effect_id": "e1", "asks": "still"} | changes
    return f"/{PAGES[kind]}/{KEYS.seal(Link(kind, language=language, **fields))}{query}"


SHOWN: dict[str, Callable[[str], str]] = {
    "unsubscribe": lambda language: path_of(UNSUBSCRIBE, language),
    "confirm": lambda language: path_of(CONFIRM, language),
    "answer": lambda language: path_of(ANSWER, language, "?answer=no"),
    "question": lambda language: path_of(QUESTION, language),
    "survey": lambda language: path_of(SURVEY, language),
    "preferences": lambda language: path_of(PREFERENCES, language),
    "answer over": lambda language: path_of(ANSWER, language, expires=NOW // DAY - 1),
    "link over": lambda language: path_of(CONFIRM, language, expires=NOW // DAY - 1),
    "bad link": lambda _: "/u/x",
}
LOOKS = [("en", "light", 1280), ("de", "dark", 1280), ("de", "light", 390), ("en", "dark", 320)]


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_anybody_can_read_and_use_every_page(
    browser: Browser, name: str, language: str, scheme: str, width: int
) -> None:
    """Headings, labels and contrast are there, it fits its window, and it is in the customer's language."""
    async with shown(browser, SHOWN[name](language), language=language, scheme=scheme, width=width) as (page, _):
        await picture(page, f"public-{name.replace(' ', '-')}-{language}-{scheme}-{width}")
        assert await page.evaluate(ACCESSIBILITY) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert await page.get_attribute("html", "lang") == language
        small = await page.evaluate(
            "[...document.querySelectorAll('button,label')].filter(each => each.getBoundingClientRect().height < 44).length"
        )
        assert small == 0, "what is pressed is as high as a finger is wide (WCAG 2.2, 2.5.5)"


async def test_a_page_is_used_with_the_keyboard_alone(browser: Browser) -> None:
    """Boxes, picks and buttons come in the order in which they are read, each with a ring around it that can be seen."""
    async with shown(browser, path_of(PREFERENCES)) as (page, behind):
        ring = "(document.activeElement.value || '') + ' ' + (parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2)"
        reached = []
        for _ in range(7):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate(ring))
        assert reached == [
            f"{name} true" for name in ("newsletter", "marketing", "tracking", "usual", "email", "", "stop")
        ]
        await page.get_by_label("get offers from").focus()
        await page.keyboard.press("Space")
        await page.get_by_label("As usual").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading")).to_have_text("Saved.")
        assert [(each.type, each.customer) for each in behind.events] == [
            ("consent.given", "ada"),
            ("profile.updated", "ada"),
        ]
        assert behind.events[1].data.frequency == "monthly"


async def test_one_button_unsubscribes(browser: Browser) -> None:
    """Without JavaScript: press it, and it is done; the next page says so, and offers the choices."""
    async with shown(browser, path_of(UNSUBSCRIBE)) as (page, behind):
        assert behind.noes == []
        await page.get_by_role("button", name="Yes, unsubscribe").click()
        await expect(page.get_by_role("heading")).to_have_text("You are unsubscribed.")
        assert [each.type for each in behind.events] == ["email.unsubscribed"]
        await page.get_by_role("link", name="Rather less often").click()
        await expect(page.get_by_role("heading")).to_have_text("What would you like to hear from us?")
        await page.get_by_role("button", name="Stop everything").click()
        await expect(page.get_by_role("heading")).to_have_text("You are unsubscribed.")
        assert len(behind.noes) == 1


async def test_the_no_stands_first_where_it_was_pressed_in_the_mail(browser: Browser) -> None:
    """`?answer=no` changes nothing by itself, but puts the no before the yes."""
    async with shown(browser, path_of(ANSWER, query="?answer=no")) as (page, behind):
        assert await page.get_by_role("button").all_text_contents() == ["No, thanks", "Yes, keep it coming"]
        assert behind.events == []


async def test_a_survey_is_one_press(browser: Browser) -> None:
    """Each reason is a button."""
    async with shown(browser, path_of(SURVEY, "de"), language="de") as (page, behind):
        await page.get_by_role("button", name="Ich bin umgezogen").click()
        await expect(page.get_by_role("heading")).to_have_text("Danke für Ihre Antwort!")
        assert behind.events[0].data.cause == "moved"
