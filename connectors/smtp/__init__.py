"""Mail out over SMTP, signed where the mail server does not sign."""

from connectors.smtp.sender import SmtpSender, SmtpSettings
from connectors.smtp.signing import BadKeyError, DkimSigner

__all__ = ["BadKeyError", "DkimSigner", "SmtpSender", "SmtpSettings"]
