"""Liquid templates into messages, in a sandbox, in the customer's language."""

from engine.rendering.brand import Brand, BrandProblem, brand_from
from engine.rendering.facts import Facts, template_facts
from engine.rendering.formats import Percent
from engine.rendering.loading import load_templates, templates_from
from engine.rendering.problems import RenderError, RenderProblem
from engine.rendering.sample import sample_context
from engine.rendering.templates import Rendered, Templates
from engine.rendering.variables import VARIABLES, offer_variables

__all__ = [
    "VARIABLES",
    "Brand",
    "BrandProblem",
    "Facts",
    "Percent",
    "RenderError",
    "RenderProblem",
    "Rendered",
    "Templates",
    "brand_from",
    "load_templates",
    "offer_variables",
    "sample_context",
    "template_facts",
    "templates_from",
]
