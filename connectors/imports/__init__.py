"""What other tools export, as events of ours: rows in, statements or reasons out. Pure: files are read elsewhere."""

from connectors.imports.kinds import KINDS, Field, Kind
from connectors.imports.mapping import Mapped, MappingProblem, map_columns
from connectors.imports.presets import PRESETS, Preset
from connectors.imports.statements import read_row
from connectors.imports.telling import Options, Refused, Statement, Suppressed
from connectors.imports.values import Style, style_of

__all__ = [
    "KINDS",
    "PRESETS",
    "Field",
    "Kind",
    "Mapped",
    "MappingProblem",
    "Options",
    "Preset",
    "Refused",
    "Statement",
    "Style",
    "Suppressed",
    "map_columns",
    "read_row",
    "style_of",
]
