"""What all commands share."""

import getpass

import pytest

from engine.cli.calling import who


def test_who_calls_is_what_is_said_else_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """WINBACK_WHO comes before the user's name; a user without a name is `?`, and nothing fails of it."""
    monkeypatch.setenv("WINBACK_WHO", " Ada ")
    assert who() == "Ada"
    monkeypatch.setenv("WINBACK_WHO", "")
    assert who() == getpass.getuser()

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who() == "?"
