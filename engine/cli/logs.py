"""Where commands that run for long write their logs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def log_to_stderr() -> None:
    """Write logs to standard error, in colours on a terminal and as JSON lines elsewhere; no personal data is in them."""
    terminal = sys.stderr.isatty()
    plain = structlog.dev.plain_traceback  # the one that is used when nobody chooses shows the values of variables too
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=plain) if terminal else structlog.processors.JSONRenderer()
    )
    errors = [] if terminal else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
