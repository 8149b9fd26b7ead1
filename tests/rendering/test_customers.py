"""From a record to what templates see."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from engine.core.customer import Customer
from engine.core.fields import FIELDS
from engine.core.moments import day_number, zone
from engine.core.money import Money
from engine.core.rules import Lifecycle
from engine.rendering import VARIABLES, sample_context, templates_from
from engine.rendering.customers import customer_variables

NOW = zone("Europe/Berlin").at(day_number(2026, 1, 5), 0)


def test_templates_know_the_fields_that_conditions_know() -> None:
    """Language and templates share one list of customer fields."""
    assert set(VARIABLES["customer"]) == {*FIELDS, "attributes"}
    assert set(sample_context()["customer"]) <= set(VARIABLES["customer"])


def test_a_record_becomes_what_templates_show() -> None:
    """Days become dates, money has its currency, numbers of days are whole, own fields have a place of their own."""
    profile = {
        "email": ("ada@example.org", 0),
        "formal": (False, 0),
        "points": (Decimal("120.4"), 0),
        "contract_ends": ("2026-06-30", 0),
        "attributes.club": ("gold", 0),
        "attributes.club_ends": ("2026-06-30", 0),
        "attributes.part": ("2026-02-30", 0),
    }
    seen = customer_variables(Customer(id="c-1", profile=profile), NOW, Lifecycle())
    assert seen["id"] == "c-1"
    assert seen["email"] == "ada@example.org"
    assert seen["formal"] is False
    assert seen["points"] == 120
    assert seen["contract_ends"] == date(2026, 6, 30)
    assert seen["revenue"] == Money(0, "EUR")
    assert seen["first_name"] is None
    assert seen["last_order"] is None
    assert seen["attributes"] == {"club": "gold", "club_ends": date(2026, 6, 30), "part": "2026-02-30"}


def test_a_record_can_be_written_to() -> None:
    """What comes of a record renders, with nothing but an address known."""
    templates, problems = templates_from(
        {
            "note/de.subject.liquid": "s",
            "note/de.text.liquid": "{{ customer.email }} {{ customer.revenue | default: '-' }} {{ customer.attributes.club | default: '-' }}",
        }
    )
    assert problems == []
    seen = customer_variables(Customer(id="c-1", profile={"email": ("ada@example.org", 0)}), NOW, Lifecycle())
    assert templates.render("note", "de", {"customer": seen}).text == "ada@example.org 0,00\N{NO-BREAK SPACE}€ -\n"
