"""What the ways in share: whom they give a mail to, and how that one says "not now"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

Take = Callable[[bytes, Sequence[str], str], Awaitable[None]]
"""Takes one mail in: its bytes, the envelope's recipients as far as they are known, and where it came from.

It returns when all that follows from the mail is durable, so the mail may be deleted then. It raises `NotNowError` and
nothing else: what it can make nothing of it sets aside by itself.
"""


class NotNowError(Exception):
    """The mail was not taken in, through no fault of its own: bring it again later."""
