"""The brokers that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.runtimes.kafka.brokers import Brokers
from engine.wiring.secret import from_file
from engine.wiring.settings import Settings, SettingsError


def brokers_of(settings: Settings, environment: Mapping[str, str]) -> Brokers:
    """Return where Kafka answers, and as whom we come.

    Raises:
        SettingsError: no brokers are named, or the password's file cannot be read.

    """
    said = settings.kafka
    if not said.brokers:
        raise SettingsError("kafka.brokers is not set: name the brokers, such as WINBACK_KAFKA_BROKERS=127.0.0.1:9092")
    return Brokers(
        addresses=said.brokers,
        tls=said.protocol == "tls",
        ca_file=_path(said.ca_file),
        certificate_file=_path(said.certificate_file),
        key_file=_path(said.key_file),
        mechanism=said.mechanism,
        user=said.user,
        password=from_file(said.password_file, "WINBACK_KAFKA_PASSWORD", environment) if said.user else "",
    )


def _path(path: Path | None) -> str:
    return "" if path is None else str(path)
