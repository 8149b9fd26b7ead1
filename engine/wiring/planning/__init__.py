"""Plans: what an edit would do, before it is applied. Reads only."""

from engine.wiring.planning.approving import differs
from engine.wiring.planning.making import plan_of
from engine.wiring.planning.sides import digest_of

__all__ = ["differs", "digest_of", "plan_of"]
