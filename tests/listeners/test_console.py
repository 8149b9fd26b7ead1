"""The console over real HTTP, with made-up sights: what it shows, what its forms do, and what it refuses."""

from __future__ import annotations

import ast
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from engine.core import effects
from engine.core.providers import FAMILIES
from engine.core.rules import Address, Mode, Standing
from engine.insight.overview import Pending
from engine.insight.plan import Change, Difference, Landing, Plan
from engine.insight.ramps import RampRow
from engine.insight.receiving import ReceiverRow
from engine.listeners import OpsSettings, Site, ops_app
from engine.listeners.console import Changes, Counted, Place, Proposed, Reckoned, Search
from engine.listeners.console.customers import HINDRANCES
from engine.listeners.console.markup import Html, h, html
from engine.listeners.console.words import LANGUAGES
from engine.trace import decisions
from engine.trace.story import _DOING
from tests.builders import somebody
from tests.listeners.sights import TODAY, Commands, MadeUp

CONSOLE = Path(__file__).parents[2] / "engine" / "listeners" / "console"
PAGES = (
    "/",
    "/workflows",
    "/workflows/waits",
    "/customers",
    "/customers?standing=lapsed",
    "/customer?id=ada",
    "/changes",
)

PLAN = Plan(
    at="2026-01-05T09:30:00Z",
    who="Ada",
    epoch=1,
    applied=1,
    digest="d",
    customers=9_000,
    standings={"active -> lapsed": 40},
    changes=(
        Change(
            workflow="waits",
            source=1,
            to=2,
            effect="a new version",
            mode="live",
            differences=(Difference("stage first, step 1", "wait: 7d", "wait: 3d"),),
            waiting={"first, wait 7d": 12},
            landings=(Landing("first, wait 7d", None, 12, 3),),
            needs_a_word=True,
            would_enter=1_200,
            entry="paced",
            per_day=500,
            until="2026-01-08",
            mailable=1_000,
            unmailable={"no_permission": 200},
            offer_cost_at_most="2400.00 EUR",
            reaches_further=("goes live",),
        ),
    ),
)

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def sights() -> MadeUp:
    """What the pages show."""
    return MadeUp()


@pytest.fixture
def commands() -> Commands:
    """What the forms did."""
    return Commands()


@pytest.fixture
async def client(world: Any, sights: MadeUp, commands: Commands) -> AsyncIterator[Client]:
    """A browser without cookies' jar tricks: before the ops listener, with the console on it."""
    site = Site(sights, commands, None)
    app = ops_app(OpsSettings(), world.intake(), lambda: "", CollectorRegistry(), site=site)
    async with TestClient(TestServer(app)) as program:
        yield program


async def text_of(client: Client, path: str, **headers: str) -> str:
    """Return a page that is there."""
    response = await client.get(path, headers=headers)
    assert response.status == 200, await response.text()
    return await response.text()


async def token(client: Client) -> str:
    """Return the token of the forms."""
    found = re.search(r'name="token" value="([^"]+)"', await text_of(client, "/"))
    assert found is not None
    return found[1]


async def post(client: Client, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, str]:
    """Send a form; return status, where it leads, and what it says."""
    response = await client.post(path, data=fields, headers=headers, allow_redirects=False)
    return response.status, response.headers.get("Location", ""), await response.text()


# Words ---------------------------------------------------------------------------------------------------------------


def test_both_languages_have_the_same_words() -> None:
    """Each key is in each table, with the same values to be put in, and with one and many where the other has them."""
    english, german = LANGUAGES["en"], LANGUAGES["de"]

    def places(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text.rpartition("|")[2]))

    assert english.keys() == german.keys()
    assert {key for key in english if places(english[key]) != places(german[key])} == set()
    assert all(text.strip() for table in LANGUAGES.values() for text in table.values())


def said_in_code() -> Iterator[str]:
    """Yield each key that the code asks for; of one that is put together, what is certain, with a star."""
    for path in CONSOLE.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr not in ("say", "knows") or not call.args:
                continue
            for key in ast.walk(call.args[0]):
                if isinstance(key, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "*" for part in key.values)  # type: ignore[misc]  # constants in an f-string are text
                elif isinstance(key, ast.Constant) and isinstance(key.value, str) and key is call.args[0]:
                    yield key.value


def test_every_key_that_is_asked_for_has_words() -> None:
    """A key of the code is in the table; of one that is put together, some key fits it."""
    keys = list(LANGUAGES["en"])

    missing = [
        asked
        for asked in said_in_code()
        if not any(re.fullmatch(re.escape(asked).replace(r"\*", ".+"), key) for key in keys)
    ]

    assert missing == []


