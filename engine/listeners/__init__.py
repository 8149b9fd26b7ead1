"""The two HTTP listeners: public, for customers, and ops, for the shop's own systems and people."""

from engine.listeners.answering import Answers
from engine.listeners.callers import Callers
from engine.listeners.console import Letters, Sights, Site
from engine.listeners.control import Control, ControlRefusedError
from engine.listeners.hooks import Hooks
from engine.listeners.intake import Intake
from engine.listeners.noting import Notes
from engine.listeners.objections import Objections
from engine.listeners.ops import OpsSettings, ops_app
from engine.listeners.public import Shopfront, public_app
from engine.listeners.serving import Running, serve
from engine.listeners.tracking import READ

__all__ = [
    "READ",
    "Answers",
    "Callers",
    "Control",
    "ControlRefusedError",
    "Hooks",
    "Intake",
    "Letters",
    "Notes",
    "Objections",
    "OpsSettings",
    "Running",
    "Shopfront",
    "Sights",
    "Site",
    "ops_app",
    "public_app",
    "serve",
]
