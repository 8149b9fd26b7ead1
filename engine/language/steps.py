"""Steps: what a stage does, one after the other. A step is a mapping whose leading key says which it is."""

from __future__ import annotations

from engine.core.rules import (
    AnyStep,
    CloseAccount,
    HandOff,
    Wait,
    WaitUntil,
)
from engine.language.act_steps import ACT_FORMS
from engine.language.forms import Form, Variants
from engine.language.send_steps import SEND_FORMS
from engine.language.way_steps import WAY_FORMS

STEP_FORMS: dict[str, Form] = {**SEND_FORMS, **WAY_FORMS, **ACT_FORMS}


def takes_time(step: AnyStep) -> bool:
    """Say whether a step may wait for something, so that events can come meanwhile; a send that must wait is none."""
    return isinstance(step, Wait | WaitUntil | CloseAccount) or (
        isinstance(step, HandOff) and step.answer_within is not None
    )


STEP = Variants("a step", "What a stage does next.", "step", lambda: STEP_FORMS)
