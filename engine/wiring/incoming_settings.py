"""Settings of mail that comes in: where reports and replies arrive, and who reads what customers write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from engine.wiring.setting_kinds import LOOPBACK, HostAndPort, Part

_LONGEST_LOCAL_PART = 20
"""Characters before the @ of the address for reports: a token must still fit behind it."""


def _bounces_to(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if text and ("+" in local or not local.isascii() or not 0 < len(local) <= _LONGEST_LOCAL_PART or not domain):
        raise ValueError(
            f"write a short address without a plus, at most {_LONGEST_LOCAL_PART} characters before the @, such as"
            " b@bounces.shop.example"
        )
    return text


Address = Annotated[str, Field(pattern=r"^([^\s@]+@[^\s@]+)?$")]


class Account(Part):
    """How a mailbox on a server is reached. Off while `host` is empty."""

    host: str = Field(default="", description="the server's name; nothing is asked when left out")
    port: int = Field(default=0, ge=0, le=65_535, description="its port; the usual one when left out")
    tls: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="tls, starttls, or none (on this machine alone)"
    )
    username: str = Field(default="", description="of the account")
    certificate_file: str = Field(default="", description="authorities to trust instead of the system's, as PEM")
    timeout: float = Field(default=30.0, gt=0, le=600, description="seconds that an answer may take")

    @model_validator(mode="after")
    def _is_sealed(self) -> Account:
        if self.tls == "none" and self.host and self.host.strip("[]") not in LOOPBACK:
            raise ValueError("a password goes over TLS: write tls or starttls; none is for this machine alone")
        return self


class Pop3Account(Account):
    """[incoming.pop3]: a mailbox that reports and replies come to; what was taken in is deleted there."""

    password_file: Path | None = Field(
        default=None, description="holds the password; or WINBACK_INCOMING_POP3_PASSWORD"
    )


class ImapAccount(Account):
    """[incoming.imap]: the same over IMAP; what was taken in is marked, or deleted."""

    password_file: Path | None = Field(
        default=None, description="holds the password; or WINBACK_INCOMING_IMAP_PASSWORD"
    )
    folder: str = Field(default="INBOX", description="the folder that is read")
    delete: bool = Field(default=False, description="delete what was taken in; it is marked as seen when false")


class Listening(Part):
    """[incoming.listen]: a listener that a mail server hands reports and replies to."""

    at: HostAndPort | Literal[""] = Field(
        default="", description="where it stands, such as 127.0.0.1:2424; nowhere when left out"
    )
    speaks: Literal["lmtp", "smtp"] = Field(default="lmtp", description="lmtp or smtp")


class IncomingSettings(Part):
    """[incoming]: what comes back about mails: reports of failed ones, complaints, replies."""

    address: Annotated[str, AfterValidator(_bounces_to)] = Field(
        default="",
        description="where reports come to, such as b@bounces.shop.example: mails leave with b+TOKEN@ as their envelope sender",
    )
    replies_to: Address = Field(
        default="", description="the people who read what customers write; needed to take mail in"
    )
    also_for: tuple[str, ...] = Field(
        default=(),
        description="addresses beside `address` that the listener takes mail for, such as the one in Reply-To",
    )
    look_every: float = Field(
        default=60.0, ge=1, le=86_400, description="seconds between two looks at mailboxes and files"
    )
    most_bytes: int = Field(
        default=10_000_000, ge=10_000, le=100_000_000, description="a longer mail is not fetched, and set aside"
    )
    files: Path | None = Field(default=None, description="a folder that mails are put into, a file each (or a Maildir)")
    pop3: Pop3Account = Pop3Account()
    imap: ImapAccount = ImapAccount()
    listen: Listening = Listening()

    @property
    def takes_mail(self) -> bool:
        """Whether anything takes mail in."""
        return bool(self.files or self.pop3.host or self.imap.host or self.listen.at)

    @model_validator(mode="after")
    def _somebody_reads(self) -> IncomingSettings:
        if self.takes_mail and not self.replies_to:
            raise ValueError("incoming.replies_to is not set: name the people who read what customers write back")
        own = {each.casefold() for each in (self.address, *self.also_for) if each}
        if self.replies_to.casefold() in own:
            raise ValueError(
                "incoming.replies_to is an address that is read by winback itself: name one that people read"
            )
        return self
