"""The lines in which customers stand for their sends under way: held by a pause, or waiting for the ramp."""

from __future__ import annotations

from engine.core.customer import Customer
from engine.core.ramping import is_line_of_ramp, line_up, line_up_for_ramp, waits_for_ramp
from engine.core.sending import PAUSED_LINE


def is_of_sends(line: str) -> bool:
    """Say whether a line is one of sends under way: held by a pause, or waiting for the ramp."""
    return line == PAUSED_LINE or is_line_of_ramp(line)


def stand_in_line_again(customer: Customer) -> None:
    """Let the customer, on the caller's own copy, stand in the lines that their sends wait in."""
    if any(run.doing == "paused" for run in customer.runs):
        line_up(customer, PAUSED_LINE)
    if any(waits_for_ramp(run) for run in customer.runs):
        line_up_for_ramp(customer, gathered=True)


def leave_lines(customer: Customer) -> None:
    """Let the customer leave, on the caller's own copy, the lines in which none of their sends waits any more."""
    held = any(run.doing == "paused" for run in customer.runs)
    ramped = any(waits_for_ramp(run) for run in customer.runs)
    stays = {PAUSED_LINE: held}
    kept = tuple(name for name in customer.waiting if not is_of_sends(name) or stays.get(name, ramped))
    if len(kept) < len(customer.waiting):
        customer.waiting = kept
