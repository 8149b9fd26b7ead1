"""Plans: what an edit would do before it is applied, and whether it may be. Reads only."""

from engine.wiring.planning.agreeing import by_plan, plan_from, raw_of, without_plan
from engine.wiring.planning.making import plan_of

__all__ = ["by_plan", "plan_from", "plan_of", "raw_of", "without_plan"]
