"""What the engine keeps outside its database for a time only: the messages in the local mailbox (`keep: bodies`)."""

from __future__ import annotations

import asyncio

import structlog

from connectors.mailbox import Mailbox
from engine.runtimes.sqlite.engine import Engine

LOOK_EVERY = 3_600.0  # seconds of real time

log = structlog.get_logger(__name__)


async def keep_tidy(engine: Engine, mailbox: Mailbox) -> None:
    """Remove the messages that have been kept long enough by the engine's clock, now and each hour, until cancelled."""
    while True:
        keep = engine.handling.rules.lifecycle.keep.bodies
        try:
            removed = await asyncio.to_thread(mailbox.forget, engine.now() - keep.roughly)
        except OSError as error:
            log.warning("old messages cannot be removed from the mailbox", why=str(error))
        else:
            if removed:
                log.info("old messages were removed from the mailbox", messages=removed)
        await asyncio.sleep(LOOK_EVERY)
