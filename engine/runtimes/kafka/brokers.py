"""How our processes reach Kafka: the brokers' addresses, TLS and the login, for each of the client libraries."""

from __future__ import annotations

import ssl
from typing import Any, Final

from msgspec import Struct

_MECHANISMS: Final = {"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}


class BrokersError(Exception):
    """The brokers cannot be used as the settings say; the message says why."""


class NoAnswerError(BrokersError, ConnectionError):
    """No broker answers, for the time being; the message says what was tried. Who tries for ever may try again."""


class Brokers(Struct, frozen=True, kw_only=True):
    """Where Kafka answers (`host:port`), and as whom we come. Files are paths of PEM; empty is none.

    `mechanism` is that of a login: plain, scram-sha-256 or scram-sha-512; without a `user` nobody logs in.
    """

    addresses: tuple[str, ...]
    tls: bool = False
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    mechanism: str = "scram-sha-512"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Return it without the password."""
        return f"Brokers({', '.join(self.addresses)})"

    @property
    def named(self) -> str:
        """The addresses, as people write them."""
        return ", ".join(self.addresses)

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what TLS needs, None without TLS.

        Raises:
            BrokersError: a file cannot be read, or is no PEM.

        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.certificate_file:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(filter(None, (self.ca_file, self.certificate_file, self.key_file)))
            raise BrokersError(f"kafka: {files}: {error.strerror or error}") from None
        return context

    def client_options(self) -> dict[str, Any]:
        """Return the options that connect a client of aiokafka or of kafka-python: both name them alike.

        Raises:
            BrokersError: see `ssl_context`.

        """
        protocol = ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")
        options: dict[str, Any] = {"bootstrap_servers": [*self.addresses], "security_protocol": protocol}
        if self.tls:
            options["ssl_context"] = self.ssl_context()
        if self.user:
            options |= {
                "sasl_mechanism": _MECHANISMS[self.mechanism],
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options
