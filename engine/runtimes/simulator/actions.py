"""What a scenario calls an effect: the words of `expect:`, which `simulate --trace` tells a story in, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core import effects as fx
from engine.core.effects import Effect

_CALLED: dict[str, Callable[[dict[str, Any]], str]] = {
    fx.SEND_REQUESTED: lambda data: f"send {data['template']}",
    fx.SUPPRESSED: lambda data: f"suppress {data['scope']}",
    fx.RESUMED: lambda data: f"resume {data['scope']}",
    fx.NEWSLETTER_ADAPTED: lambda data: f"newsletter {data['content'] or ('less' if data['at_most'] else 'as_usual')}",
    fx.HANDED_OFF: lambda data: f"hand_off {data['team']}",
    fx.ACCOUNT_CLOSED: lambda _: "close_account",
    fx.EMITTED: lambda data: f"emit {data['event']}",
    fx.TAGGED: lambda data: f"tag {data['tag']}",
    fx.UNTAGGED: lambda data: f"untag {data['tag']}",
    fx.STANDING_CHANGED: lambda data: f"standing {data['to']}" if "workflow" in data else "",  # else facts changed it
    fx.SEND_DROPPED: lambda data: f"drop {data['template']}",
    fx.SEND_HELD_OUT: lambda data: f"held_out {data['template']}",
    fx.STEP_HELD_OUT: lambda data: f"held_out {data['step'].rpartition(' ')[0]}",  # its key without the ordinal
    fx.RUN_ENDED: lambda data: f"end {data['outcome']}",
}


def action_of(effect: Effect) -> str:
    """What a scenario calls this effect; empty for those it has no word for."""
    called = _CALLED.get(effect.type)
    return "" if called is None else called(effect.data)
