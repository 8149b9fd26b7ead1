"""One part of the distributed engine as its command puts it together, on a leaping clock, in a process that may be killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.cli.logs import log_to_stderr
from engine.core.moments import Instant
from engine.ports import Clock
from engine.wiring.distributed.gateway import gate
from engine.wiring.distributed.projector import project
from engine.wiring.distributed.sender import send
from engine.wiring.distributed.worker import work, worker_options
from engine.wiring.distributed_settings import KafkaSettings, PostgresSettings, WorkerSettings
from engine.wiring.settings import Listen, SenderSettings, Settings, SmtpServer
from tests.acceptance.crash.clock import LeapingClock

Store = Literal["memory", "rocksdb"]


class Shop(Struct, frozen=True, kw_only=True):
    """Where a shop's parts find everything, and what time it is.

    `session_timeout` is that of workers, in seconds; it is less than settings allow, so that a round of faults is short.
    """

    folder: str
    brokers: str
    prefix: str
    partitions: int
    postgres: str
    smtp_port: int
    public_port: int
    ops_port: int
    start: Instant
    began: int
    leap_every: float
    session_timeout: float = 3.0

    @property
    def clock(self) -> Clock:
        """The clock of every part that reads one."""
        return LeapingClock(self.start, self.began, self.leap_every)

    def settings(self, store: Store = "memory") -> Settings:
        """Return the settings that all parts have."""
        folder = Path(self.folder)
        return Settings(
            data=folder / "data",
            workflows=folder / "workflows",
            public_url="http://shop.example",
            listen=Listen(public=f"127.0.0.1:{self.public_port}", ops=f"127.0.0.1:{self.ops_port}"),
            sender=SenderSettings(name="Shop", address="hello@shop.example", kind="smtp"),
            smtp=SmtpServer(port=self.smtp_port, tls="none", hello="shop.example", command_timeout=5, final_timeout=30),
            kafka=KafkaSettings(brokers=(self.brokers,), prefix=self.prefix, partitions=self.partitions),
            worker=WorkerSettings(store=store, commit_interval=0.5),
            postgres=PostgresSettings(url=self.postgres),
        )


class Part(Struct, frozen=True, kw_only=True):
    """Which part a process is; `slot` and `store` are a worker's."""

    shop: Shop
    name: str
    slot: str = ""
    store: Store = "memory"


PARTS = {"gateway": gate, "projector": project, "sender": send}


async def _until_stopped(part: Part) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await PARTS[part.name](part.shop.settings(), {}, part.shop.clock, stop)


def main(part: Part) -> int:
    """Run until killed or stopped."""
    log_to_stderr()
    if part.name in PARTS:
        asyncio.run(_until_stopped(part))
        return 0
    settings = part.shop.settings(part.store)
    options = replace(worker_options(settings, {}, slot=part.slot), session_timeout=part.shop.session_timeout)
    return work(settings, {}, options)


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=Part)))
