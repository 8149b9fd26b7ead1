"""`[incoming]`: what is refused, in words, before the engine starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.wiring.settings import SettingsError, load

FILES = 'files = "mail"\n'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (FILES, "replies_to is not set"),
        (FILES + 'replies_to = "b@x.de"\naddress = "b@x.de"', "is read by winback itself"),
        (FILES + 'replies_to = "a@x.de"\nalso_for = ["A@x.de"]', "is read by winback itself"),
        ('address = "bounces+x@x.de"', "without a plus"),
        ('address = "an-address-that-is-too-long@x.de"', "at most 20 characters"),
        ('[incoming.imap]\nhost = "imap.x.de"\ntls = "none"', "a password goes over TLS"),
        ('[incoming.pop3]\npassword = "x"', "password_file, or WINBACK_INCOMING_POP3_PASSWORD"),
        ('[incoming.listen]\nat = "here"', "a host and a port"),
        ("look_evry = 5", "did you mean incoming.look_every?"),
    ],
)
def test_what_cannot_be_followed_is_refused(said: str, why: str, tmp_path: Path) -> None:
    """A password in the open, mail that nobody would read, a loop, an address without room for a token."""
    (tmp_path / "winback.toml").write_text(f"[incoming]\n{said}\n")
    with pytest.raises(SettingsError) as raised:
        load(tmp_path / "winback.toml", {})
    assert why in str(raised.value)


def test_without_any_of_it_nothing_is_taken_in(tmp_path: Path) -> None:
    """And mails leave with the sender's own address."""
    said = load(None, {}, data=tmp_path).incoming
    assert (said.takes_mail, said.address) == (False, "")
