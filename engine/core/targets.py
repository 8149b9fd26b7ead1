"""Where a link in a mail may lead: whole http(s) addresses, written so that every program reads the same host in them.

A redirect to anything else is how a trusted name is lent to a forger. So what could be read in two ways is not sealed at
all, rather than repaired: the mail keeps the address that its author wrote, and nobody is led through us.
"""

from __future__ import annotations

import re

_CHARS = r"[!#-;=?-\[\]_a-z~]*+"  # ASCII that may stand in an address: no blanks, controls, quotes, backslash, <>^`{|}
_TARGET = re.compile(
    r"https?://"
    r"(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"  # no name before it: no @
    r"(?::(?P<port>[0-9]{1,5}))?"
    rf"(?:[/?#]{_CHARS})?",
    re.IGNORECASE,
)
_HOST_AT_MOST, _PORT_AT_MOST = 253, 65_535


class BadTargetError(ValueError):
    """No link may lead there."""


def why_not_a_target(target: str) -> str:
    """Say why a link may not lead to an address, empty where it may."""
    found = _TARGET.fullmatch(target)
    if found is None:
        return "the address is no whole http or https one, plainly written: host, port, path, query, all of them ASCII"
    if len(found["host"]) > _HOST_AT_MOST or not 0 < int(found["port"] or 1) <= _PORT_AT_MOST:
        return "the address has a host or port that there cannot be"
    return ""
