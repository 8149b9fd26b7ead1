"""Evaluating an SPF record for an address, as a receiving server does (RFC 7208, without macros)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from engine.wiring.preflight.dns import Resolver

LOOKUPS = 10
"""More questions than these, and the record counts as broken (RFC 7208, 4.6.4)."""

PASS, FAIL, SOFTFAIL, NEUTRAL, NONE = "pass", "fail", "softfail", "neutral", "none"
_RESULTS = {"+": PASS, "-": FAIL, "~": SOFTFAIL, "?": NEUTRAL}

NOBODY = "192.0.2.1"
"""An address that nobody has (TEST-NET-1): a record that lets it pass lets everybody pass."""


class BrokenSpfError(Exception):
    """The record cannot be evaluated; receivers take that as if it were not there, or as a no."""


class TooHardError(Exception):
    """The record uses macros, which are not evaluated here."""


def records(domain: str, resolver: Resolver) -> tuple[str, ...]:
    """Return the SPF records of a domain; there should be one."""
    return tuple(text for text in resolver.texts(domain) if text.casefold().split(" ")[0] == "v=spf1")


def evaluated(address: str, domain: str, resolver: Resolver) -> str:
    """Return what the domain's record says of mail from an address: pass, fail, softfail, neutral or none.

    Raises:
        BrokenSpfError: the record is broken, or asks for too much.
        TooHardError: it uses macros.
        NoAnswerError: no name server answers.

    """
    return _Evaluation(ip_address(address), resolver).of(domain)


class _Evaluation:
    def __init__(self, address: IPv4Address | IPv6Address, resolver: Resolver) -> None:
        self._address, self._resolver = address, resolver
        self._lookups = 0

    def of(self, domain: str) -> str:
        found = records(domain, self._resolver)
        if not found:
            return NONE
        if len(found) > 1:
            raise BrokenSpfError(f"{domain} has {len(found)} SPF records; there may be one")
        redirect = ""
        for term in found[0].split()[1:]:
            if term.casefold().startswith("redirect="):
                redirect = term.partition("=")[2]
            elif "=" not in term.partition(":")[0].partition("/")[0]:  # other modifiers say nothing of the address
                result, mechanism = _RESULTS.get(term[0], PASS), term.lstrip("+-~?")
                if self._matches(mechanism, domain):
                    return result
        if not redirect:
            return NEUTRAL
        self._count(redirect)
        said = self.of(redirect)
        if said == NONE:
            raise BrokenSpfError(f"{domain} redirects to {redirect}, which has no SPF record")
        return said

    def _matches(self, mechanism: str, domain: str) -> bool:
        head, _, rest = mechanism.partition(":")
        name, _, length = head.partition("/")
        kind = name.casefold()
        if kind == "all":
            return True
        if kind in ("ip4", "ip6"):
            return self._within(rest, mechanism)
        self._count(mechanism)
        target, _, own_length = rest.partition("/")
        target, length = target or domain, own_length or length
        match kind:
            case "include":
                return self._included(target)
            case "a":
                return self._is_among(self._resolver.addresses(target), length)
            case "mx":
                servers = self._resolver.exchanges(target)[:LOOKUPS]
                return any(self._is_among(self._resolver.addresses(server), length) for server in servers)
            case "exists":
                return bool(self._resolver.addresses(target))
            case "ptr":
                names = self._resolver.names(str(self._address))
                return any(each == target or each.endswith(f".{target}") for each in names)
        raise BrokenSpfError(f"{domain}'s SPF record holds {mechanism}, which is no mechanism")

    def _included(self, target: str) -> bool:
        said = self.of(target)
        if said == NONE:
            raise BrokenSpfError(f"include:{target} leads to a name without an SPF record")
        return said == PASS

    def _within(self, network: str, mechanism: str) -> bool:
        try:
            there = ip_network(network, strict=False)
        except ValueError:
            raise BrokenSpfError(f"{mechanism} holds no address") from None
        return self._address in there

    def _is_among(self, addresses: tuple[str, ...], length: str) -> bool:
        first, _, second = ("", "", length[1:]) if length.startswith("/") else length.partition("//")
        for each in addresses:
            address = ip_address(each)
            wanted = (first if address.version == 4 else second) or str(address.max_prefixlen)
            if address.version == self._address.version and self._within(f"{each}/{wanted}", f"/{length}"):
                return True
        return False

    def _count(self, term: str) -> None:
        if "%" in term:
            raise TooHardError(f"{term} uses macros")
        self._lookups += 1
        if self._lookups > LOOKUPS:
            raise BrokenSpfError(f"it takes more than {LOOKUPS} questions to read, so receivers give up")
