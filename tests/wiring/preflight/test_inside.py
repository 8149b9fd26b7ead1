"""What can be said of settings, files and rules without asking anybody."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.moments import MINUTE
from engine.core.rules import RuleSet
from engine.rendering import Brand
from engine.wiring.preflight import inside
from engine.wiring.preflight.check import Check
from engine.wiring.preflight.returns import returns
from engine.wiring.preflight.situation import Situation, is_for_examples, is_loopback
from engine.wiring.settings import Settings
from tests.builders import START, rules_of

BRAND = Brand(
    name="Kaffee", url="https://kaffee.de", support_email="hallo@kaffee.de", imprint=("Kaffee GmbH", "Weg 1, Berlin")
)

ASKS = """
workflow: asks
enter_when_all:
  - standing: lapsed
leave_when_any:
  - event: email.unsubscribed
again_after: 180d
stages:
  coupon:
    steps:
      - send: coupon_offer
        offer: present
      - wait: 10d
    end: done
"""

OFFERS = """
offers:
  present: {discount: 5 EUR, valid_for: 20d, codes: signed, per_customer: 1 per 365d}
"""


def shop(rules: RuleSet | None = None, brand: Brand = BRAND, /, **changes: Any) -> Situation:
    """A shop that is well set up, but for what a test says: `sender`, `smtp` and other settings, or the situation's own."""
    own = {name: changes.pop(name) for name in tuple(changes) if name in Situation.__struct_fields__}
    settings = Settings.model_validate({"public_url": "https://mail.kaffee.de", **changes})
    return Situation(
        settings=settings, rules=rules or rules_of(ASKS, offers=OFFERS), brand=brand, templates=("coupon_offer",), **own
    )


def found(check: Check) -> tuple[bool, str, str]:
    """Whether it is right, how bad it is, and what is said."""
    return check.ok, check.level, check.message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (False, "error", "no suppressions of another tool were imported")),
        ({"none_elsewhere": True}, (True, "", "it was said that there are none")),
        (
            {"suppressions_at": START},
            (True, "", "suppressions were imported, last on 2026-01-05T09:00:00Z"),
        ),
    ],
)
def test_suppressions_are_imported_or_denied(given: dict[str, Any], expected: tuple[bool, str, str]) -> None:
    """Whoever said no elsewhere comes first."""
    assert found(inside.suppressions(shop(**given))) == expected


def test_a_template_that_a_live_workflow_sends_must_be_there() -> None:
    """Each one is named; those of drafts are nobody's business yet."""
    assert found(inside.templates(replace(shop(), templates=()))) == (False, "error", "missing: coupon_offer")
    draft = rules_of(f"{ASKS}mode: draft\n", offers=OFFERS)
    assert inside.templates(replace(shop(draft), templates=())).ok
    assert found(inside.workflows(shop(draft)))[2] == "no workflow is live, so nobody is written to yet"
    assert found(inside.workflows(replace(shop(), errors=2))) == (False, "error", "the workflow files have 2 errors")


def test_what_a_live_workflow_asks_of_the_world_is_taken() -> None:
    """A stop of the newsletter that no tool hears of; with a webhook or a file that takes it, all is well."""
    stops = ASKS.replace(
        "        offer: present\n      - wait: 10d\n",
        "        asks: still\n      - wait: 10d\n      - suppress: newsletter\n",
    )
    rules = rules_of(stops, offers=OFFERS)
    check = inside.receivers(shop(rules))
    assert (check.ok, check.level) == (False, "error")
    assert "asks, stage coupon" in check.message
    assert "winback.suppressed" in check.message
    assert inside.receivers(shop(rules, files={"take": ["winback.suppressed"]})).ok
    assert inside.receivers(shop()).ok


@pytest.mark.parametrize(
    ("brand", "sender", "why"),
    [
        (replace(BRAND, imprint=("", " ")), {}, "names nobody under `imprint`"),
        (replace(BRAND, name="Example Shop"), {}, "still shows the example shop"),
        (BRAND, {"address": "hallo@kaffee.example"}, "exists in examples only"),
        (replace(BRAND, sender_email="hallo@example.com"), {}, "exists in examples only"),
        (replace(BRAND, sender_email="hallo@example.com"), {"address": "hallo@kaffee.de"}, ""),
    ],
)
def test_mails_say_who_is_behind_them(brand: Brand, sender: dict[str, str], why: str) -> None:
    """An imprint of one's own, and an address that exists."""
    check = inside.imprint(shop(None, brand, sender=sender))
    assert check.ok is not bool(why)
    assert why in check.message


