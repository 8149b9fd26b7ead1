"""Mail out over SMTP."""

from connectors.smtp.sender import SmtpSender, SmtpSettings

__all__ = ["SmtpSender", "SmtpSettings"]