def test_whatever_the_engine_says_has_words() -> None:
    """Each kind of effect, reason, outcome, standing, verdict and mode has words; nothing is told in English by oversight."""
    kinds = {
        value.removeprefix("winback.")
        for value in vars(effects).values()
        if isinstance(value, str) and value.startswith("winback.")
    }
    wanted = {
        *(f"did.{kind}" for kind in kinds),
        *(f"reason.{code}" for code in decisions._REASONS),
        *(f"outcome.{code}" for code in decisions._OUTCOMES),
        *(f"became.{state}" for state in decisions._ENDED),
        *(f"run.{doing}" for doing in _DOING.values()),
        *(f"doing.{doing}" for doing in _DOING if doing),
        *(f"standing.{each.value}" for each in Standing),
        *(f"address.{each.value}" for each in Address),
        *(f"mode.{each.value}" for each in Mode),
        *(f"family.{family}" for family in FAMILIES),
        *(f"hindrance.{why}" for why in HINDRANCES),
    }
    assert wanted - LANGUAGES["en"].keys() == set()


# Markup --------------------------------------------------------------------------------------------------------------


def test_whatever_is_no_html_is_escaped() -> None:
    """Text, attributes and lists are; what was made as HTML is not."""
    made = h.p("<b>", [1, None, h.br(), "&"], title='"<', class_="x", hidden=False, open=True)
    assert made == '<p title="&quot;&lt;" class="x" open>&lt;b&gt;1<br>&amp;</p>'
    assert html(Html("<i>"), "<i>") == "<i>&lt;i&gt;"


