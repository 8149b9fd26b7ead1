"""How fast mail may leave: a rate and a number at a time for each domain, and pauses where a server asks for one."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from engine.core.moments import HOUR, MINUTE, SECOND, Instant


class Limit(Struct, frozen=True):
    """For one domain: messages a second (0: no limit), of which `burst` at once, and messages at a time (0: no limit)."""

    rate: float = 0.0
    burst: int = 10
    at_once: int = 0


class Circuit:
    """Open while all is well. A trouble closes it for a time that doubles with each one in a row."""

    def __init__(self, first: int, most: int) -> None:
        self._first, self._most = first, most
        self._troubles = 0
        self.closed_until: Instant = 0
        self.why = ""

    def trouble(self, now: Instant, why: str, at_least: int = 0) -> None:
        """Close it, for longer each time. Troubles of calls that were already under way count once.

        `at_least` is how long the other side asked for, in microseconds; it is followed as far as an hour.
        """
        if now < self.closed_until:
            return
        wait = min(self._first << min(self._troubles, 30), self._most)
        self.closed_until = now + max(wait, min(at_least, HOUR))
        self._troubles += 1
        self.why = why

    def well(self) -> None:
        """Forget the troubles."""
        self._troubles, self.closed_until, self.why = 0, 0, ""


class Domain:
    """What is known of one domain: its bucket of tokens, its calls under way, its circuit."""

    def __init__(self, limit: Limit, now: Instant) -> None:
        self.limit = limit
        self.under_way = 0
        self.circuit = Circuit(MINUTE, 15 * MINUTE)
        self._tokens = float(limit.burst)
        self._counted_at = now

    def open(self, now: Instant) -> bool:
        """Say whether a call may be made now."""
        limit = self.limit
        if now < self.circuit.closed_until or (limit.at_once and self.under_way >= limit.at_once):
            return False
        if limit.rate:
            grown = (now - self._counted_at) / SECOND * limit.rate
            self._tokens = min(float(limit.burst), self._tokens + grown)
            self._counted_at = now
        return not limit.rate or self._tokens >= 1.0

    def begin(self) -> None:
        """Count a call."""
        self.under_way += 1
        if self.limit.rate:
            self._tokens -= 1.0


class Limits:
    """All domains. `everywhere` is the circuit of the mail server itself."""

    def __init__(self, default: Limit | None = None, by_domain: dict[str, Limit] | None = None) -> None:
        self._default = default or Limit()
        self._by_domain = by_domain or {}
        self._domains: dict[str, Domain] = {}
        self.everywhere = Circuit(SECOND, MINUTE)

    def domain(self, name: str, now: Instant) -> Domain:
        """Return a domain, known from now on."""
        found = self._domains.get(name)
        if found is None:
            found = self._domains[name] = Domain(self._by_domain.get(name, self._default), now)
        return found

    def closed(self, now: Instant) -> list[str]:
        """Return the domains that may not be called now; those that nothing is to be remembered of are forgotten."""
        closed = [name for name, domain in self._domains.items() if not domain.open(now)]
        if len(self._domains) > 10_000:
            keep = set(closed)
            self._domains = {
                name: domain
                for name, domain in self._domains.items()
                if name in keep or domain.under_way or domain.limit.rate
            }
        return closed


def backoff(effect_id: str, attempts: int, first: int = 5 * SECOND, most: int = 5 * MINUTE) -> int:
    """Return how long to wait after so many attempts, in microseconds: doubling, with a spread of half of it.

    The spread comes from the effect id: retries of many sends do not fall on one moment, and repeat in a replay.
    """
    whole = min(first << min(attempts, 30), most)
    drawn = hashlib.blake2b(f"{effect_id}\x1f{attempts}".encode(), digest_size=8).digest()
    return whole // 2 + int.from_bytes(drawn, "big") % (whole // 2 + 1)
