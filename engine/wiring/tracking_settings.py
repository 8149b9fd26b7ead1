"""[tracking]: what is noted of what customers read, of those who consent to it."""

from __future__ import annotations

from pydantic import Field

from engine.wiring.setting_kinds import Part


class TrackingSettings(Part):
    """[tracking]: in mails of customers with tracking consent alone; others get plain links and no pixel."""

    opens: bool = Field(default=True, description="a pixel tells that a mail was opened; with tracking consent only")
    clicks: bool = Field(default=True, description="links tell that they were followed; with tracking consent only")