# Pages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_keeps_others_out(client: Client, path: str) -> None:
    """It runs no script, stands in no frame, is kept nowhere, and sends forms nowhere else."""
    response = await client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert (response.headers["Cache-Control"], response.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    text = await response.text()
    assert "<script" not in text
    assert " style=" not in text
    assert "Tea &amp; Co" in text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_speaks_german(client: Client, path: str) -> None:
    """By the browser's wish; the page says which language it is in."""
    german = await text_of(client, path, **{"Accept-Language": "fr, de-AT;q=0.8, en;q=0.5"})
    assert '<html lang="de">' in german
    assert ">Heute<" in german
    assert '<html lang="en">' in await text_of(client, path, **{"Accept-Language": "fr"})


async def test_a_chosen_language_stays(client: Client) -> None:
    """Once asked for by its link, a language is used on the next pages, whatever the browser wishes."""
    await text_of(client, "/?lang=de", **{"Accept-Language": "en"})
    assert ">Heute<" in await text_of(client, "/workflows", **{"Accept-Language": "en"})
    assert ">Today<" in await text_of(client, "/workflows?lang=en")


async def test_what_needs_somebody_comes_first(client: Client, sights: MadeUp) -> None:
    """Stalls, stuck customers, refused lines, uncertain sends and dead letters are named, and what leads to them."""
    assert "Nothing needs you." in await text_of(client, "/")
    sights.overview = replace(
        sights.overview,
        stalls=["timers are 90 s late"],
        stuck=["c/1 & co"],
        refused={"waits": 1_200},
        nobody_takes={"winback.handed_off": 1},
        uncertain=[{"effect_id": "e", "customer": "bob", "at": "2026-01-05T09:00:00Z"}],
        dead_letters=2,
        last_errors=[{"at": "x", "where": "y", "error": "total is <missing>"}],
        warm_up_over=False,
        pools=[
            {"offer": "trial", "left": 12, "low_water": 500, "low": True},
            {"offer": "gift", "left": 900, "low_water": 500, "low": False},
        ],
    )
    text = await text_of(client, "/")
    for words in (
        "timers are 90 s late",
        "c/1 &amp; co is stuck",
        'href="/customer?id=c%2F1+%26+co"',
        "waits lets nobody in: 1,200 fit already",
        "Nobody takes handed_off: it happened once.",
        "Of 1 send nobody knows",
        "2 dead letters, the last:",
        "total is &lt;missing&gt;",
        "The warm-up is not over",
        "Few codes for trial: 12 are left, the low water is 500.",
    ):
        assert words in text
    assert "Nothing needs you." not in text
    assert "Few codes for gift" not in text


async def test_the_day_in_figures(client: Client, sights: MadeUp) -> None:
    """Today's counts stand beside yesterday's; shadows are counted apart; reasons are in words, the most first."""
    sights.tally = (
        Counted(TODAY - 1, "sent", "waits", "hello", False, 7),
        Counted(TODAY, "sent", "waits", "hello", False, 1_234),
        Counted(TODAY, "run_started", "waits", "", True, 5),
        Counted(TODAY, "send.dropped", "waits", "no_permission", False, 2),
        Counted(TODAY, "send.dropped", "waits", "late", False, 3),
        Counted(TODAY, "send.deferred", "waits", "the team sales takes at most 5 per 1d", False, 1),
    )
    text = await text_of(client, "/")
    assert '<b>1,234</b><span class="soft">7 yesterday</span>' in text
    assert '<span class="what">Entered as shadow</span><b>5</b>' in text
    assert text.index("too late") < text.index("nobody gave permission for it")
    assert "the team sales takes at most 5 per 1d" in text
    assert "1.234" in await text_of(client, "/?lang=de")


async def test_the_ramp_by_provider(client: Client, sights: MadeUp) -> None:
    """What is allowed, used and waits today, and why a family is stopped."""
    row = RampRow("gmx", 200, 150, 0, 1_300, stopped=True, why="bounces 4% of 150")
    sights.overview = replace(sights.overview, ramp=[row])
    text = await text_of(client, "/")
    for words in ("GMX and Web.de", ">200<", ">1,300<", "stopped for today", "bounces 4% of 150"):
        assert words in text


async def test_receivers_and_what_they_did_not_take(client: Client, sights: MadeUp) -> None:
    """Each with what it takes, how far behind it is, and its last error."""
    row = ReceiverRow("crm", ["winback.handed_off"], behind=7, parcels=2, dead_letters=1, last_error="503 <busy>")
    sights.overview = replace(sights.overview, deliveries=[row])
    text = await text_of(client, "/")
    for words in ("crm<small>handed_off</small>", ">7<", ">2<", ">1<", "503 &lt;busy&gt;"):
        assert words in text


async def test_a_pause_is_in_red_on_every_page(client: Client, sights: MadeUp) -> None:
    """What is paused, since when, by whom and why, with the way to end it."""
    sights.pause("workflow", "waits")
    for path in PAGES:
        text = await text_of(client, path)
        assert 'role="alert"' in text
        assert "Paused: workflow waits" in text
        assert "a wrong &lt;price&gt;" in text
        assert "by Ada" in text
        assert 'href="/unpause?scope=workflow&amp;name=waits"' in text


async def test_a_workflow_shows_its_people_at_each_step(client: Client, sights: MadeUp) -> None:
    """By step and what they do there; an older version with people on it stands below, with its own."""
    sights.places = (
        Place(1, "live", "first", 0, "waiting", 1_500),
        Place(1, "shadow", "first", 1, "paused", 2),
        Place(0, "live", "first", 1, "sending", 1),
    )
    text = await text_of(client, "/workflows/waits")
    assert "1,503" in text
    assert "(2 as shadow)" in text
    assert "1,500 wait" in text
    assert "2 held by a pause" in text
    assert "Version 0" in text
    assert text.index("Version 0") < text.index("1 is being sent")
    assert "Wait, then &lt;ask&gt;" in text
    assert "2 customers who fit already wait to be let in." in text


async def test_searching(client: Client, sights: MadeUp) -> None:
    """One who is meant is shown at once; lists are asked for by what links of ours have, and by nothing else."""
    found = await client.get("/customers?words=ada", allow_redirects=False)
    assert (found.status, found.headers["Location"]) == (303, "/customer?id=ada")
    assert "Nobody was found." in await text_of(client, "/customers?words=zoe")
    await text_of(client, "/customers?standing=nonsense&hindrance=gone&workflow=waits&waiting=yes&after=7/x")
    assert sights.asked[-1] == Search(workflow="waits", waiting=True, after="7/x")


async def test_a_story(client: Client) -> None:
    """Who they are, where they stand, and what keeps each workflow waiting; nobody's story is a 404 in words."""
    text = await text_of(client, "/customer?id=ada")
    assert "ada@example.org" in text
    assert "What keeps the other workflows waiting" in text
    assert 'href="/workflows/waits"' in text
    missing = await client.get("/customer?id=<zoe>")
    assert missing.status == 404
    assert "&lt;zoe&gt;" in await missing.text()


async def test_what_waits_in_the_files(client: Client, sights: MadeUp) -> None:
    """The changes of good files one by one, else how many errors keep them out; the bar counts them everywhere."""
    assert "The files are those in force." in await text_of(client, "/changes")
    change = {"workflow": "waits", "from": 1, "to": 2, "effect": "a <new> version"}
    sights.waits, sights.known = Changes(pending=Pending([change], 0)), replace(sights.known, pending=1)
    assert "a &lt;new&gt; version" in await text_of(client, "/changes")
    assert 'title="1 change waits in the files"' in await text_of(client, "/workflows")
    sights.waits = Changes(pending=Pending([], 2))
    assert "have 2 errors" in await text_of(client, "/changes")


async def test_a_plan_that_is_being_reckoned(client: Client, sights: MadeUp) -> None:
    """How far it has come, on a page that looks again by itself; once it is there or has failed it does not."""
    sights.waits = Changes(pending=Pending([], 0), reckoned=Reckoned(done=3_000, of=9_000))
    text = await text_of(client, "/changes")
    assert "3,000 of 9,000 customers" in text
    assert 'http-equiv="refresh" content="2"' in text
    for reckoned in (Reckoned(failed=True), Reckoned(plan=PLAN)):
        sights.waits = Changes(reckoned=reckoned)
        assert 'http-equiv="refresh"' not in await text_of(client, "/changes")


async def test_a_plan_in_words_and_figures(client: Client, sights: MadeUp) -> None:
    """What differs, who would enter how fast, what it costs at most, who waits where, and why a second person must approve."""
    sights.waits = Changes(reckoned=Reckoned(plan=PLAN))
    text = await text_of(client, "/changes")
    for words in (
        '<del lang="en">wait: 7d</del><ins lang="en">wait: 3d</ins>',
        "1,200 would enter",
        "up to 500 a day until 8 Jan 2026",
        "<dt>nobody gave permission for it</dt><dd>200</dd>",
        "<dt>Offers cost at most</dt><dd>2400.00 EUR</dd>",
        "first, wait 7d",
        "no stage: they end",
        "waits: goes live",
        "40 Active → Lapsed",
        "winback apply --move waits=pin",
    ):
        assert words in text
    assert "1.200 Personen würden eintreten" in await text_of(client, "/changes?lang=de")


async def test_what_was_applied(client: Client, sights: MadeUp) -> None:
    """By whom, planned by whom, and what; an apply that was taken back is told."""
    row = {
        "at": "2026-01-05T09:00:00Z",
        "who": "Bea",
        "planned_by": "Ada",
        "what": ["waits: <new>"],
        "taken_back": True,
    }
    sights.waits = Changes(applied=[row])
    text = await text_of(client, "/changes")
    assert "10:00</time> by Bea, planned by Ada" in text
    assert "waits: &lt;new&gt;" in text
    assert "An apply was taken back." in text


async def test_a_plan_is_approved_by_its_number(client: Client, sights: MadeUp, commands: Commands) -> None:
    """The form of a plan that waits puts that plan in force, by the command that says so; a number that is none is refused."""
    sights.waits = Changes(proposals=(Proposed(number=7, at=sights.known.now, who="Ada", plan=PLAN),))
    text = await text_of(client, "/changes")
    assert "Plan 7 waits for a second person" in text
    assert "Made by Ada" in text
    assert 'name="number" value="7"' in text
    fields = {"token": await token(client), "who": "Bea", "back": "/changes"}
    assert (await post(client, "/approve", {**fields, "number": "7"}))[:2] == (303, "/changes")
    assert commands.done == [("approve", {"number": 7, "who": "Bea"})]
    for number in ("x", "", "-1", "9" * 30):
        assert (await post(client, "/approve", {**fields, "number": number}))[0] == 403


async def test_errors_are_pages(client: Client, sights: MadeUp) -> None:
    """What is not there or fails says so in words, without a detail of what failed."""
    missing = await client.get("/workflows/none")
    assert (missing.status, "There is nothing here" in await missing.text()) == (404, True)
    sights.broken = True
    failed = await client.get("/", headers={"Accept-Language": "de"})
    text = await failed.text()
    assert (failed.status, "Diese Seite ist fehlgeschlagen" in text, "secret" in text) == (500, True, False)


async def test_the_style_may_be_kept(client: Client) -> None:
    """The style sheet has an address of its own that changes with it, so a browser need not ask again."""
    found = re.search(r'href="(/style-\w+\.css)"', await text_of(client, "/"))
    assert found is not None
    style = await client.get(found[1])
    assert (style.status, style.content_type) == (200, "text/css")
    assert "immutable" in style.headers["Cache-Control"]


# Forms ---------------------------------------------------------------------------------------------------------------


async def test_a_form_pauses_and_leads_back(client: Client, commands: Commands) -> None:
    """The command is the command line's, with who and why; the name is known on the next form."""
    fields = {"scope": "workflow", "name": "waits", "why": "typo", "who": "Bea Müller", "back": "/workflows/waits"}
    status, to, _ = await post(client, "/pause", {**fields, "token": await token(client)})
    assert (status, to) == (303, "/workflows/waits")
    assert commands.done == [("pause", {"scope": "workflow", "name": "waits", "why": "typo", "who": "Bea Müller"})]
    assert 'value="Bea Müller"' in await text_of(client, "/")


async def test_the_end_of_a_pause_is_asked_about_first(client: Client, sights: MadeUp, commands: Commands) -> None:
    """The page shows what is held and changes nothing; the form says what becomes of it."""
    sights.pause("template", "hello")
    text = await text_of(client, "/unpause?scope=template&name=hello")
    assert "It holds 3 sends" in text
    assert commands.done == []
    fields = {"scope": "template", "name": "hello", "overdue": "shift", "who": "Bea"}
    assert (await post(client, "/unpause", {**fields, "token": await token(client)}))[:2] == (303, "/")
    assert commands.done == [("unpause", fields)]
    assert (await client.get("/unpause?scope=template&name=other")).status == 404


@pytest.mark.parametrize(
    ("headers", "change", "status"),
    [
        ({}, {"token": "guessed"}, 403),
        ({}, {"token": ""}, 403),
        ({"Origin": "https://evil.example"}, {}, 403),
        ({"Origin": "null"}, {}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, {}, 403),
        ({"Sec-Fetch-Site": "same-site"}, {}, 403),
        ({"Host": "evil.example"}, {}, 403),
        ({}, {"who": " "}, 403),
        ({}, {"why": ""}, 403),
        ({}, {"name": "nowhere", "scope": "workflow"}, 409),
        ({"Sec-Fetch-Site": "same-origin"}, {}, 303),
    ],
)
async def test_what_is_not_ours_changes_nothing(
    client: Client, commands: Commands, headers: dict[str, str], change: dict[str, str], status: int
) -> None:
    """A form without our token, from elsewhere, or without a name or a reason is refused in words."""
    fields = {"scope": "engine", "name": "", "why": "typo", "who": "Bea", "token": await token(client), **change}
    said = await post(client, "/pause", fields, **headers)
    assert said[0] == status
    assert bool(commands.done) == (status == 303)
    assert "&lt;waits&gt;" in said[2] or status != 409


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/\r\nX: y"])
async def test_a_form_leads_nowhere_else(client: Client, back: str) -> None:
    """Where to go back to is a path of ours, or the first page."""
    fields = {"scope": "engine", "why": "typo", "who": "Bea", "back": back}
    assert (await post(client, "/pause", {**fields, "token": await token(client)}))[:2] == (303, "/")


async def test_whoever_logged_in_has_their_name(world: Any, sights: MadeUp, commands: Commands) -> None:
    """With basic authentication the user's name is taken, and none that a form claims."""
    app = ops_app(
        OpsSettings(token="t"), world.intake(), lambda: "", CollectorRegistry(), site=Site(sights, commands, None)
    )
    login = {"Authorization": "Basic " + b64encode("Käthe:t".encode()).decode()}
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/")).status == 401
        page = await client.get("/", headers=login)
        found = re.search(r'name="token" value="([^"]+)"', await page.text())
        assert found is not None
        fields = {"scope": "engine", "why": "typo", "who": "Somebody Else", "token": found[1]}
        assert (await post(client, "/pause", fields, **login))[0] == 303
    assert commands.done[0][1]["who"] == "Käthe"


async def test_without_a_control_nothing_can_be_changed(world: Any, sights: MadeUp) -> None:
    """A console that only shows refuses every form."""
    app = ops_app(OpsSettings(), world.intake(), lambda: "", CollectorRegistry(), site=Site(sights, None, None))
    async with TestClient(TestServer(app)) as client:
        assert (await post(client, "/pause", {"token": await token(client), "why": "x", "who": "y"}))[0] == 403


async def test_a_story_says_whether_they_may_be_written_to(client: Client, sights: MadeUp) -> None:
    """The gate's own answer, by purpose and channel, with basis or reason; channels of which nothing is known are left out."""
    text = await text_of(client, "/customer?id=ada")
    table = text.partition("May we write to them?")[2].partition("</table>")[0]
    assert table.count("<tr>") == 4
    assert "newsletter, email" in table
    assert ">express<" in table
    sights.people["ada"] = somebody(permission={})
    text = await text_of(client, "/customer?id=ada")
    assert "no: nobody gave permission for it" in text
    assert "existing_customers is off" in text
