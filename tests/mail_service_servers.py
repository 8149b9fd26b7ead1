"""Mail services of a test's own: local servers that check what SES, SendGrid, Mailgun, Postmark and Brevo check of a call.

They follow the services' published references: authentication (SigV4 reckoned anew here), required fields, their types and
limits, fields nobody knows, and what is said when something is wrong. None of the real interfaces was within reach.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.mail_services import (
    Brevo,
    CallerSettings,
    Dialect,
    Mailgun,
    MailService,
    OwnService,
    Postmark,
    SendGrid,
    Ses,
)
from engine.core.standard_webhooks import secret_of, signatures
from engine.ports import Clock

JSON = dict[str, Any]
SECRET = "whsec_" + b64encode(b"m" * 32).decode()
ADDRESS = re.compile(r"[^\s@<>]+@[a-z0-9-]+(\.[a-z0-9-]+)+")


class BadCallError(Exception):
    """A call that the service would not take, with the answer it would give."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass
class Taken:
    """A message that a service took, in words that all share. `headers` are those a receiver would see, small letters."""

    recipient: str
    subject: str
    text: str
    html: str
    metadata: str
    headers: dict[str, str] = field(default_factory=dict)


class MailServiceServer(ABC):
    """What all have in common: troubles that a test orders, and what was taken."""

    kind: ClassVar[str]
    key = "key-0123456789"
    authenticated = True  # the sender's domain

    def __init__(self) -> None:
        self.troubles: list[web.Response | int | str] = []
        """What the next calls meet: an answer, a bare status, or, of messages alone, `before` (broken off unread), `after`
        (broken off when it was taken), `garbage` (taken, and something else answered), `hangs` (taken, never answered)."""
        self.taken: list[Taken] = []
        self.calls = 0
        self.indexed = True
        self.url = ""

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The routes of the interface."""

    @abstractmethod
    def dialect(self) -> Dialect:
        """Return the connector's dialect for this server."""

    def client(self, clock: Clock, timeout: float = 5.0) -> MailService:
        """Return a sender for this server."""
        settings = CallerSettings(url=self.url, connections=8, connect_timeout=1.0, timeout=timeout)
        return MailService(self.dialect(), settings, clock)

    @web.middleware
    async def troubled(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Meet a call with the next trouble, if there is one."""
        self.calls += 1
        meant = self.troubles and (request.method == "POST" or not isinstance(self.troubles[0], str))
        trouble = self.troubles.pop(0) if meant else None
        if isinstance(trouble, int):
            return web.json_response({}, status=trouble)
        if isinstance(trouble, web.Response):
            return trouble
        assert request.transport is not None
        if trouble == "before":
            request.transport.abort()
            return web.Response()
        try:
            answer: web.StreamResponse = await handler(request)
        except BadCallError as bad:
            return bad.answer
        if trouble == "after":
            request.transport.abort()
        if trouble == "hangs":
            await asyncio.sleep(60)
        return web.Response(text="<html>Welcome</html>") if trouble == "garbage" else answer


@asynccontextmanager
async def serving(service: MailServiceServer) -> AsyncIterator[MailServiceServer]:
    """Let a service answer on this machine."""
    app = web.Application(middlewares=[service.troubled], client_max_size=60_000_000)
    app.add_routes(service.routes())
    async with TestServer(app) as server:
        service.url = str(server.make_url("/")).rstrip("/")
        yield service


def refuse(status: int, body: Any, **headers: str) -> BadCallError:
    """Return the refusal with a body as JSON."""
    return BadCallError(web.json_response(body, status=status, headers=headers))


async def body_of(request: web.Request) -> JSON:
    """Return a body of JSON, which says that it is."""
    if request.content_type != "application/json":
        raise refuse(415, {"message": "application/json is expected"})
    try:
        found: JSON = await request.json()
    except ValueError:
        raise refuse(400, {"message": "this is no JSON"}) from None
    return found


def mime(raw: bytes) -> tuple[dict[str, str], str, str]:
    """Return headers in small letters, text and HTML of a whole message; its lines are within what RFC 5322 lets pass."""
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    parsed = message_from_bytes(raw, policy=policy.default)
    parts = {part.get_content_type(): part.get_content() for part in parsed.walk() if not part.is_multipart()}
    headers = {name.casefold(): str(value) for name, value in parsed.items()}
    return headers, parts.get("text/plain", ""), parts.get("text/html", "")


# SES -----------------------------------------------------------------------------------------------------------------


class SesServer(MailServiceServer):
    """API v2 in eu-central-1, in production."""

    kind = "ses"
    region, key_id = "eu-central-1", "AKIDEXAMPLE"
    _fields = frozenset(
        {
            "ConfigurationSetName",
            "Content",
            "Destination",
            "EmailTags",
            "EndpointId",
            "FeedbackForwardingEmailAddress",
            "FromEmailAddress",
            "ListManagementOptions",
            "ReplyToAddresses",
            "TenantName",
        }
    )

    def routes(self) -> list[web.RouteDef]:
        """Sending, the account, and identities."""
        return [
            web.post("/v2/email/outbound-emails", self._send),
            web.get("/v2/email/account", self._account),
            web.get("/v2/email/identities/{name}", self._identity),
        ]

    def dialect(self) -> Ses:
        """Return the dialect."""
        return Ses(self.url, self.region, self.key_id, self.key)

    async def _send(self, request: web.Request) -> web.Response:
        await self._signed(request)
        body = await body_of(request)
        unknown = body.keys() - self._fields
        to = body.get("Destination", {}).get("ToAddresses", [])
        if unknown or len(to) != 1 or not all(ADDRESS.fullmatch(each) for each in to):
            raise self._error(400, "BadRequestException", "Missing or wrong fields")
        tags = {each["Name"]: each["Value"] for each in body.get("EmailTags", [])}
        if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", word) for word in [*tags, *tags.values()]):
            raise self._error(400, "BadRequestException", "Invalid tag")
        raw = b64decode(body["Content"]["Raw"]["Data"], validate=True)
        if len(raw) > 40_000_000:
            raise self._error(400, "MessageRejected", "Message too long")
        headers, text, html = mime(raw)
        number = f"0107{len(self.taken):012x}-000000"
        headers["message-id"] = f"<{number}@{self.region}.amazonses.com>"  # it puts its own
        self.taken.append(Taken(to[0], headers["subject"], text, html, tags.get("winback_message_id", ""), headers))
        return web.json_response({"MessageId": number})

    async def _account(self, request: web.Request) -> web.Response:
        await self._signed(request)
        return web.json_response({"SendingEnabled": True, "ProductionAccessEnabled": True})

    async def _identity(self, request: web.Request) -> web.Response:
        await self._signed(request)
        if not self.authenticated:
            raise self._error(404, "NotFoundException", "Email identity does not exist.")
        dkim = {"SigningEnabled": True, "Status": "SUCCESS"}
        return web.json_response({"VerifiedForSendingStatus": True, "DkimAttributes": dkim})

    async def _signed(self, request: web.Request) -> None:
        """Reckon the signature anew from what arrived."""
        said = dict(re.findall(r"(\w+)=([^,\s]+)", request.headers.get("authorization", "")))
        stamp = request.headers.get("x-amz-date", "")
        scope = f"{stamp[:8]}/{self.region}/ses/aws4_request"
        names = said.get("SignedHeaders", "").split(";")
        if said.get("Credential") != f"{self.key_id}/{scope}" or not {"host", "x-amz-date"} <= set(names):
            raise self._error(
                403, "UnrecognizedClientException", "The security token included in the request is invalid"
            )
        lines = [request.method, request.path, request.query_string]
        lines += [f"{name}:{request.headers[name].strip()}" for name in names]
        lines += ["", ";".join(names), hashlib.sha256(await request.read()).hexdigest()]
        hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = b"AWS4" + self.key.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
        if hmac.new(key, to_sign.encode(), "sha256").hexdigest() != said.get("Signature"):
            raise self._error(403, "InvalidSignatureException", "The request signature we calculated does not match")

    @staticmethod
    def _error(status: int, kind: str, text: str) -> BadCallError:
        return refuse(status, {"message": text}, **{"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/"})


# SendGrid ------------------------------------------------------------------------------------------------------------


class SendGridServer(MailServiceServer):
    """Web API v3."""

    kind = "sendgrid"
    _fields = frozenset(
        {
            "asm",
            "attachments",
            "batch_id",
            "categories",
            "content",
            "custom_args",
            "from",
            "headers",
            "ip_pool_name",
            "mail_settings",
            "personalizations",
            "reply_to",
            "send_at",
            "subject",
            "tracking_settings",
        }
    )
    _reserved = frozenset(
        [
            "x-sg-id",
            "x-sg-eid",
            "received",
            "dkim-signature",
            "content-type",
            "content-transfer-encoding",
            "to",
            "from",
            "subject",
            "reply-to",
            "cc",
            "bcc",
        ]
    )

    def routes(self) -> list[web.RouteDef]:
        """Sending, scopes, and domains."""
        return [
            web.post("/v3/mail/send", self._send),
            web.get("/v3/scopes", self._scopes),
            web.get("/v3/whitelabel/domains", self._domains),
        ]

    def dialect(self) -> SendGrid:
        """Return the dialect."""
        return SendGrid(self.key)

    async def _send(self, request: web.Request) -> web.Response:
        self._known(request)
        body = await body_of(request)
        if unknown := body.keys() - self._fields:
            raise self._error(400, "Invalid field", unknown.pop())
        to = body["personalizations"][0]["to"][0]["email"]
        if not ADDRESS.fullmatch(to):
            raise self._error(400, "Does not contain a valid address.", "personalizations.0.to.0.email")
        kinds = [part["type"] for part in body["content"]]
        if kinds != sorted(kinds, key=["text/plain", "text/html"].index) or not all(
            p["value"] for p in body["content"]
        ):
            raise self._error(400, "If present, text/plain must be first, followed by text/html", "content")
        if any(
            name.casefold() in self._reserved or not isinstance(text, str) for name, text in body["headers"].items()
        ):
            raise self._error(400, "The header cannot be one of the reserved ones", "headers")
        if len(json.dumps(body.get("custom_args", {}))) > 10_000:
            raise self._error(400, "custom_args are limited to 10,000 bytes", "custom_args")
        tracking = body["tracking_settings"]
        assert not any(
            tracking[each]["enable"] for each in ("click_tracking", "open_tracking", "subscription_tracking")
        )
        parts = {part["type"]: part["value"] for part in body["content"]}
        headers = {name.casefold(): text for name, text in body["headers"].items()}
        if "reply_to" in body:
            headers["reply-to"] = body["reply_to"]["email"]
        self.taken.append(
            Taken(
                to,
                body["subject"],
                parts.get("text/plain", ""),
                parts.get("text/html", ""),
                body["custom_args"]["winback_message_id"],
                headers,
            )
        )
        return web.Response(status=202, headers={"X-Message-Id": f"sg-{len(self.taken)}"})

    async def _scopes(self, request: web.Request) -> web.Response:
        self._known(request)
        return web.json_response({"scopes": ["mail.send", "whitelabel.read"]})

    async def _domains(self, request: web.Request) -> web.Response:
        self._known(request)
        found = [{"id": 1, "domain": request.query["domain"], "valid": True}] if self.authenticated else []
        return web.json_response(found)

    def _known(self, request: web.Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise self._error(401, "The provided authorization grant is invalid, expired, or revoked", None)

    @staticmethod
    def _error(status: int, text: str, place: str | None) -> BadCallError:
        return refuse(status, {"errors": [{"message": text, "field": place, "help": None}]})


# Mailgun -------------------------------------------------------------------------------------------------------------


class MailgunServer(MailServiceServer):
    """API v3 of one sending domain."""

    kind = "mailgun"
    domain = "shop.example"

    def routes(self) -> list[web.RouteDef]:
        """Sending whole messages, events, and domains."""
        return [
            web.post("/v3/{domain}/messages.mime", self._send),
            web.get("/v3/{domain}/events", self._events),
            web.get("/v4/domains/{domain}", self._state),
        ]

    def dialect(self) -> Mailgun:
        """Return the dialect."""
        return Mailgun(self.domain, self.key)

    async def _send(self, request: web.Request) -> web.Response:
        self._known(request)
        if request.content_type != "multipart/form-data":
            raise refuse(400, {"message": "Need at least one of 'text' or 'html' parameters specified"})
        form = await request.post()
        to, whole = str(form.get("to", "")), form.get("message")
        if not ADDRESS.fullmatch(to):
            raise refuse(400, {"message": "to parameter is not a valid address. please check documentation"})
        if not isinstance(whole, web.FileField):
            raise refuse(400, {"message": "message parameter is missing"})
        assert {form[name] for name in ("o:tracking", "o:tracking-clicks", "o:tracking-opens")} == {"no"}
        with whole.file:
            headers, text, html = mime(whole.file.read())
        metadata = str(form["v:winback_message_id"])
        self.taken.append(Taken(to, headers["subject"], text, html, metadata, headers))
        return web.json_response({"id": headers["message-id"], "message": "Queued. Thank you."})

    async def _events(self, request: web.Request) -> web.Response:
        self._known(request)
        ours = [one for one in self.taken if one.headers["message-id"] == f"<{request.query['message-id']}>"]
        items = [{"event": "accepted", "id": str(number)} for number, _ in enumerate(ours)] if self.indexed else []
        return web.json_response({"items": items, "paging": {}})

    async def _state(self, request: web.Request) -> web.Response:
        self._known(request)
        state = "active" if self.authenticated else "unverified"
        return web.json_response({"domain": {"name": self.domain, "state": state}})

    def _known(self, request: web.Request) -> None:
        if request.headers.get("authorization") != f"Basic {b64encode(f'api:{self.key}'.encode()).decode()}":
            raise BadCallError(web.Response(status=401, text="Forbidden"))
        if request.match_info["domain"] != self.domain:
            raise refuse(404, {"message": "Domain not found"})


# Postmark ------------------------------------------------------------------------------------------------------------


class PostmarkServer(MailServiceServer):
    """One server with a broadcast stream."""

    kind = "postmark"
    stream = "broadcast"
    tracks, unsubscribing = False, "Custom"
    _fields = frozenset(
        {
            "Attachments",
            "Bcc",
            "Cc",
            "From",
            "Headers",
            "HtmlBody",
            "MessageStream",
            "Metadata",
            "ReplyTo",
            "Subject",
            "Tag",
            "TextBody",
            "To",
            "TrackLinks",
            "TrackOpens",
        }
    )

    def routes(self) -> list[web.RouteDef]:
        """Sending, the messages' search, the server, and streams."""
        return [
            web.post("/email", self._send),
            web.get("/messages/outbound", self._search),
            web.get("/server", self._server),
            web.get("/message-streams/{stream}", self._one_stream),
        ]

    def dialect(self) -> Postmark:
        """Return the dialect."""
        return Postmark(self.key, self.stream)

    async def _send(self, request: web.Request) -> web.Response:
        self._known(request)
        body = await body_of(request)
        name, sender = parseaddr(body["From"])
        if body.keys() - self._fields or not ADDRESS.fullmatch(sender) or len(name) > 255:
            raise self._error(300, "Invalid email request")
        if not ADDRESS.fullmatch(body["To"]):
            raise self._error(300, "Error parsing 'To': Illegal email address.")
        if body["MessageStream"] != self.stream:
            raise self._error(1235, "The message stream could not be found")
        if any(len(key) > 20 or len(str(value)) > 80 for key, value in body["Metadata"].items()):
            raise self._error(300, "Metadata field names and values are limited to 20 and 80 characters")
        if len(body.get("HtmlBody", "")) > 5_000_000:
            raise refuse(413, {"ErrorCode": 300, "Message": "too large"})
        assert (body["TrackOpens"], body["TrackLinks"]) == (False, "None")
        headers = {each["Name"].casefold(): each["Value"] for each in body["Headers"]}
        if headers.pop("x-pm-keepid", "") != "true":
            headers["message-id"] = f"<{len(self.taken)}@mtasv.net>"
        if "ReplyTo" in body:
            headers["reply-to"] = body["ReplyTo"]
        metadata = body["Metadata"]["winback_message_id"]
        self.taken.append(
            Taken(body["To"], body["Subject"], body.get("TextBody", ""), body.get("HtmlBody", ""), metadata, headers)
        )
        number = f"00000000-0000-0000-0000-{len(self.taken):012}"
        return web.json_response({"ErrorCode": 0, "Message": "OK", "MessageID": number, "To": body["To"]})

    async def _search(self, request: web.Request) -> web.Response:
        self._known(request)
        if not {"count", "offset"} <= request.query.keys():
            raise self._error(701, "count and offset are required")
        wanted = request.query["metadata_winback_message_id"]
        found = [{"MessageID": "1"} for one in self.taken if one.metadata == wanted and self.indexed]
        return web.json_response({"TotalCount": len(found), "Messages": found})

    async def _server(self, request: web.Request) -> web.Response:
        self._known(request)
        return web.json_response({"ID": 1, "Name": "shop", "TrackOpens": self.tracks, "TrackLinks": "None"})

    async def _one_stream(self, request: web.Request) -> web.Response:
        self._known(request)
        if request.match_info["stream"] != self.stream:
            raise refuse(404, {"ErrorCode": 1226, "Message": "no such stream"})
        return web.json_response(
            {"ID": self.stream, "SubscriptionManagementConfiguration": {"UnsubscribeHandlingType": self.unsubscribing}}
        )

    def _known(self, request: web.Request) -> None:
        if request.headers.get("x-postmark-server-token") != self.key:
            raise refuse(401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."})

    @staticmethod
    def _error(code: int, text: str) -> BadCallError:
        return refuse(422, {"ErrorCode": code, "Message": text})


# Brevo ---------------------------------------------------------------------------------------------------------------


class BrevoServer(MailServiceServer):
    """API v3, with its memory of idempotency keys."""

    kind = "brevo"
    _fields = frozenset(
        [
            "sender",
            "to",
            "bcc",
            "cc",
            "htmlContent",
            "textContent",
            "subject",
            "replyTo",
            "attachment",
            "headers",
            "templateId",
            "params",
            "tags",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.tags: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Sending, events, the account, and domains."""
        return [
            web.post("/v3/smtp/email", self._send),
            web.get("/v3/smtp/statistics/events", self._events),
            web.get("/v3/account", self._account),
            web.get("/v3/senders/domains/{domain}", self._domain),
        ]

    def dialect(self) -> Brevo:
        """Return the dialect."""
        return Brevo(self.key)

    async def _send(self, request: web.Request) -> web.Response:
        self._known(request)
        body = await body_of(request)
        headers = {name.casefold(): text for name, text in body["headers"].items()}
        if body.keys() - self._fields or not body.get("htmlContent"):
            raise self._error("missing_parameter", "Either of htmlContent or templateId is required")
        if not ADDRESS.fullmatch(body["to"][0]["email"]):
            raise self._error("invalid_parameter", "email is not valid in to")
        if not all(text.isascii() for text in headers.values()):
            raise self._error("invalid_parameter", "headers are not valid")
        key = headers.pop("idempotencykey", "")
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key):
            raise self._error("invalid_parameter", "idempotencyKey is not valid")
        if key in self.keys:
            raise self._error("duplicate_parameter", "idempotencyKey has been used")
        self.keys.add(key)
        self.tags += body["tags"]
        headers["message-id"] = f"<{len(self.taken)}@smtp-relay.mailin.fr>"  # it puts its own
        if "replyTo" in body:
            headers["reply-to"] = body["replyTo"]["email"]
        metadata = json.loads(headers["x-mailin-custom"])["winback_message_id"]
        self.taken.append(
            Taken(
                body["to"][0]["email"],
                body["subject"],
                body.get("textContent", ""),
                body["htmlContent"],
                metadata,
                headers,
            )
        )
        return web.json_response({"messageId": headers["message-id"]}, status=201)

    async def _events(self, request: web.Request) -> web.Response:
        self._known(request)
        wanted = json.loads(request.query["tags"])
        found = [{"event": "requests", "tag": tag} for tag in self.tags if tag in wanted and self.indexed]
        return web.json_response({"events": found} if found else {})

    async def _account(self, request: web.Request) -> web.Response:
        self._known(request)
        return web.json_response({"email": "shop@shop.example", "plan": []})

    async def _domain(self, request: web.Request) -> web.Response:
        self._known(request)
        return web.json_response({"domain": request.match_info["domain"], "authenticated": self.authenticated})

    def _known(self, request: web.Request) -> None:
        if request.headers.get("api-key") != self.key:
            raise refuse(401, {"code": "unauthorized", "message": "Key not found"})

    @staticmethod
    def _error(code: str, text: str) -> BadCallError:
        return refuse(400, {"code": code, "message": text})


# The shop's own ------------------------------------------------------------------------------------------------------


class OwnServer(MailServiceServer):
    """A service of the shop's own that keeps to Standard Webhooks and takes an id once."""

    kind = "webhook"

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """The one address."""
        return [web.post("/mails", self._take)]

    def dialect(self) -> OwnService:
        """Return the dialect."""
        secret = secret_of(SECRET)
        return OwnService(f"{self.url}/mails", lambda name, at, body: signatures([secret], name, at, body))

    async def _take(self, request: web.Request) -> web.Response:
        raw, said = await request.read(), request.headers
        signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + raw
        expected = b64encode(hmac.new(b"m" * 32, signed, "sha256").digest()).decode()
        if f"v1,{expected}" not in said["webhook-signature"].split():
            return web.Response(status=401)
        body = json.loads(raw)
        if body["type"] != "winback.mail":
            return web.Response(status=204)
        data = body["data"]
        if not ADDRESS.fullmatch(data["to"]):
            return web.json_response({"status": "5.1.3", "reason": "this is no address"}, status=422)
        if said["webhook-id"] not in self.ids:
            self.ids.add(said["webhook-id"])
            headers = {name.casefold(): text for name, text in data["headers"].items()}
            headers["message-id"] = data["message_id"]
            metadata = headers["x-winback-message-id"]
            self.taken.append(Taken(data["to"], data["subject"], data["text"], data["html"], metadata, headers))
        return web.Response(status=202)


SERVERS: dict[str, type[MailServiceServer]] = {
    each.kind: each for each in (SesServer, SendGridServer, MailgunServer, PostmarkServer, BrevoServer, OwnServer)
}
