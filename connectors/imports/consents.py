"""Consents: one without a date or a basis is none, since nobody could prove it; a "no" counts without either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from connectors.imports.suppressions import flag
from connectors.imports.telling import Options, Refused, Statement, instant_of, value, who
from connectors.imports.values import NO, YES
from engine.core.moments import Instant

PURPOSES: Final = ("newsletter", "marketing", "tracking")
_GIVEN: Final = YES | {
    "given",
    "granted",
    "subscribed",
    "confirmed",
    "active",
    "opt-in",
    "opted in",
    "opt in",
    "double opt-in",
}
_WITHDRAWN: Final = {
    "withdrawn",
    "revoked",
    "unsubscribed",
    "opt-out",
    "opted out",
    "opt out",
    "abgemeldet",
    "widerrufen",
}
_NONE: Final = NO | {"pending", "unconfirmed", "not confirmed", "not subscribed", "inactive", "transactional"}
BASES: Final = {
    "express": "express",
    "explicit": "express",
    "consent": "express",
    "opt-in": "express",
    "double opt-in": "express",
    "doi": "express",
    "existing_customer": "existing_customer",
    "existing customer": "existing_customer",
    "bestandskunde": "existing_customer",
    "presumed_b2b": "presumed_b2b",
    "presumed b2b": "presumed_b2b",
}


def consents(cells: Mapping[str, str], options: Options) -> Iterator[Statement]:
    """Yield a consent, or its withdrawal, for each purpose of a row.

    Raises:
        Refused: there is no consent, or none that could be proven.

    """
    customer, email = who(cells)
    given_at = instant_of(cells, "given_at", options)
    withdrawn, withdrawn_at = flag(cells.get("withdrawn", ""), options)
    status = options.word("status", cells.get("status", "given")).casefold()
    if status in _WITHDRAWN:
        withdrawn, withdrawn_at = True, withdrawn_at or given_at
    data = email | {"channel": cells.get("channel", "email").casefold()}
    if withdrawn and (withdrawn_at is None or given_at is None or withdrawn_at >= given_at):
        for purpose in _purposes(cells, options):
            yield Statement("consent.withdrawn", customer, withdrawn_at, {**data, "purpose": purpose})
        return
    at, basis = _proven(status, given_at, cells, options)
    expires = value("consents", "expires", cells.get("expires", ""), options)
    told = {**data, "basis": basis, "expires": expires, "proof": _proof(cells)}
    for purpose in _purposes(cells, options):
        yield Statement(
            "consent.given", customer, at, {name: each for name, each in {**told, "purpose": purpose}.items() if each}
        )


def _proven(status: str, at: Instant | None, cells: Mapping[str, str], options: Options) -> tuple[Instant, str]:
    """Return since when and on which basis; what lacks either counts as no consent."""
    if status in _NONE:
        raise Refused("no consent: they are not subscribed, or never confirmed it")
    if status not in _GIVEN:
        raise Refused("status is none we know (given, withdrawn): counts as no consent")
    if at is None:
        raise Refused("no date: counts as no consent")
    said = options.word("basis", cells.get("basis", "")).casefold()
    if not said and not options.basis:
        raise Refused("no basis: counts as no consent (a column, or --basis for the whole file)")
    basis = BASES.get(said) if said else options.basis
    if basis is None:
        raise Refused("basis is none we know (express, existing_customer, presumed_b2b): counts as no consent")
    return at, basis


def _proof(cells: Mapping[str, str]) -> dict[str, str] | str:
    """Return what proves a consent: by name where the export has more than one column of it."""
    named = {name: cells[name] for name in ("wording", "page", "ip") if cells.get(name)}
    said = cells.get("proof", "")
    return {**named, "text": said} if named and said else named or said


def _purposes(cells: Mapping[str, str], options: Options) -> Iterator[str]:
    said = cells.get("purpose", "")
    purposes = (
        [each.strip().casefold() for each in said.replace(";", ",").replace("|", ",").split(",")]
        if said
        else options.purposes
    )
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise Refused(f"purpose is none of {', '.join(PURPOSES)}")
        yield purpose
