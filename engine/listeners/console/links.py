"""The addresses of pages about something. An id of a customer may hold anything, so it stands in the query."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def story_at(customer: str) -> str:
    """Return the page of a customer's story."""
    return "/customer?" + urlencode({"id": customer})


def workflow_at(name: str) -> str:
    """Return the page of a workflow."""
    return f"/workflows/{quote(name, safe='')}"


def letter_at(letter: str) -> str:
    """Return the page of a message of the local mailbox."""
    return f"/mailbox/{quote(letter, safe='')}"


def listed_at(**asked: str) -> str:
    """Return the list of customers that are asked for, by the fields of a `Search`."""
    return "/customers?" + urlencode({name: value for name, value in asked.items() if value})
