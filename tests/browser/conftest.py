"""A made-up shop with the console on it, and a real Chromium before it; both live as long as a module's tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from engine.core.moments import day_number
from engine.wiring.checking import checked_folder
from engine.wiring.demonstration import Demonstration, demonstration, live_copy
from engine.wiring.settings import Settings
from tests.browser.browsers import MISSING, chromium

SHIPPED = Path(__file__).parents[2] / "workflows"
TODAY = day_number(2026, 11, 23)
CUSTOMERS, DAYS = 300, 3

PICTURES = os.environ.get("SCREENSHOTS", "")
"""A folder, if somebody wants to see what the tests see."""

Opened = Callable[..., AbstractAsyncContextManager[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demonstration]:
    """A shop whose customers have lived for some days under the shipped workflows, all live."""
    folder = tmp_path_factory.mktemp("shop")
    live_copy(SHIPPED, folder / "workflows")
    checked, _ = checked_folder(folder / "workflows")
    places = {"public": "127.0.0.1:0", "ops": "127.0.0.1:0"}
    settings = Settings.model_validate({"data": folder / "data", "workflows": folder / "workflows", "listen": places})
    async with demonstration(settings, {}, checked, customers=CUSTOMERS, seed=1, today=TODAY, listen=True) as demo:
        await demo.begin()
        for _ in range(DAYS):
            await demo.live(0)
        yield demo


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The Chromium of this machine."""
    found = chromium()
    if found is None:
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=found)
        yield running
        await running.close()


@pytest.fixture
def opened(browser: Browser, shop: Demonstration) -> Opened:
    """Open a page of the console with a language, a width and a taste for light or dark; complaints of the browser fail."""

    @asynccontextmanager
    async def opening(
        path: str = "/",
        *,
        language: str = "en-GB",
        width: int = 1280,
        scheme: Any = "light",
        refused: bool = False,
        **options: Any,
    ) -> AsyncIterator[Page]:
        assert shop.program.ops is not None, "it listens"
        base = f"http://127.0.0.1:{shop.program.ops.port}"
        context = await browser.new_context(
            base_url=base,
            locale=language,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            java_script_enabled=options.pop("scripts", True),
            **options,
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            await page.goto(path)
            yield page
            assert [each for each in complaints if not (refused and each.startswith("Failed to load resource"))] == []
        finally:
            await context.close()

    return opening


async def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, if somebody wants to see it."""
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
