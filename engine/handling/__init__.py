"""One signal from load to save, over ports; shared by all runtimes."""

from engine.handling.handler import HISTORY_AFTER, Handling, Taken

__all__ = ["HISTORY_AFTER", "Handling", "Taken"]
