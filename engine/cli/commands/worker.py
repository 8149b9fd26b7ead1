"""`winback worker`: decides."""

from __future__ import annotations

import click

from engine.cli.calling import Call, named
from engine.cli.parts import environment, in_words, metrics_option, tell, to_begin


@named(
    "worker",
    "winback worker",
    "winback worker --slot 2 --metrics 127.0.0.1:9102",
    "WINBACK_WORKER_STORE=rocksdb winback worker",
)
@click.option(
    "--slot", metavar="NAME", help="This worker's lasting name, another for each. [worker.slot, or this machine's]"
)
@metrics_option
def command(call: Call, slot: str | None, metrics: str | None) -> None:
    """Decide what happens to customers: a part of the distributed engine.

    Workers share the partitions of the inbox; start as many as there are cores for. A worker needs Kafka alone, and keeps
    nothing that may not be lost. It exits 0 when it was stopped, 1 when it could not start, 70 or 75 when something went
    wrong on the way: start it again then, as a service manager does.
    """
    settings = to_begin(call, postgres=False)
    from engine.wiring.distributed.worker import work, worker_options  # noqa: PLC0415 - the part is imported once it can be

    with in_words():
        options = worker_options(settings, environment(), slot=slot or "", metrics=metrics or "")
        where = f"RocksDB in {options.folder}" if options.folder else "memory"
        tell("worker", settings, {"slot": options.slot, "customers": where})
        code = work(settings, environment(), options)
    if code:
        raise click.exceptions.Exit(code)
