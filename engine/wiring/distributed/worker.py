"""`winback worker` joined: partitions of the inbox, and who writes the messages they release."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.rendering.envelope import message
from engine.runtimes.kafka.rules_topic import RulesDocument
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.worker import run_worker
from engine.runtimes.kafka.worker_options import WorkerOptions
from engine.wiring.composing import Composer
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.topics import require_topics
from engine.wiring.in_force import kept_of
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.settings import Settings

GROUP = "worker"
"""The consumer group of all workers, behind the prefix."""


class MessageWriter:
    """Writes messages by the templates that came with the rules.

    What it writes follows from the send, the record and the templates; only the links are sealed anew each time. So a send
    that is decided anew after a crash is the same mail.
    """

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._rules: Rules
        self._record: Customer | None = None
        self._at: Instant = 0
        self._composer = Composer(
            settings, secrets, lambda: self._rules, lambda _: self._record, lambda: self._at, signed=True
        )
        self._key = secrets.messages

    def use(self, document: RulesDocument) -> None:
        """Write with these templates from now on."""
        self._composer.use(kept_of(document.templates))

    def __call__(self, effect: Effect, record: Customer | None, rules: Rules) -> Mapping[str, Any]:
        """Return what a send is complete with.

        Raises:
            RenderError: the template is not there, or needs something that this send does not have.
            LookupError: the offer is not known any more.

        """
        self._rules, self._record, self._at = rules, record, effect.time
        written = self._composer.written(effect.effect_id, effect.data)
        made = message(self._composer.desk, effect.effect_id, written, self._key)
        parts = ("subject", "text", "html", "headers", "links")
        return {**{part: written[part] for part in parts}, "message_id": made.message_id}


def worker_options(
    settings: Settings, environment: Mapping[str, str], *, slot: str = "", metrics: str = ""
) -> WorkerOptions:
    """Return how a worker runs, by the settings and what the command line says over them.

    Raises:
        SettingsError: the settings cannot be followed.

    """
    said, kafka = settings.worker, settings.kafka
    name = slot or said.slot or socket.gethostname()
    folder = said.folder or settings.data / f"worker-{name}"
    place = metrics or said.metrics or ""
    host, _, port = place.rpartition(":")
    return WorkerOptions(
        brokers=brokers_of(settings, environment),
        topics=TopicNames.of(kafka.prefix),
        group=f"{kafka.prefix}-{GROUP}",
        partitions=kafka.partitions,
        key=keys_of(settings, environment).codes,
        slot=name,
        folder=folder if said.store == "rocksdb" else None,
        metrics=(host.strip("[]"), int(port)) if place else None,
        session_timeout=said.session_timeout,
        commit_interval=said.commit_interval,
        reach_within=kafka.reach_within,
    )


def work(settings: Settings, environment: Mapping[str, str], options: WorkerOptions) -> int:
    """Decide until SIGTERM; return how it ended (see `engine.runtimes.kafka.stopping`).

    Raises:
        SettingsError: the secret cannot be read.
        WrongTopicsError: a topic is missing, or is not what it must be.
        NoAnswerError: Kafka does not answer in time.

    """
    require_topics(settings, environment, within=settings.kafka.reach_within)
    return run_worker(options, MessageWriter(settings, keys_of(settings, environment)))
