"""Where a request comes from: the address of the connection or, behind a proxy that we trust, what that one says."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network


class Callers:
    """Tells the address of whoever asks. X-Forwarded-For is read from trusted proxies alone: anybody can write one."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def address(self, request: web.Request) -> str:
        """Return the address that a request comes from, empty where there is none to be told.

        Of a chain of proxies each adds the one before it at the end, so it is read from there: the first that is no
        trusted proxy is the caller. What stands before that is whatever the caller wrote.
        """
        here = _address(request.remote or "")
        if here is None or not self._is_trusted(here):
            return "" if here is None else str(here)
        said = ",".join(request.headers.getall("X-Forwarded-For", []))
        for each in reversed(said.split(",")):
            told = _address(each.strip())
            if told is None:
                break
            here = told
            if not self._is_trusted(here):
                break
        return str(here)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted if network.version == address.version)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, in brackets and with a port or without; an IPv4 address inside IPv6 is one of IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
