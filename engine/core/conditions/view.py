"""What conditions are asked about: a customer at an instant."""

from __future__ import annotations

from engine.core.customer import Customer, home
from engine.core.moments import Instant, Zone
from engine.core.rules import Lifecycle, Workflow

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
