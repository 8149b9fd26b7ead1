"""Reports about mail that was sent: bounces, complaints, automatic answers, and what is none of them."""

from connectors.bounces.reading import read
from connectors.bounces.report import About, Recipient, Report

__all__ = ["About", "Recipient", "Report", "read"]
