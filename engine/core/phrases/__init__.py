"""What servers say, in families of phrases by meaning, in the order in which they are asked.

The phrases are matched against words made alike by `wording`: lower case, `n't` as ` not`, every address as `@`, every host
as `~`. They are put together from nouns and what is said of them rather than listed sentence by sentence, because servers
vary the words more than the meaning. A gap between two parts is bounded, so that each search takes linear time.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from engine.core.phrases.content import CONTENT, TOO_BIG
from engine.core.phrases.mailbox import FULL_BOX, SWITCHED_OFF
from engine.core.phrases.nobody import NOBODY, NOWHERE, TURNED_AWAY
from engine.core.phrases.ours import LISTED, OUR_ADDRESS, PROHIBITED, RELAY, STANDING
from engine.core.phrases.way import PASSING, THE_WAY

DEAD: Final = "dead"
DOUBTFUL: Final = "doubtful"
FULL: Final = "full"
POLICY: Final = "policy"
SPAM: Final = "spam"
SOFT: Final = "soft"


class Family(Struct, frozen=True):
    """Phrases of one meaning: the verdict's kind, a sentence for people, and the pattern.

    A family that is `permanent` speaks only where the answer was one for good. `beside` are the statuses beside which its
    words are believed; where there is no status they always are.
    """

    kind: str
    reason: str
    pattern: re.Pattern[str]
    permanent: bool = False
    beside: re.Pattern[str] | None = None


class Custom(Struct, frozen=True):
    """What one provider means by an answer of its own: which provider (a pattern over its name and its words), and how it is meant."""

    provider: re.Pattern[str]
    status: re.Pattern[str]
    family: Family


_SAYS_LITTLE = re.compile(r"5\.(?:0\.0|1\.(?:0|1|2|3|6|10)|2\.0|3\.0|5\.0)")
_NOT_OURS = re.compile(r"(?!5\.1\.[789]$)[\d.]+")
_NO_POLICY = re.compile(r"[245]\.[0-6]\.\d+")

FAMILIES: Final = (
    Family(POLICY, "our own address or server was not accepted as a sender", OUR_ADDRESS),
    Family(FULL, "the mailbox or the system behind it is full", FULL_BOX),
    Family(POLICY, "our server stands on a block list", LISTED),
    Family(SPAM, "the mail was taken for spam, or its content was not accepted", CONTENT),
    Family(POLICY, "a server would not pass the mail on for us, or asked us to log in", RELAY),
    Family(POLICY, "a rule, a limit or our standing as a sender was against it", STANDING),
    Family(SOFT, "the mail was too big", TOO_BIG),
    Family(SOFT, "the server said that it was for the time being", PASSING, beside=_NO_POLICY),
    Family(DOUBTFUL, "the mailbox is there and is switched off", SWITCHED_OFF, permanent=True),
    Family(DEAD, "nobody has this address", NOBODY, permanent=True, beside=_NOT_OURS),
    Family(DEAD, "the address's domain takes no mail or does not exist", NOWHERE, permanent=True, beside=_NOT_OURS),
    Family(POLICY, "a rule was against it", PROHIBITED),
    Family(DEAD, "the address was turned away", TURNED_AWAY, permanent=True, beside=_SAYS_LITTLE),
    Family(SOFT, "the mail did not get through on its way", THE_WAY, beside=_NO_POLICY),
)

CUSTOMS: Final = (
    Custom(
        re.compile(""),
        re.compile(""),
        Family(
            DEAD,
            "Google knows no such address",
            re.compile(r"address could not be found,? or is unable to receive mail"),
            permanent=True,
        ),
    ),
    Custom(
        re.compile(""),
        re.compile(r"5\.4\.1$"),
        Family(
            DEAD,
            "Microsoft's edge knows no such address",
            re.compile(r"recipient address rejected: access denied"),
            permanent=True,
        ),
    ),
)
