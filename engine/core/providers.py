"""Whose mailbox an address is: the families of providers that judge a sender by what their own users say of it.

Told by the domain alone, so that the same address is of the same family anywhere and at any time. Who runs the mail of a
company's own domain only DNS knows: those are `others`, also where Google or Microsoft stands behind them.
"""

from __future__ import annotations

import re
from functools import lru_cache

OTHERS = "others"
FAMILIES = ("gmail", "microsoft", "yahoo", "gmx", "telekom", "apple", OTHERS)
"""In the order in which people are shown them."""

_DOMAINS = {
    "gmail.com": "gmail",
    "googlemail.com": "gmail",
    "msn.com": "microsoft",
    "passport.com": "microsoft",
    "windowslive.com": "microsoft",
    "ymail.com": "yahoo",
    "rocketmail.com": "yahoo",
    "myyahoo.com": "yahoo",
    "aim.com": "yahoo",
    "netscape.net": "yahoo",
    "verizon.net": "yahoo",
    "web.de": "gmx",
    "mail.com": "gmx",
    "t-online.de": "telekom",
    "magenta.de": "telekom",
    "icloud.com": "apple",
    "me.com": "apple",
    "mac.com": "apple",
    "privaterelay.appleid.com": "apple",
}
_IN_EVERY_COUNTRY = {
    "hotmail": "microsoft",
    "live": "microsoft",
    "outlook": "microsoft",
    "yahoo": "yahoo",
    "aol": "yahoo",
    "gmx": "gmx",
}
"""Names that are followed by a country: outlook.de, yahoo.co.uk, hotmail.com.br."""
_COUNTRY = re.compile(r"(?:co|com)\.[a-z]{2}|[a-z]{2,4}")


def family(address: str) -> str:
    """Return the family of an address's provider, one of `FAMILIES`."""
    return _of_domain(address.rpartition("@")[2].strip().casefold().rstrip("."))


@lru_cache(maxsize=4096)
def _of_domain(domain: str) -> str:
    known = _DOMAINS.get(domain)
    if known is not None:
        return known
    name, _, rest = domain.partition(".")
    return _IN_EVERY_COUNTRY.get(name, OTHERS) if _COUNTRY.fullmatch(rest) else OTHERS
