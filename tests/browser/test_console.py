"""The console in a real Chromium: what people see, use and can reach, in both languages, light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from prometheus_client import CollectorRegistry

from connectors.memory import FixedClock
from engine.core.events import DeadLetter, Event
from engine.core.reading import Reader
from engine.handling import Taken
from engine.listeners import Intake, OpsSettings, Site, ops_app, serve
from engine.wiring.demonstration import Demonstration
from tests.browser.conftest import Opened, picture
from tests.listeners.sights import Commands, MadeUp

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESSIBILITY = (Path(__file__).parent / "accessibility.js").read_text("utf-8")
PAGES = {
    "today": "/",
    "workflows": "/workflows",
    "workflow": "/workflows/three-stage-winback",
    "customers": "/customers",
    "lapsed": "/customers?standing=lapsed",
    "in a stage": "/customers?workflow=three-stage-winback",
    "story": "/customer?id={customer}",
    "changes": "/changes",
    "mailbox": "/mailbox",
    "letter": "/mailbox/{letter}",
    "nobody": "/customers?words=nobody",
}


def path_of(name: str, shop: Demonstration) -> str:
    """Return the address of a page, about somebody who got a mail."""
    letters, _ = shop.program.mailbox.letters()
    customer = next(effect.customer for effect in shop._sends) if shop._sends else ""
    return PAGES[name].format(letter=letters[0].id, customer=customer or "c-000004")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en-GB", "light", 1280), ("de-DE", "dark", 1280), ("de-DE", "light", 390), ("en-GB", "dark", 390)],
)
async def test_anybody_can_read_and_use_every_page(
    opened: Opened, shop: Demonstration, name: str, language: str, scheme: str, width: int
) -> None:
    """It has its headings, labels and contrast, fits its window, and is in the language that the browser asks for."""
    async with opened(path_of(name, shop), language=language, scheme=scheme, width=width) as page:
        await picture(page, f"{name}-{language[:2]}-{scheme}-{width}")
        assert await page.evaluate(ACCESSIBILITY) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert await page.get_attribute("html", "lang") == language[:2]


async def test_the_check_itself_sees_what_is_wrong(opened: Opened) -> None:
    """Each rule that pages are held to is broken once, and found."""
    async with opened("about:blank") as page:
        await page.set_content(
            """<html><body style="background: #fff"><h2 id="a">x</h2><p id="a" style="color: #999">pale</p><nav>y</nav>
            <a href="/"></a><input name="q"><button></button><svg></svg><table><tr><th>t</th></tr></table></body></html>"""
        )
        found = "; ".join(await page.evaluate(ACCESSIBILITY))
    for words in (
        "names no language",
        "has no title",
        "one h1",
        "one main",
        "level 0",
        'nav "y" has no label',
        "id a is there twice",
        "a link to / has no words",
        "q has no label",
        "a button has no words",
        "a picture has no words",
        "has no caption",
        "has no scope",
        "contrast of 2.85",
    ):
        assert words in found


async def test_without_scripts_everything_is_there(opened: Opened) -> None:
    """No page needs JavaScript: with it switched off the way from the day to a customer's mail is the same."""
    async with opened(scripts=False) as page:
        await page.get_by_role("link", name="three-stage-winback").click()
        await expect(page.locator("h1")).to_have_text("three-stage-winback")
        await page.locator(".stage .count").first.click()
        await expect(page.get_by_role("heading", level=2)).to_contain_text("In three-stage-winback, stage")
        await page.get_by_role("table").get_by_role("link").first.click()
        await expect(page.get_by_text("Entered three-stage-winback, version 1")).to_be_visible()
        await page.get_by_role("link", name="see the mail").first.click()
        await expect(page.locator("iframe")).to_be_visible()
        await expect(page.frame_locator("iframe").locator("body")).not_to_be_empty()


async def test_a_customer_is_found_by_address(opened: Opened, shop: Demonstration) -> None:
    """The whole address leads to the story; the beginning of an id to a list; nobody is said so."""
    letters, _ = shop.program.mailbox.letters()
    async with opened("/customers") as page:
        search = page.get_by_role("searchbox")
        await search.fill(letters[0].recipient.upper())
        await search.press("Enter")
        await expect(page.locator(".lede")).to_contain_text(letters[0].recipient)
        await page.goto("/customers")
        await search.fill("c-00000")
        await page.get_by_role("button", name="Search").click()
        assert await page.get_by_role("row").count() > 3
        await search.fill("zoe@example.org")
        await search.press("Enter")
        await expect(page.get_by_text("Nobody was found.")).to_be_visible()


