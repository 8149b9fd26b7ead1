"""`winback preview`: what a mail looks like."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.calling import Call, Wrong, named
from engine.cli.documents import PreviewDocument
from engine.cli.printing import note, print_json, to_people
from engine.cli.templates import fields_of_customer, files_with
from engine.core.rules import RuleSet
from engine.rendering import Rendered, RenderError
from engine.wiring.testing import context_of, written_of


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
    checked = files_with(call, template)
    known = fields_of_customer(call, customer, (checked.rules or RuleSet()).lifecycle) if customer else {}
    written = written_of(checked)
    try:
        context = context_of(written, template, known)
        rendered = written.templates.render(template, language or known.get("language") or "en", context)
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


def _tell(rendered: Rendered) -> None:
    console = to_people()
    console.print(rendered.subject, style="bold")
    console.print(f"({rendered.language}; --out FILE.html writes the HTML)\n", style="dim")
    console.print(rendered.text.rstrip())
