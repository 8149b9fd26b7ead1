"""What the commands of the distributed engine's parts share: what they need, how they stop, and their words.

They exit 0 when they were stopped (SIGTERM, SIGINT), 1 when they cannot go on, 2 when the settings cannot be followed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from engine.cli.calling import Call, Misused, Wrong
from engine.cli.logs import log_to_stderr
from engine.cli.printing import to_people

if TYPE_CHECKING:
    from engine.wiring.settings import Settings

NEEDED = ("aiokafka", "faust", "kafka", "psycopg")
"""What comes with the extra `kafka`, by the names it is imported under."""


def metrics_option(function: Callable[..., None]) -> Callable[..., None]:
    """Give a part's command the option that says where it is asked how it is."""
    return click.option(
        "--metrics", metavar="HOST:PORT", help="Answer /healthz, /readyz and /metrics there; nowhere when left out."
    )(function)


def to_begin(call: Call, *, postgres: bool = True) -> Settings:
    """Return the settings a part begins with.

    Raises:
        Misused: they name no brokers or (where the part needs it) no PostgreSQL, or the extra is not installed.

    """
    settings = call.settings
    missing = [name for name in NEEDED if name not in sys.modules and find_spec(name) is None]
    if missing:
        raise Misused(
            f"the distributed engine needs the extra `kafka`: pip install 'winback[kafka]' (no {', '.join(missing)})"
        )
    if not settings.distributed:
        raise Misused(
            "kafka.brokers is not set: name the brokers, such as WINBACK_KAFKA_BROKERS=127.0.0.1:9092;"
            " without Kafka winback run is the whole engine"
        )
    if postgres:
        with in_words():
            _ = settings.books
    log_to_stderr()
    return settings


def run_part(part: Callable[[asyncio.Event], Awaitable[None]], *, on_uvloop: bool = False) -> None:
    """Run a part until it is stopped; it is given what is set when it is to stop.

    `on_uvloop` is for parts that take in many small things; where it is not installed the standard loop does as well.

    Raises:
        Wrong: it cannot go on.
        Misused: the settings cannot be followed.

    """
    with in_words(), asyncio.Runner(loop_factory=_uvloop() if on_uvloop else None) as runner:
        runner.run(_run(part))
    say("stopped")


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - only of the extra `kafka`

    return uvloop.new_event_loop


@contextmanager
def in_words() -> Iterator[None]:
    """Say what a part raises in the words of the command line."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - a part's modules are imported when it begins

    from engine.books.connection import DatabaseError  # noqa: PLC0415 - as above
    from engine.runtimes.kafka.brokers import BrokersError  # noqa: PLC0415 - as above
    from engine.wiring.distributed.parts import PartStoppedError  # noqa: PLC0415 - as above
    from engine.wiring.settings import SettingsError  # noqa: PLC0415 - as above

    try:
        yield
    except (PartStoppedError, DatabaseError, BrokersError) as error:
        raise Wrong(str(error)) from None
    except KafkaError as error:
        raise Wrong(f"Kafka does not do what was asked: {error}") from None
    except SettingsError as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None


async def _run(part: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await part(stop)


def tell(part: str, settings: Settings, about: Mapping[str, str]) -> None:
    """Say on standard output that a part has begun, and what there is to know."""
    console = to_people()
    console.print(f"winback {part} runs on Kafka at {', '.join(settings.kafka.brokers)}", style="bold")
    for name, said in about.items():
        console.print(f"{name:<11} {said}")
    sys.stdout.flush()


def say(text: str) -> None:
    """Say on standard error what a part is about."""
    click.echo(f"winback: {text}", err=True)


def environment() -> Mapping[str, str]:
    """Return the environment that secrets may be in."""
    return os.environ
