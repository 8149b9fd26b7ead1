"""Mail that comes in: from mailboxes over POP3 and IMAP, from a listener (LMTP or SMTP), from a folder of files."""

from connectors.incoming.account import Account, AccountError
from connectors.incoming.folder import Folder
from connectors.incoming.imap import Imap
from connectors.incoming.listener import Listener, is_for
from connectors.incoming.pop3 import Pop3
from connectors.incoming.taking import NotNowError, Take

__all__ = ["Account", "AccountError", "Folder", "Imap", "Listener", "NotNowError", "Pop3", "Take", "is_for"]
