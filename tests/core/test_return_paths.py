"""Envelope senders that say which mail a report is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.return_paths import LONGEST_LOCAL_PART, ReturnPaths, SentMail

OLD, NEW = b"the old secret of the shop", b"the new secret of the shop"
PATHS = ReturnPaths({1: OLD, 2: NEW})
EFFECT = "0123456789abcdef" * 2


def path(customer: str = "c-1042", to: str = "ada@example.org", paths: ReturnPaths = PATHS) -> str:
    """Return the envelope sender of one mail."""
    return paths.address("b@bounces.shop.example", EFFECT, customer, to)


@given(
    customer=st.text(max_size=40), effect=st.binary(min_size=16, max_size=16), local=st.sampled_from(["b", "bounces"])
)
def test_what_was_made_is_opened_again_and_fits(customer: str, effect: bytes, local: str) -> None:
    """At most 64 octets before the @; the customer is in it where there is room for the id."""
    made = PATHS.address(f"{local}@bounces.shop.example", effect.hex(), customer, "ada@example.org")
    assert len(made.rpartition("@")[0]) <= LONGEST_LOCAL_PART
    (found,) = PATHS.found_in(made)
    assert found.effect_id == effect.hex()
    assert found.customer == (customer if len(customer.encode()) <= (14 if local == "b" else 11) else "")


@pytest.mark.parametrize(
    "as_it_came",
    [
        "{}",
        "<{}>",
        "prvs=4123abcdef={}",
        "SRS0=HHHH=TT=bounces.shop.example={}",
        "=?us-ascii?Q?{}?=",
        "To: undisclosed, <{}>, other@example.org",
        "SRS0=3DHHHH=3DTT=3Dbounces.shop.example=3D{}",
    ],
)
def test_it_is_found_however_it_was_wrapped(as_it_came: str) -> None:
    """Upper case, BATV and the rewriting of forwarders do not hide it."""
    for said in (path(), path().upper()):
        (found,) = PATHS.found_in(as_it_came.format(said))
        assert (found.effect_id, found.customer) == (EFFECT, "c-1042")


def test_a_token_of_an_older_key_still_opens_and_new_ones_have_the_newest() -> None:
    """The secret can be changed while reports are on their way."""
    old = path(paths=ReturnPaths({1: OLD}))
    assert [each.customer for each in PATHS.found_in(old)] == ["c-1042"]
    assert not list(ReturnPaths({1: OLD}).found_in(path()))


@given(place=st.integers(0, 61), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_token_is_nobodys(place: int, letter: str) -> None:
    """Whatever letter is changed: no other mail, customer or address comes out."""
    local, _, domain = path().partition("@")
    head, token = local.split("+")
    place %= len(token)
    changed = f"{head}+{token[:place]}{letter}{token[place + 1 :]}@{domain}"
    if letter == token[place]:
        return
    assert all(each == next(iter(PATHS.found_in(path()))) for each in PATHS.found_in(changed))


def test_a_forged_one_is_nobodys() -> None:
    """Who does not have the key cannot make one, whatever they know of the mail."""
    forged = path(paths=ReturnPaths({2: b"a guess"}))
    assert not list(PATHS.found_in(forged))
    assert PATHS.open("") is PATHS.open("a" * 39) is PATHS.open("ä" * 39) is PATHS.open("1" * 50) is None


def test_it_knows_the_address_it_went_to() -> None:
    """So a report about the address it was forwarded to is told from one about the customer's."""
    (found,) = PATHS.found_in(path(to="Ada@example.org"))
    assert found.went_to("ada@EXAMPLE.org ")
    assert not found.went_to("ada@elsewhere.example")
    assert not SentMail(EFFECT).went_to("ada@example.org")


def test_what_is_no_effect_has_the_plain_address() -> None:
    """Test mails, seeds and mails to teams come back unsigned."""
    assert PATHS.address("b@bounces.shop.example", "seed-1", "c1", "a@example.org") == "b@bounces.shop.example"
    assert "+" not in PATHS.address(f"{'b' * 40}@shop.example", EFFECT, "c1", "a@example.org")


def test_many_candidates_take_no_long_time() -> None:
    """Of a mail full of them only the first are looked at."""
    many = "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@" * 50_000
    assert not list(PATHS.found_in(many + path()))


def test_keys_need_versions() -> None:
    """A version is one byte and none is zero."""
    for secrets in ({}, {0: OLD}, {256: OLD}):
        with pytest.raises(ValueError, match="versions"):
            ReturnPaths(secrets)
