"""A mailbox on somebody's server: where it is and how one logs in."""

from __future__ import annotations

import ssl

from msgspec import Struct


class AccountError(Exception):
    """The mailbox cannot be used now; the message says why, without the password."""


class Account(Struct, frozen=True, kw_only=True):
    """How a mailbox is reached. `tls` is `tls` (from the first byte), `starttls` (required) or `none`; `timeout` in seconds.

    `port` 0 is the protocol's usual one. A mail is read up to `most_bytes`: the rest of a longer one says nothing new.
    """

    host: str
    username: str
    password: str
    port: int = 0
    tls: str = "tls"
    certificate_file: str = ""
    timeout: float = 30.0
    most_bytes: int = 10_000_000

    def context(self) -> ssl.SSLContext:
        """Return how certificates are checked.

        Raises:
            AccountError: the file of authorities cannot be read.

        """
        try:
            return ssl.create_default_context(cafile=self.certificate_file or None)
        except OSError as error:
            raise AccountError(f"certificate_file {self.certificate_file}: {error}") from error
