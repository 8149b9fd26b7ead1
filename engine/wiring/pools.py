"""Pool codes: lists that the shop knows, in files beside the workflows, granted to the engine in blocks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from engine.core.signals import CodesGranted
from engine.handling.granting import grants
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop

LOOK_EVERY = 1.0  # seconds of real time

log = structlog.get_logger(__name__)


def codes_of(workflows: Path, pool: str) -> list[str]:
    """Return the codes of a pool's file, one a line, in its order; blank lines and what follows a comma are left out."""
    try:
        text = (workflows / pool).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        log.warning("a pool of codes cannot be read", pool=pool, why=str(error))
        return []
    return [code for line in text.splitlines() if (code := line.partition(",")[0].strip().strip('"'))]


def wanted(engine: Engine, workflows: Path) -> list[CodesGranted]:
    """Return the blocks to grant now."""
    rules = engine.handling.rules
    return list(grants(rules.shop, rules.rule_set.offers.values(), lambda pool: codes_of(workflows, pool)))


async def keep_granting(engine: Engine, loop: Loop, workflows: Path) -> None:
    """Grant blocks of codes as they are used up, until cancelled."""
    while True:
        if any(offer.codes == "pool" for offer in engine.handling.rules.rule_set.offers.values()):
            for signal in await asyncio.to_thread(wanted, engine, workflows):
                await loop.tell(signal)
        await asyncio.sleep(LOOK_EVERY)
