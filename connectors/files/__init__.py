"""Files of events: JSON lines and CSV histories, plain or gzipped, or standard input (`-`), read in bounded memory."""

from connectors.files.lines import FileProblem
from connectors.files.reading import read_block, read_files
from connectors.files.tables import OptionProblem, Table

__all__ = ["FileProblem", "OptionProblem", "Table", "read_block", "read_files"]
