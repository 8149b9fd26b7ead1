"""What the console's pages show, from the engine's data: read in a thread of its own, and never written."""

from engine.wiring.console.sights import EngineSights

__all__ = ["EngineSights"]
