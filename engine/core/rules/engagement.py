"""`engagement:` of lifecycle.yaml: what tells a person's click from a program's."""

from __future__ import annotations

from msgspec import Struct

from engine.core.moments import HOUR, MINUTE, SECOND


class EngagementRule(Struct, frozen=True, omit_defaults=True):
    """Lengths in microseconds; seconds count here, which nothing else in the language knows.

    Args:
        settle: a click counts only after so long, when it can be told from a program's.
        too_fast: a click sooner after the mail arrived is a program's.
        burst_within: three links of one mail in so short a time are a program's.
        all_links_within: as are all links of a mail that has three or more.
        hidden_within: whoever followed a link that no reader sees made the other clicks on the mail around it, too.
        vouched_within: an order with our code, a login or a confirmation so soon after a click shows that it was theirs.

    """

    settle: int = MINUTE
    too_fast: int = 10 * SECOND
    burst_within: int = 5 * SECOND
    all_links_within: int = MINUTE
    hidden_within: int = 10 * MINUTE
    vouched_within: int = HOUR
