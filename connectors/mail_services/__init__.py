"""Mail out through mail services' HTTP interfaces: SES, SendGrid, Mailgun, Postmark, Brevo, and a service of the shop's own.

One sender (`service.py`) over one way of calling (`calling.py`); each service is a dialect, which is pure: it writes
requests and reads answers. None of the real interfaces was within reach when this was written: it follows their published
references, and was tried with local servers that check what those say.
"""

from connectors.mail_services.brevo import Brevo
from connectors.mail_services.calling import CallerSettings
from connectors.mail_services.dialect import Dialect
from connectors.mail_services.mailgun import Mailgun
from connectors.mail_services.own_service import OwnService
from connectors.mail_services.postmark import Postmark
from connectors.mail_services.sendgrid import SendGrid
from connectors.mail_services.service import MailService
from connectors.mail_services.ses import Ses

__all__ = [
    "Brevo",
    "CallerSettings",
    "Dialect",
    "MailService",
    "Mailgun",
    "OwnService",
    "Postmark",
    "SendGrid",
    "Ses",
]
