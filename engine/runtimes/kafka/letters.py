"""Dead letters on the bus: the bytes as they came, and beside them why they could not be taken and where from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.runtimes.kafka.producing import Producing, Row

REASON, ORIGIN, AT, CUT = "reason", "origin", "at", "cut"
KEPT_OF_A_LARGE_ONE: Final = 900_000
"""Bytes that are kept of a letter which is larger: so that it fits into what every topic takes."""

Headers = list[tuple[str, bytes]]


def encode_letter(letter: DeadLetter, at: Instant) -> tuple[bytes, Headers]:
    """Return value and headers of a dead letter. Of a large one the beginning is kept, and `cut` says how long it was."""
    headers: Headers = [
        (REASON, letter.reason.encode()),
        (ORIGIN, letter.origin.encode()),
        (AT, str(at).encode()),
    ]
    if len(letter.raw) > KEPT_OF_A_LARGE_ONE:
        headers.append((CUT, str(len(letter.raw)).encode()))
    return letter.raw[:KEPT_OF_A_LARGE_ONE], headers


def decode_letter(value: bytes, headers: Iterable[tuple[str, bytes]]) -> tuple[DeadLetter, Instant]:
    """Return a dead letter and when it was written. Never raises: what is missing is empty, and the instant 0."""
    named = {name: (text or b"").decode(errors="replace") for name, text in headers}
    at = named.get(AT, "")
    reason = named.get(REASON, "")
    if cut := named.get(CUT):
        reason += f" (of {cut} bytes the first {len(value)} are kept)"
    return DeadLetter(value, reason, named.get(ORIGIN, "")), int(at) if at.isascii() and at.isdigit() else 0


class Letters:
    """Writes dead letters, in the order in which they are buried; while some are on their way, others gather."""

    def __init__(self, producing: Producing, topic: str) -> None:
        self._producing, self._topic = producing, topic
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def bury(self, letter: DeadLetter, at: Instant) -> asyncio.Future[None]:
        """Put a letter on its way; the future ends when it is in Kafka, or with why it cannot get there."""
        value, headers = encode_letter(letter, at)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(((None, value, headers), done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        return done

    async def _write(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._producing.append(self._topic, 0, [row for row, _ in batch])
            except Exception as error:  # noqa: BLE001 - those who wait must hear of it, whatever it is
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)

    def _next_batch(self) -> list[tuple[Row, asyncio.Future[None]]]:
        size = count = 0
        for (_, value, _), _ in self._waiting:
            size += len(value or b"") + _OVERHEAD
            if count and size > KEPT_OF_A_LARGE_ONE:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch


_OVERHEAD = 500  # bytes of a letter's headers, and more
