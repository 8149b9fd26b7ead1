"""The exports of six tools: what their columns are called, and what their words mean.

Each is written from what the tool documents, or from its source where it is open; looked up on 2026-11-22 (the pages as
stored then). None was tried against a live account. Every tool lets people choose columns and rename fields, so `--map`
goes before a preset, and the preview shows what was found.

No tool's mark of "subscribed" says on which legal basis. Only where the export itself tells of a double opt-in (Brevo) or
names the basis (HubSpot) is there one; else `--basis` says it for the whole file, or every row counts as no consent.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_Columns = dict[str, dict[str, tuple[str, ...]]]


class Preset(Struct, frozen=True):
    """What one tool's exports look like: columns by kind and field, and columns by which the tool is recognised.

    `words` says what a cell of a field means here, in the tool's words (casefolded) and ours. `kind` is that of a
    suppression where the file itself has no word for it.
    """

    sender: str
    source: str
    marks: tuple[str, ...]
    columns: _Columns
    words: dict[str, dict[str, str]] = {}
    day_first: bool | None = None


_KLAVIYO: Final = Preset(
    "klaviyo",
    "help.klaviyo.com: how to export a list or segment to a CSV file (115005078687), manage email suppressions"
    " (24312135764251)",
    ("Klaviyo ID",),
    {
        "customers": {
            "email": ("Email",),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "company": ("Organization",),
            "role": ("Title",),
            "phone": ("Phone Number",),
            "country": ("Country",),
            "updated_at": ("Profile Created On", "Date Added"),
        },
        "consents": {
            "email": ("Email",),
            "status": ("Email Marketing Consent",),
            "given_at": ("Email Marketing Consent Timestamp",),
            "proof": ("Source",),
        },
        "suppressions": {
            "email": ("Email",),
            "unsubscribed": ("Email Suppressions",),
            "kind": ("Suppression Reason", "Reason"),
            "date": ("Timestamp", "Suppressed At", "Created"),
        },
        "engagement": {"email": ("Email",), "opened_at": ("Last Open",), "clicked_at": ("Last Click",)},
    },
    {
        "status": {
            "subscribed": "given",
            "unsubscribed": "withdrawn",
            "never_subscribed": "none",
            "never subscribed": "none",
        }
    },
)

_MAILCHIMP: Final = Preset(
    "mailchimp",
    "mailchimp.com/help: view or export contacts; the three files of an audience's export (subscribed, unsubscribed,"
    " cleaned)",
    ("Email Address", "LEID", "EUID"),
    {
        "customers": {
            "email": ("Email Address",),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "postal": ("Address",),
            "phone": ("Phone Number",),
            "timezone": ("TIMEZONE",),
            "country": ("CC",),
            "updated_at": ("LAST_CHANGED",),
        },
        "consents": {
            "email": ("Email Address",),
            "given_at": ("CONFIRM_TIME", "OPTIN_TIME"),
            "withdrawn": ("UNSUB_TIME",),
            "proof": ("CONFIRM_IP", "OPTIN_IP"),
        },
        "suppressions": {
            "email": ("Email Address",),
            "unsubscribed": ("UNSUB_TIME",),
            "bounced": ("CLEAN_TIME",),
            "kind": ("UNSUB_REASON",),
        },
    },
)

_BREVO: Final = Preset(
    "brevo",
    "help.brevo.com: export contacts; developers.brevo.com: request-contact-export (EMAIL, ADDED_TIME, MODIFIED_TIME)",
    ("EMAIL", "ADDED_TIME", "MODIFIED_TIME"),
    {
        "customers": {
            "customer_id": ("EXT_ID",),
            "email": ("EMAIL",),
            "first_name": ("FIRSTNAME", "VORNAME"),
            "last_name": ("LASTNAME", "NACHNAME"),
            "phone": ("SMS", "LANDLINE_NUMBER"),
            "role": ("JOB_TITLE",),
            "timezone": ("CONTACT_TIMEZONE",),
            "updated_at": ("MODIFIED_TIME", "ADDED_TIME"),
        },
        "consents": {
            "email": ("EMAIL",),
            "status": ("DOUBLE_OPT-IN", "OPT_IN"),
            "basis": ("DOUBLE_OPT-IN",),
            "given_at": ("ADDED_TIME",),
            "withdrawn": ("EMAIL_BLACKLISTED", "BLACKLIST", "BLOCKLISTED"),
        },
        "suppressions": {
            "email": ("EMAIL",),
            "unsubscribed": ("EMAIL_BLACKLISTED", "BLACKLIST", "BLOCKLISTED"),
            "date": ("MODIFIED_TIME",),
        },
    },
    {
        "status": {"1": "given", "yes": "given", "2": "none", "no": "none"},
        "basis": {"1": "express", "yes": "express"},
    },
    day_first=True,
)

_HUBSPOT: Final = Preset(
    "hubspot",
    "knowledge.hubspot.com: columns of the export of unsubscribes and bounces; default contact properties",
    ("Record ID",),
    {
        "customers": {
            "email": ("Email",),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "company": ("Company Name", "Associated Company"),
            "role": ("Job Title",),
            "phone": ("Phone Number", "Mobile Phone Number"),
            "country": ("Country/Region",),
            "language": ("Preferred language",),
            "timezone": ("Time Zone",),
            "postal": ("Street Address",),
            "updated_at": ("Last Modified Date", "Create Date"),
        },
        "consents": {
            "email": ("Email",),
            "basis": ("Legal basis for processing contact's data",),
            "given_at": ("Consent date", "Opt-in date"),
            "withdrawn": ("Unsubscribed from all email", "Opted out of all email"),
        },
        "suppressions": {
            "email": ("Email", "Email Address", "Recipient"),
            "unsubscribed": (
                "Portal Unsubscribe",
                "Unsubscribed from all email",
                "Opted out of all email",
                "Marketing Information",
            ),
            "complained": ("Portal Spam Report",),
            "bounced": ("Portal Bounce", "Global Bounce", "Email hard bounce reason"),
        },
        "engagement": {
            "email": ("Email",),
            "opened_at": ("Last marketing email open date",),
            "clicked_at": ("Last marketing email click date",),
            "replied_at": ("Last marketing email reply date",),
        },
        "sends": {
            "email": ("Email",),
            "time": ("Last marketing email send date",),
            "name": ("Last marketing email name",),
        },
    },
    {
        "basis": {
            "freely given consent from contact": "express",
            "legitimate interest - existing customer": "existing_customer",
        }
    },
)

_MAUTIC: Final = Preset(
    "mautic",
    "github.com/mautic/mautic: contact export (LeadBundle, profile fields by alias) and the report of who must not be"
    " contacted (ReportDNCSubscriber: reason, date added, channel)",
    ("firstname", "lastname", "preferred_locale"),
    {
        "customers": {
            "email": ("email",),
            "first_name": ("firstname",),
            "last_name": ("lastname",),
            "salutation": ("title",),
            "company": ("company",),
            "role": ("position",),
            "phone": ("mobile", "phone"),
            "postal": ("address1",),
            "country": ("country",),
            "language": ("preferred_locale",),
            "timezone": ("timezone",),
            "updated_at": ("date_modified", "date_added", "date_identified"),
        },
        "consents": {"email": ("email",), "withdrawn": ("doNotEmail",)},
        "suppressions": {
            "email": ("email",),
            "kind": ("DNC Reason", "dnc.reason", "reason"),
            "date": ("DNC Date Added", "dnc.date_added", "Date added", "date_added"),
            "unsubscribed": ("doNotEmail",),
        },
        "engagement": {"email": ("email",), "time": ("date_read", "Date read"), "type": ("event",)},
        "sends": {"email": ("email",), "time": ("date_sent", "Date sent"), "name": ("subject", "Subject")},
    },
    {"kind": {"contactable": "none", "1": "unsubscribed", "2": "bounced", "3": "unsubscribed", "0": "none"}},
)

_CLEVERREACH: Final = Preset(
    "cleverreach",
    "rest.cleverreach.com/explorer v3: fields of a receiver (registered, activated, deactivated, bounced, source);"
    " support.cleverreach.de: blacklist (202372931), export of bounces (202372811)",
    ("email", "registered", "activated", "deactivated"),
    {
        "customers": {
            "email": ("email", "E-Mail"),
            "first_name": ("firstname", "vorname"),
            "last_name": ("lastname", "nachname", "name"),
            "salutation": ("salutation", "anrede", "gender"),
            "company": ("company", "firma"),
            "updated_at": ("registered",),
        },
        "consents": {
            "email": ("email", "E-Mail"),
            "given_at": ("activated",),
            "withdrawn": ("deactivated",),
            "proof": ("source",),
        },
        "suppressions": {
            "email": ("email", "E-Mail"),
            "unsubscribed": ("deactivated",),
            "bounced": ("bounced",),
        },
        "engagement": {"email": ("email", "E-Mail"), "opened_at": ("last_open",), "clicked_at": ("last_click",)},
    },
    day_first=True,
)

PRESETS: Final[dict[str, Preset]] = {
    each.sender: each for each in (_KLAVIYO, _MAILCHIMP, _BREVO, _HUBSPOT, _MAUTIC, _CLEVERREACH)
}