@pytest.mark.parametrize(
    ("offer", "ok"),
    [
        ("{discount: 5 EUR, valid_for: 20d, codes: signed}", False),
        ("{discount: 5 EUR, valid_for: 20d, codes: signed, budget: 100 EUR per 30d}", True),
        ("{gift: a card, cost: 0 EUR, valid_for: 20d, codes: signed}", True),
        ("{gift: a cup, cost: 4 EUR, valid_for: 20d, codes: signed}", False),
    ],
)
def test_an_offer_that_costs_has_an_end(offer: str, *, ok: bool) -> None:
    """Without a budget a mistake in a workflow has no bottom; what costs nothing needs none."""
    rules = rules_of(ASKS, offers=f"offers:\n  present: {offer}\n")
    assert inside.budgets(shop(rules)).ok is ok


def test_the_margin_must_be_known() -> None:
    """Over all, or by category."""
    rules = rules_of(ASKS, offers=OFFERS)
    assert inside.margin(shop(rules)).ok
    without = replace(rules, lifecycle=replace(rules.lifecycle, margin=None))
    assert not inside.margin(shop(without)).ok
    by_category = replace(without, lifecycle=replace(without.lifecycle, margin_by_category={"tea": 3_000}))
    assert inside.margin(shop(by_category)).ok


def test_a_clock_that_went_back_is_told() -> None:
    """The engine's time stands still until the clock has caught up."""
    assert inside.clock(shop(now=START, accepted=START + MINUTE)).ok
    behind = inside.clock(shop(now=START, accepted=START + 90 * MINUTE))
    assert found(behind) == (
        False,
        "error",
        "the clock stands 90 min before the last signal, of 2026-01-05T10:30:00Z",
    )


def test_mail_that_may_go_to_few_alone_is_mentioned() -> None:
    """`only_to` left over from staging is no error, and easily forgotten."""
    check = inside.only_to(shop(sender={"only_to": ["*@kaffee.de"]}))
    assert found(check) == (False, "warning", "[sender] only_to lets mail go to *@kaffee.de alone")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (None, "is not set, so links lead to http://127.0.0.1:8080"),
        ("http://127.0.0.1:9000", "each reader's own machine"),
        ("https://localhost", "each reader's own machine"),
        ("https://[::1]:8080", "each reader's own machine"),
        ("http://mail.kaffee.de", "over https alone"),
        ("https://mail.shop.example", "exists in examples only"),
        ("https://mail.kaffee.de", ""),
    ],
)
def test_links_lead_where_customers_are(url: str | None, why: str) -> None:
    """Over https, and not to the reader's own machine."""
    check = inside.public_url(shop(public_url=url))
    assert check.ok is not bool(why)
    assert why in check.message


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("smtp.kaffee.de", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_mail_reaches_people_unless_its_server_is_this_machine(host: str, *, loopback: bool) -> None:
    """Then and with the mailbox the outside world is only a warning."""
    assert is_loopback(host) is loopback
    by_smtp = shop(sender={"kind": "smtp"}, smtp={"host": host})
    assert by_smtp.reaches_people is not loopback
    assert not shop(smtp={"host": host}).reaches_people


BY_SMTP: dict[str, Any] = {"sender": {"kind": "smtp"}}
TAKEN: dict[str, Any] = {"files": "x", "replies_to": "team@kaffee.de"}


@pytest.mark.parametrize(
    ("changes", "hooks", "level", "says"),
    [
        ({}, (), "", "nothing comes back"),
        (BY_SMTP, (), "warning", "nothing takes bounces"),
        (BY_SMTP, ("shopify",), "warning", "nothing takes bounces"),
        (BY_SMTP, ("shopify", "ses"), "", "by the hook of ses"),
        ({**BY_SMTP, "incoming": TAKEN}, (), "warning", "address is not set"),
        ({**BY_SMTP, "incoming": TAKEN | {"address": "b@c.de"}}, (), "", "come back to b@c.de"),
    ],
)
def test_something_takes_in_what_comes_back(
    changes: dict[str, Any], hooks: tuple[str, ...], level: str, says: str
) -> None:
    """A mailbox, a listener, files, or the hook of a mail service; without any it is a warning."""
    check = returns(shop(**changes), hooks)
    assert (check.level, says in check.message) == (level, True), check


def test_spf_is_asked_of_where_reports_go() -> None:
    """Servers ask it of the envelope's sender."""
    assert shop(incoming={"address": "b@bounces.kaffee.de"}).envelope_domain == "bounces.kaffee.de"
    assert shop().envelope_domain == shop().sender_domain


def test_examples_are_nobodys() -> None:
    """The reserved names, and what is below them, but not what looks like them."""
    names = ("shop.example", "example.com", "mail.example.org", "a.test", "localhost")
    assert all(map(is_for_examples, names))
    assert not any(map(is_for_examples, ("myexample.com", "example.de", "test.de", "kaffee.de")))
