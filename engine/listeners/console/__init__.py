"""The console: pages on the ops listener for the people who run the shop. They read; three forms change something."""

from engine.listeners.console.letters import Letters
from engine.listeners.console.sights import (
    Changes,
    Counted,
    Found,
    Held,
    Here,
    Place,
    Proposed,
    Reckoned,
    Search,
    Sights,
    Somebody,
    Today,
    Told,
    WorkflowSight,
)
from engine.listeners.console.site import Site

__all__ = [
    "Changes",
    "Counted",
    "Found",
    "Held",
    "Here",
    "Letters",
    "Place",
    "Proposed",
    "Reckoned",
    "Search",
    "Sights",
    "Site",
    "Somebody",
    "Today",
    "Told",
    "WorkflowSight",
]
