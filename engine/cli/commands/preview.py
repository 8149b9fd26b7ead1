"""`winback preview`: what a mail looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import PreviewDocument
from engine.cli.printing import note, print_json, to_people
from engine.cli.reaching import the_data
from engine.core.rules import Lifecycle, Offer, RuleSet, sends_of
from engine.language.files import Checked
from engine.language.folder import read_folder
from engine.language.problems import did_you_mean
from engine.rendering import Rendered, RenderError, sample_context, template_facts
from engine.rendering.customers import customer_variables


@named(
    "preview",
    "winback preview coupon_offer",
    "winback preview coupon_offer --language de --out coupon.html",
    "winback preview welcome_back --customer c-1042",
)
@click.argument("template")
@click.option("--language", metavar="LANG", help="The customer's language. [the sample's: en]")
@click.option("--customer", metavar="CUSTOMER", help="With this customer's data instead of a sample's.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the HTML (or .txt: the text) here.")
def command(call: Call, template: str, language: str | None, customer: str | None, out: Path | None) -> None:
    """Render a template of the workflows' folder with sample data, or a customer's; nothing is sent or noted.

    The newest files are used, also when other files have errors.
    """
    try:
        checked = read_folder(call.workflows, Path.cwd())
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None
    templates = checked.templates
    if templates is None or template not in templates:
        names = templates.names() if templates else ()
        hint = did_you_mean(template, names) or f"there are {', '.join(names) or 'none'}"
        raise Misused(f"there is no template {template}: {hint}")
    rules = checked.rules or RuleSet()
    known = _customer(call, customer, rules.lifecycle) if customer else {}
    context = _context(checked, rules, template, known)
    try:
        rendered = templates.render(template, language or known.get("language") or "en", context)
    except RenderError as error:
        raise Wrong(str(error)) from None
    if out is not None:
        text = rendered.text if out.suffix == ".txt" or not rendered.html else rendered.html
        out.write_text(text, encoding="utf-8")
        note(f"{out}: {template} in {rendered.language}")
    if call.json:
        print_json(PreviewDocument(template, rendered.language, rendered.subject, rendered.text, rendered.html))
    elif out is None:
        _tell(rendered)


def _customer(call: Call, name: str, lifecycle: Lifecycle) -> dict[str, Any]:
    with the_data(call) as views:
        customer = views.found(name)
    if customer is None:
        raise Wrong(f"no customer is known by {name}")
    known = customer_variables(customer, call.now(), lifecycle)
    return {field: value for field, value in known.items() if value is not None}


def _context(checked: Checked, rules: RuleSet, template: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return the context of a preview: of the first step that sends this template, the offer, purpose and values."""
    steps = [
        send
        for workflow in rules.workflows.values()
        for stage in workflow.stages
        for step in stage.steps
        for send in sends_of(step)
        if send.template == template
    ]
    step = steps[0] if steps else None
    assert checked.templates is not None, "asked only with templates"
    facts = template_facts(checked.templates, template)
    offer: Offer | None = rules.offers.get(step.offer) if step else None
    context = sample_context(
        brand=checked.brand,
        purpose=step.purpose.value if step else "marketing",
        customer=known,
        values={**{name: f"({name})" for name in facts.values}, **(step.values if step else {})},
    )
    if offer is not None:
        context |= {"offer": sample_context(brand=checked.brand, offer=offer)["offer"]}
    elif step is not None and not facts.needs_offer:
        context["offer"] = None
    return context


def _tell(rendered: Rendered) -> None:
    console = to_people()
    console.print(rendered.subject, style="bold")
    console.print(f"({rendered.language}; --out FILE.html writes the HTML)\n", style="dim")
    console.print(rendered.text.rstrip())
