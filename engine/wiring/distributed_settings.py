"""Settings of the distributed engine: Kafka, PostgreSQL, and a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from engine.wiring.setting_kinds import HostAndPort, Part, PostgresUrl


class KafkaSettings(Part):
    """[kafka]: the brokers; with them the engine is the distributed one."""

    brokers: tuple[HostAndPort, ...] = Field(
        default=(), description="where Kafka answers; naming them makes this the distributed engine"
    )
    prefix: str = Field(
        default="winback",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="what names of our topics begin with",
    )
    partitions: int = Field(
        default=32, ge=1, le=1_000, description="of the inbox; never changed again, and as many workers at most"
    )
    replication: int = Field(
        default=1, ge=1, le=9, description="copies of each partition; 3 where machines may be lost"
    )
    protocol: Literal["plaintext", "tls"] = Field(default="plaintext", description="plaintext or tls")
    ca_file: Path | None = Field(default=None, description="authorities to trust instead of the system's, as PEM")
    certificate_file: Path | None = Field(
        default=None, description="our certificate, where brokers ask for one, as PEM"
    )
    key_file: Path | None = Field(default=None, description="its key, as PEM")
    mechanism: Literal["plain", "scram-sha-256", "scram-sha-512"] = Field(
        default="scram-sha-512", description="how we log in: plain, scram-sha-256 or scram-sha-512"
    )
    user: str = Field(default="", description="for the login; nobody logs in when left out")
    password_file: Path | None = Field(default=None, description="holds its password; or WINBACK_KAFKA_PASSWORD")
    reach_within: float = Field(
        default=60.0, gt=0, le=3_600, description="seconds that a part waits for the brokers when it starts"
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.protocol != "tls" and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError('ca_file, certificate_file and key_file are for protocol = "tls"')
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("certificate_file and key_file go together")
        if self.user and self.mechanism == "plain" and self.protocol != "tls":
            raise ValueError('mechanism = "plain" sends the password as it is: take protocol = "tls", or scram-sha-512')
        return self


class WorkerSettings(Part):
    """[worker]: one of the processes that decide."""

    slot: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="the worker's lasting name, another for each of them; this machine's name when left out",
    )
    store: Literal["memory", "rocksdb"] = Field(
        default="memory", description="where it keeps its customers: memory, or rocksdb (a folder; less memory)"
    )
    folder: Path | None = Field(
        default=None, description="of rocksdb; may be lost at any time. `worker-SLOT` in the data folder when left out"
    )
    metrics: HostAndPort | None = Field(default=None, description="where Prometheus asks it; nowhere when left out")
    session_timeout: float = Field(
        default=10.0, ge=6, le=300, description="seconds of silence after which others take over its partitions"
    )
    commit_interval: float = Field(
        default=2.0, ge=0.2, le=60, description="seconds between two commits of where it has come to"
    )


class PostgresSettings(Part):
    """[postgres]: the distributed engine's ledger, identities, shop's state and read side."""

    url: PostgresUrl | None = Field(
        default=None,
        repr=False,
        description="such as postgresql://winback@db/winback; with a password only as the variable",
    )
    url_file: Path | None = Field(default=None, description="holds the url with its password")


def has_password(url: object) -> bool:
    """Say whether a PostgreSQL URL holds a password, which belongs into a file or the environment."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.password) or "password=" in parts.query
