"""What live workflows ask of the world, and who takes it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.rules import Mode
from engine.wiring.receivers_missing import receivers_missing
from engine.wiring.settings import Settings
from tests.acceptance.shipped import shipped, switched

HOOK = {"url": "https://tool.example/x"}
SUPPRESSED, ADAPTED, RESUMED = "winback.suppressed", "winback.newsletter_adapted", "winback.resumed"
HANDED_OFF, REQUESTED = "winback.handed_off", "winback.send.requested"


def missing(workflow: str, **said: Any) -> list[str]:
    """Return what is missing with one of the shipped workflows live, as `effect` or `effect by CHANNEL or for TEAM`."""
    rules = switched(shipped(Mode.DRAFT), workflow, mode=Mode.LIVE)
    found = receivers_missing(rules, Settings.model_validate(said))
    return sorted({" ".join(word for word in need.what[1:] if word) for need in found})


@pytest.mark.parametrize(
    ("workflow", "needs"),
    [
        ("readers-who-dont-buy", [SUPPRESSED]),
        ("openers-without-clicks", [ADAPTED]),
        ("reconfirm-newsletter", [ADAPTED, SUPPRESSED]),
        ("renew-permission", [SUPPRESSED]),
        ("confirm-newsletter", []),
        ("three-stage-winback", []),
        ("causes", [f"{HANDED_OFF} customer_care"]),
        ("key-accounts", [f"{HANDED_OFF} key_accounts"]),
        ("welcome-back", []),
        ("loyalty-members", ["winback.account_closed", "winback.account_closing"]),
        ("seasonal", []),
        ("dead-addresses", [RESUMED, f"{REQUESTED} letter", f"{REQUESTED} sms", SUPPRESSED]),
    ],
)
def test_what_each_shipped_workflow_needs(workflow: str, needs: list[str]) -> None:
    """Stops, hand-offs, closings, other channels and own events are somebody's to take; tags and standings nobody's."""
    assert missing(workflow) == needs


def test_drafts_and_shadows_need_nobody() -> None:
    """Nothing of theirs leaves."""
    for mode in (Mode.DRAFT, Mode.SHADOW):
        assert receivers_missing(shipped(mode), Settings()) == []


@pytest.mark.parametrize(
    ("workflow", "said", "left"),
    [
        ("readers-who-dont-buy", {"webhooks": {"crm": {**HOOK, "take": [SUPPRESSED]}}}, []),
        ("readers-who-dont-buy", {"webhooks": {"crm": {**HOOK, "take": ["*"]}}}, []),
        ("readers-who-dont-buy", {"files": {"take": [SUPPRESSED]}}, []),
        ("readers-who-dont-buy", {"webhooks": {"crm": {**HOOK, "take": [RESUMED]}}}, [SUPPRESSED]),
        ("key-accounts", {"teams": {"key_accounts": {"mail": "vip@shop.example"}}}, []),
        ("key-accounts", {"teams": {"care": {"mail": "care@shop.example"}}}, [f"{HANDED_OFF} key_accounts"]),
        ("key-accounts", {"webhooks": {"crm": {**HOOK, "take": [HANDED_OFF]}}}, []),
        (
            "dead-addresses",
            {
                "webhooks": {"print": {**HOOK, "take": [REQUESTED], "channels": ["letter"]}},
                "files": {"take": [SUPPRESSED, RESUMED]},
            },
            [f"{REQUESTED} sms"],
        ),
    ],
)
def test_who_takes_it_is_no_more_missing(workflow: str, said: dict[str, Any], left: list[str]) -> None:
    """A webhook, a file that somebody reads, a mail to that very team, a service for that very channel."""
    assert missing(workflow, **said) == left


def test_a_need_says_where_it_is_and_what_to_write() -> None:
    """Workflow, stage, step, and the settings that would cure it."""
    rules = switched(shipped(Mode.DRAFT), "key-accounts", mode=Mode.LIVE)
    said = receivers_missing(rules, Settings())[0].said
    assert said.startswith(
        "key-accounts, stage talk, hand_off key_accounts 0: nobody takes winback.handed_off for key_accounts"
    )
    assert "[teams.key_accounts]" in said
