"""What conditions are asked about: a customer at an instant."""

from __future__ import annotations

from engine.core.customer import Customer, country_of, home, permission_rule
from engine.core.moments import Instant, Zone
from engine.core.rules import Lifecycle, PermissionRule, Workflow

NEVER: Instant = 1 << 62


class View:
    """A customer at an instant, with their zone at hand: what conditions are asked about.

    `entering` says that the question is about entering a workflow, where a lapse counts only after the lag. `workflow`
    is whose offers `worth:` is about; without one it cannot be told.
    """

    __slots__ = ("customer", "entering", "lifecycle", "now", "workflow", "zone")

    def __init__(
        self,
        customer: Customer,
        now: Instant,
        lifecycle: Lifecycle,
        *,
        entering: bool = False,
        own_zone: Zone | None = None,
        workflow: Workflow | None = None,
    ) -> None:
        self.customer = customer
        self.now = now
        self.lifecycle = lifecycle
        self.entering = entering
        self.zone: Zone = own_zone or home(customer, lifecycle)
        self.workflow = workflow

    @property
    def permission_rule(self) -> PermissionRule:
        """What counts as permission for this customer: their country's rule where there is one, else everybody's."""
        return permission_rule(self.customer, self.lifecycle)

    @property
    def quiet(self) -> tuple[int, int] | None:
        """The quiet hours of this customer, in minutes since midnight."""
        if self.lifecycle.countries and (rule := self.lifecycle.countries.get(country_of(self.customer))) is not None:
            return rule.quiet
        return self.lifecycle.quiet
