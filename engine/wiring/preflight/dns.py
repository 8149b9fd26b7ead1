"""Asking DNS: what a name's records say, or that nobody answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Protocol, TypeVar

import dns.exception
import dns.resolver
import dns.reversename
from dns.rdatatype import RdataType

LIFETIME = 5.0  # seconds for one question, with all attempts
PORT = 53

T = TypeVar("T")


class NoAnswerError(Exception):
    """Nobody could say what a name's records are; that there are none is an answer."""


class Resolver(Protocol):
    """Answers questions about names. Each raises NoAnswerError; an empty answer says that there is no such record."""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records of a name, the pieces of each put together."""
        ...

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, of both kinds."""
        ...

    def exchanges(self, name: str) -> tuple[str, ...]:
        """Return the mail servers of a name."""
        ...

    def names(self, address: str) -> tuple[str, ...]:
        """Return the names that an address's PTR records give."""
        ...


class DnsResolver:
    """Asks the system's name servers, or those named as `IP` or `IP:PORT`."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        """Take what is configured.

        Raises:
            ValueError: a server is no address.

        """
        try:
            self._resolver = dns.resolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.lifetime = LIFETIME
        if servers:
            places = [_place(each) for each in servers]
            self._resolver.nameservers = [address for address, _ in places]
            self._resolver.nameserver_ports = dict(places)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the TXT records of a name."""
        return self._ask(name, RdataType.TXT, lambda each: b"".join(each.strings).decode("utf-8", "replace"))

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name."""
        return (
            *self._ask(name, RdataType.A, lambda each: str(each.address)),
            *self._ask(name, RdataType.AAAA, lambda each: str(each.address)),
        )

    def exchanges(self, name: str) -> tuple[str, ...]:
        """Return the mail servers of a name."""
        return self._ask(name, RdataType.MX, lambda each: str(each.exchange).rstrip("."))

    def names(self, address: str) -> tuple[str, ...]:
        """Return the names of an address."""
        reverse = dns.reversename.from_address(address).to_text()
        return self._ask(reverse, RdataType.PTR, lambda each: str(each.target).rstrip("."))

    def _ask(self, name: str, kind: RdataType, shown: Callable[..., T]) -> tuple[T, ...]:
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswerError(f"no name server says what {name} is ({type(error).__name__})") from error
        return tuple(shown(each) for each in answer)


def _place(server: str) -> tuple[str, int]:
    address, colon, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
    try:
        return str(ip_address(address)), int(port) if colon else PORT
    except ValueError:
        raise ValueError(f"{server}: name servers are addresses, such as 127.0.0.1 or 127.0.0.1:5353") from None
