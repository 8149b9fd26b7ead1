"""Whose mailbox an address is."""

import pytest

from engine.core.providers import FAMILIES, family

TABLE = {
    "gmail": ["ada@gmail.com", "Ada@GoogleMail.com"],
    "microsoft": ["a@outlook.de", "a@hotmail.com", "a@hotmail.co.uk", "a@live.nl", "a@outlook.com.br", "a@msn.com"],
    "yahoo": ["a@yahoo.com", "a@yahoo.co.uk", "a@ymail.com", "a@aol.com", "a@aol.de", "a@rocketmail.com"],
    "gmx": ["a@gmx.de", "a@gmx.net", "a@gmx.info", "a@web.de", "a@mail.com"],
    "telekom": ["a@t-online.de", "a@magenta.de"],
    "apple": ["a@icloud.com", "a@me.com", "a@mac.com", "x@privaterelay.appleid.com"],
    "others": [
        "a@shop.example",
        "a@live.shop.example",
        "a@outlook.mail.example.org",
        "a@notgmail.com",
        "a@gmail.com.example.org",
        "a@yahoo",
        "no address",
        "",
    ],
}


@pytest.mark.parametrize(("name", "address"), [(name, each) for name, listed in TABLE.items() for each in listed])
def test_an_address_belongs_to_the_family_of_its_domain(name: str, address: str) -> None:
    """The domain tells the family, in any country and however it is capitalised; what only looks alike is `others`."""
    assert family(address) == name


def test_every_family_has_an_address_that_belongs_to_it() -> None:
    """No family is listed that nobody can be in."""
    assert set(TABLE) == set(FAMILIES)


def test_capitals_blanks_and_a_last_point_do_not_matter() -> None:
    """An address as people write it is of the same family."""
    assert family(" Ada@GMAIL.COM. ") == "gmail"
