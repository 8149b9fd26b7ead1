"""The names of our topics and of our groups, by the prefix of an installation."""

from __future__ import annotations

from typing import Self

from msgspec import Struct


class TopicNames(Struct, frozen=True, kw_only=True):
    """The topics of one installation."""

    events: str
    """CloudEvents of the shop, any key; and words to customers of other partitions."""
    results: str
    """What became of mails: CloudEvents of the shop's mail service, and words of our sender."""
    inbox: str
    """Records of entries, and ticks: what workers decide."""
    effects: str
    """All that was decided, for the shop's tools and for the books."""
    sends: str
    """Mails to hand over, complete."""
    rules: str
    """What a worker needs to decide by, one record an epoch."""
    letters: str
    """What could not be read."""
    changelog: str
    """The customers of each partition, as its worker last wrote them."""

    @classmethod
    def of(cls, prefix: str) -> Self:
        """Return the names that begin with a prefix."""
        return cls(
            events=f"{prefix}.events",
            results=f"{prefix}.results",
            inbox=f"{prefix}.inbox",
            effects=f"{prefix}.effects",
            sends=f"{prefix}.sends",
            rules=f"{prefix}.rules",
            letters=f"{prefix}.dead-letters",
            changelog=f"{prefix}.customers",
        )
