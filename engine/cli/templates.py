"""What commands about templates share: the files as they are now, a template by name, a customer's fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.cli.calling import Call, Misused, Wrong
from engine.cli.reaching import the_data
from engine.core.rules import Lifecycle
from engine.language.files import Checked
from engine.language.folder import read_folder
from engine.language.problems import did_you_mean
from engine.rendering.customers import customer_variables


def files_with(call: Call, template: str) -> Checked:
    """Read the folder of workflows as it is now, also when other files have errors.

    Raises:
        Misused: it cannot be read, or has no such template.

    """
    checked = the_files(call)
    templates = checked.templates
    if templates is None or template not in templates:
        names = templates.names() if templates else ()
        hint = did_you_mean(template, names) or f"there are {', '.join(names) or 'none'}"
        raise Misused(f"there is no template {template}: {hint}")
    return checked


def the_files(call: Call) -> Checked:
    """Read the folder of workflows as it is now.

    Raises:
        Misused: it cannot be read.

    """
    try:
        return read_folder(call.workflows, Path.cwd())
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None


def fields_of_customer(call: Call, name: str, lifecycle: Lifecycle) -> dict[str, Any]:
    """Return what is known of a customer, by id or address, as templates see it.

    Raises:
        Wrong: nobody is known by this name.

    """
    with the_data(call) as views:
        customer = views.found(name)
    if customer is None:
        raise Wrong(f"no customer is known by {name}")
    known = customer_variables(customer, call.now(), lifecycle)
    return {field: value for field, value in known.items() if value is not None}
