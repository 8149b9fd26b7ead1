"""`engagement:` of lifecycle.yaml: what tells a person's click from a program's."""

from __future__ import annotations

import re

from engine.core.moments import HOUR, MINUTE, SECOND
from engine.core.rules import EngagementRule
from engine.language.forms import Form
from engine.language.kinds import Key
from engine.language.problems import shown
from engine.language.scalars import Scalar
from engine.language.values import Wrong

_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR}
_LONGEST = 24 * HOUR


def short_length(text: str) -> int:
    """Read `10s`, `1min` or `1h` as microseconds. Programs are told by seconds; nothing else in these files is."""
    match = re.fullmatch(r"(\d{1,6})(s|min|h)", text)
    if not match:
        raise Wrong(f"a short length is a number and s, min or h, not {shown(text)}", "write 10s, or 1min")
    found = int(match[1]) * _UNITS[match[2]]
    if found > _LONGEST:
        raise Wrong(f"{shown(text)} is longer than 24h", "write 24h or less")
    return found


SHORT = Scalar(
    "a short length (10s)", "bad-length", short_length, lambda: {"type": "string", "pattern": r"^\d+(?:s|min|h)$"}
)

ENGAGEMENT = Form(
    "what tells people from machines",
    "When a click is a person's, and when it is that of a scanner.",
    (
        Key("settle", SHORT, "A click counts after so long, when it can be told from a scanner's; 1min when left out."),
        Key("too_fast", SHORT, "Sooner after the mail arrived it is a scanner's; 10s when left out."),
        Key("burst_within", SHORT, "So are three links of one mail within this length; 5s when left out."),
        Key("all_links_within", SHORT, "And all links of a mail with three or more within this; 1min when left out."),
        Key(
            "hidden_within", SHORT, "And what was clicked this long before or after a hidden link; 10min when left out."
        ),
        Key(
            "vouched_within",
            SHORT,
            "An order with our code, a login or a confirmation this soon after shows that it was theirs; 1h when left out.",
        ),
    ),
    example="{settle: 1min, too_fast: 10s}",
    build=lambda fields, _: EngagementRule(**fields.values),
)
