"""`ramp:` of lifecycle.yaml as frozen values: how the daily volume of mail grows, by family of providers."""

from __future__ import annotations

from msgspec import Struct

from engine.core.rules.terms import Share


class RampSteps(Struct, frozen=True, kw_only=True):
    """The ramp of one family: sends a shop day at first and at most, growth, and what share of failures is too much."""

    start: int
    until: int
    grow: Share = 5_000
    bounces: Share = 300
    complaints: Share = 30
    policy: Share = 500


class RampRule(Struct, frozen=True, omit_defaults=True):
    """The steps of all families, and of those that have their own."""

    steps: RampSteps
    by: dict[str, RampSteps] = {}

    def of(self, family: str) -> RampSteps:
        """Return the steps of a family."""
        return self.by.get(family, self.steps)
