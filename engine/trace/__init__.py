"""Why one customer is where they are, in the words of the YAML: what was decided, and what keeps the rest from happening.

Pure: given the record, the rules and the customer's effects, it tells the story; what was done comes from the effects,
what was not comes from asking the conditions again, one by one.
"""

from engine.trace.decisions import Decision, Ending, told
from engine.trace.obstacles import why_not
from engine.trace.story import Story, run_told, story

__all__ = ["Decision", "Ending", "Story", "run_told", "story", "told", "why_not"]