async def test_lists_are_turned_page_by_page(opened: Opened) -> None:
    """Going on to the end shows everybody of a standing once, and the number above them says how many."""
    async with opened("/customers?standing=active") as page:
        total = int(re.sub(r"\D", "", await page.locator("section .soft").first.inner_text()))
        names = await _names(page)
        while await page.get_by_role("link", name="More").count():
            await page.get_by_role("link", name="More").click()
            names += await _names(page)
        assert len(names) == len(set(names)) == total > 50


async def _names(page: Page) -> list[str]:
    return await page.locator("tbody th a").all_inner_texts()


async def test_the_language_is_chosen_by_a_link(opened: Opened) -> None:
    """It stays chosen on the next pages, whatever the browser wishes."""
    async with opened("/workflows") as page:
        await page.get_by_role("link", name="DE", exact=True).click()
        await expect(page.get_by_text("Was in Kraft ist, und wer darin unterwegs ist.")).to_be_visible()
        await page.get_by_role("link", name="Heute", exact=True).click()
        await expect(page.locator("h1")).to_have_text("Heute")


async def test_the_keyboard_reaches_everything(opened: Opened) -> None:
    """The first stop leads past the bar; then come the bar and the content in their order, and each stop can be seen."""
    async with opened("/") as page:
        await page.keyboard.press("Tab")
        await expect(page.locator(":focus")).to_have_text("Skip to the content")
        await page.keyboard.press("Enter")
        assert page.url.endswith("#content")
        await page.goto("/")
        wanted = await page.locator(
            "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
        ).count()
        stops = []
        for _ in range(wanted):
            await page.keyboard.press("Tab")
            focused = page.locator(":focus")
            stops.append(await focused.evaluate("e => [...document.querySelectorAll('*')].indexOf(e)"))
            assert await focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
        assert stops == sorted(stops)
        assert len(set(stops)) == wanted


async def test_a_pause_from_the_console_holds_and_ends(opened: Opened, shop: Demonstration) -> None:
    """Set by a form with name and reason it is in red on every page, and in the engine; its end is asked about first."""
    async with opened("/workflows/welcome-back") as page:
        await page.get_by_label("Why").fill("the discount is wrong")
        await page.get_by_label("Your name").fill("Ada Admin")
        await page.get_by_role("button", name="Pause workflow welcome-back").click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("Paused: workflow welcome-back")
        await expect(alert).to_contain_text("by Ada Admin: “the discount is wrong”")
        pauses = shop.program.engine.handling.rules.shop.pauses
        assert [(each.scope, each.name, each.who) for each in pauses] == [("workflow", "welcome-back", "Ada Admin")]
        await page.get_by_role("link", name="Mailbox").click()
        await expect(alert).to_be_visible()
        await picture(page, "paused")
        assert await page.evaluate(ACCESSIBILITY) == []

        await page.get_by_role("link", name="End the pause").click()
        assert await page.evaluate(ACCESSIBILITY) == []
        await picture(page, "unpause")
        assert shop.program.engine.handling.rules.shop.pauses != ()
        await page.get_by_label("Shift them").check()
        await expect(page.get_by_label("Your name")).to_have_value("Ada Admin")
        await page.get_by_role("button", name="End the pause").click()
        await expect(alert).to_have_count(0)
        assert shop.program.engine.handling.rules.shop.pauses == ()


async def test_what_is_refused_is_told_on_a_page(opened: Opened, shop: Demonstration) -> None:
    """A pause of a workflow that is not there says which there are, and nothing is paused."""
    async with opened("/", refused=True) as page:
        await page.get_by_role("combobox", name="What").select_option("workflow")
        await page.get_by_label("Its name").fill("welcome")
        await page.get_by_label("Why").fill("x")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Pause", exact=True).click()
        await expect(page.get_by_text("no workflow is named 'welcome': there are")).to_be_visible()
    assert shop.program.engine.handling.rules.shop.pauses == ()


async def test_a_browser_asks_for_the_token(browser: Browser) -> None:
    """Elsewhere than on loopback the token is the password; the user's name is taken for who pauses, and is not asked."""
    commands = Commands()
    site = Site(MadeUp(), commands, None)
    intake = Intake(Reader().read, _nothing, FixedClock(0))
    app = ops_app(OpsSettings(token="a token"), intake, lambda: "", CollectorRegistry(), site=site)
    running = await serve(app, "127.0.0.1", 0)
    try:
        base = f"http://127.0.0.1:{running.port}"
        page = await browser.new_page(base_url=base, http_credentials={"username": "Käthe", "password": "a token"})
        await page.goto("/")
        await page.get_by_label("Why").fill("a wrong price")
        await page.get_by_role("button", name="Pause", exact=True).click()
        await expect(page.locator("h1")).to_have_text("Today")
        assert [(name, said["who"]) for name, said in commands.done if name == "pause"] == [("pause", "Käthe")]
        await page.close()
    finally:
        await running.stop()


async def _nothing(items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> list[Taken]:
    assert not items
    assert not origins
    return []
