"""Finding a Chromium on this machine: the tests install none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""As `./dev` looks for them; `CHROMIUM` may name another."""

MISSING = "there is no Chromium: install one, or name it in CHROMIUM (./dev test says why it could not)"


def chromium() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    said = os.environ.get("CHROMIUM")
    if said:
        return said if Path(said).exists() else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)
