"""Shops and mail services of a test's own: they post as the services document it, signed by a secret that may be the old one.

None of the real services was within reach; what they send is written from their references (research, section 5).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from engine.core.moments import SECOND, Instant

JSON = dict[str, Any]
Call = tuple[dict[str, str], bytes]
"""Headers and body of a POST."""

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
OURS = "01jabc.YzE.dGFn@shop.example"


def mac(secret: str | bytes, signed: bytes) -> bytes:
    """Return an HMAC-SHA256."""
    return hmac.new(secret.encode() if isinstance(secret, str) else secret, signed, hashlib.sha256).digest()


def in_base64(raw: bytes) -> str:
    """Return bytes as services write them in headers."""
    return b64encode(raw).decode()


class Sender(ABC):
    """A service. `secrets` are the new and the old one as the settings have them; `events` are of `said`."""

    name: ClassVar[str]
    secrets: ClassVar[tuple[str, str]] = ("the-new-secret", "the-old-secret")
    events: ClassVar[tuple[str, ...]]
    forgeable: ClassVar[bool] = True
    """Whether a body that was changed on the way is noticed: not where nothing but a password is sent."""

    @abstractmethod
    def said(self, number: int) -> Any:
        """Return what happened, the same for the same number."""

    def body(self, number: int) -> bytes:
        """Return it as bytes."""
        return json.dumps(self.said(number)).encode()

    @abstractmethod
    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Return the call for a body."""

    def call(self, number: int, now: Instant, secret: str = "") -> Call:
        """Return a call, by the new secret when none is named."""
        return self.signed(self.body(number), secret or self.secrets[0], now)


class Shopify(Sender):
    """orders/create of a customer."""

    name, events = "shopify", ("order.placed",)

    def said(self, number: int) -> JSON:
        """Return an order."""
        return {
            "id": 820_000 + number,
            "name": f"#{number}",
            "order_number": number,
            "email": f"c{number}@example.org",
            "created_at": "2026-01-05T10:58:00+01:00",
            "processed_at": "2026-01-05T10:58:00+01:00",
            "updated_at": "2026-01-05T10:58:03+01:00",
            "test": False,
            "total_price": "49.90",
            "currency": "EUR",
            "customer": {"id": 7_000 + number, "email": f"c{number}@example.org"},
            "discount_codes": [{"code": "WB-7K2M9Q", "amount": "5.00", "type": "fixed_amount"}],
            "line_items": [{"id": 1, "sku": "TEA-1", "title": "Tea", "quantity": 2, "price": "24.95"}],
            "shipping_address": {"country_code": "DE"},
            "refunds": [],
            "fulfillments": [],
            "something_new": {"of": "next year"},
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as `verify deliveries` says."""
        return {
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Hmac-Sha256": in_base64(mac(secret, body)),
            "X-Shopify-Shop-Domain": "shop.myshopify.com",
            "X-Shopify-Webhook-Id": hashlib.md5(body).hexdigest(),
            "Content-Type": "application/json",
        }, body


class WooCommerce(Sender):
    """order.created of a customer."""

    name, events = "woocommerce", ("order.placed",)

    def said(self, number: int) -> JSON:
        """Return an order."""
        return {
            "id": number,
            "number": str(number),
            "status": "processing",
            "currency": "EUR",
            "date_created_gmt": "2026-01-05T09:58:00",
            "date_modified_gmt": "2026-01-05T09:58:05",
            "total": "49.90",
            "customer_id": 7_000 + number,
            "billing": {"email": f"c{number}@example.org", "country": "DE"},
            "line_items": [{"sku": "TEA-1", "name": "Tea", "quantity": 2, "price": 24.95}],
            "coupon_lines": [{"code": "wb-7k2m9q"}],
            "refunds": [],
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as class-wc-webhook.php does."""
        return {
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Resource": "order",
            "X-WC-Webhook-Event": "created",
            "X-WC-Webhook-Signature": in_base64(mac(secret, body)),
            "X-WC-Webhook-ID": "3",
            "X-WC-Webhook-Delivery-ID": hashlib.md5(str(now).encode()).hexdigest(),
            "Content-Type": "application/json",
        }, body


class Shopware(Sender):
    """checkout.order.placed of a customer."""

    name, events = "shopware", ("order.placed",)

    def said(self, number: int) -> JSON:
        """Return an order."""
        order = {
            "id": f"{number:032x}",
            "orderNumber": str(10_000 + number),
            "orderDateTime": "2026-01-05T09:58:00.000+00:00",
            "amountTotal": 49.9,
            "currency": {"isoCode": "EUR"},
            "orderCustomer": {"customerId": f"{7_000 + number:032x}", "email": f"c{number}@example.org"},
            "lineItems": [
                {
                    "type": "product",
                    "label": "Tea",
                    "quantity": 2,
                    "unitPrice": 24.95,
                    "payload": {"productNumber": "T"},
                }
            ],
        }
        source = {"url": "https://shop.example", "shopId": "s1", "eventId": f"e{number}", "appVersion": "1.0.0"}
        return {
            "source": source,
            "data": {"event": "checkout.order.placed", "payload": {"order": order}},
            "timestamp": 1_767_607_080,
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as `signing and verification` says."""
        return {"shopware-shop-signature": mac(secret, body).hex(), "Content-Type": "application/json"}, body


class Ses(Sender):
    """A bounce, by way of SNS."""

    name, events = "ses", ("email.bounced",)
    secrets = ("2", "1")
    """Not secrets: the versions of SNS's signature, the old one SHA-1."""

    def bounce(self, number: int) -> JSON:
        """Return what SES says."""
        return {
            "eventType": "Bounce",
            "mail": {
                "timestamp": "2026-01-05T09:59:00.000Z",
                "messageId": f"ses-{number}",
                "destination": [f"c{number}@example.org"],
                "tags": {"winback_message_id": [OURS]},
            },
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": f"c{number}@example.org",
                        "action": "failed",
                        "status": "5.1.1",
                        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                    }
                ],
                "timestamp": "2026-01-05T09:59:30.000Z",
            },
        }

    def said(self, number: int) -> JSON:
        """Return what SNS makes of it."""
        return {
            "Type": "Notification",
            "MessageId": f"sns-{number}",
            "TopicArn": TOPIC,
            "Message": json.dumps(self.bounce(number)),
            "Timestamp": "2026-01-05T09:59:31.000Z",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as `verifying message signatures` says; the signature stands in the body."""
        key, _ = amazon()
        try:
            message = json.loads(body)
        except ValueError:
            return {"Content-Type": "text/plain; charset=UTF-8"}, body
        subscribes = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        notifies = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
        names = notifies if message["Type"] == "Notification" else subscribes
        signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()
        hashing = hashes.SHA1() if secret == "1" else hashes.SHA256()
        message["SignatureVersion"] = secret if secret in ("1", "2") else "2"
        message["Signature"] = in_base64(key.sign(signed, padding.PKCS1v15(), hashing))
        if secret not in ("1", "2"):
            message["Signature"] = in_base64(b"x" * 256)
        message["SigningCertURL"] = CERTIFICATE_URL
        headers = {"x-amz-sns-message-type": message["Type"], "x-amz-sns-topic-arn": message["TopicArn"]}
        return {**headers, "Content-Type": "text/plain; charset=UTF-8"}, json.dumps(message).encode()


CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


@cache
def amazon() -> tuple[rsa.RSAPrivateKey, bytes]:
    """Return a key as Amazon has one, and its certificate."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=400))
    return key, made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def twilio(which: str) -> ec.EllipticCurvePrivateKey:
    """Return a key of SendGrid's, the new or the old one."""
    return ec.derive_private_key(int(hashlib.sha256(which.encode()).hexdigest(), 16), ec.SECP256R1())


def shown(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the verification key as SendGrid shows it."""
    encoding, kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return in_base64(key.public_key().public_bytes(encoding, kind))


class SendGrid(Sender):
    """A bounce and an open in one call."""

    name, events = "sendgrid", ("email.bounced", "email.opened")
    secrets = (shown(twilio("new")), shown(twilio("old")))

    def said(self, number: int) -> list[JSON]:
        """Return two events."""
        about = {"email": f"c{number}@example.org", "timestamp": 1_767_607_140, "winback_message_id": OURS}
        bounce = {
            "event": "bounce",
            "type": "bounce",
            "bounce_classification": "Invalid Address",
            "reason": "550 5.1.1 The email account that you tried to reach does not exist",
            "status": "5.1.1",
            "sg_event_id": f"bounce-{number}",
        }
        opened = {"event": "open", "sg_machine_open": True, "useragent": "Mozilla/5.0", "sg_event_id": f"open-{number}"}
        return [{**about, **bounce}, {**about, **opened}]

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as the signed event webhook does."""
        which = "old" if secret == self.secrets[1] else "new" if secret == self.secrets[0] else secret
        seconds = str(now // SECOND)
        signature = twilio(which).sign(seconds.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": in_base64(signature),
            "X-Twilio-Email-Event-Webhook-Timestamp": seconds,
            "Content-Type": "application/json",
        }, body


class Mailgun(Sender):
    """A permanent failure. The signature stands in the body, and covers a token alone."""

    name, events = "mailgun", ("email.bounced",)

    def said(self, number: int) -> JSON:
        """Return an event without its signature."""
        return {
            "event-data": {
                "id": f"id-{number}",
                "event": "failed",
                "severity": "permanent",
                "reason": "bounce",
                "timestamp": 1_767_607_140.123456,
                "recipient": f"c{number}@example.org",
                "delivery-status": {"code": 550, "message": "5.1.1 user unknown", "description": ""},
                "message": {"headers": {"message-id": "else@shop.example"}},
                "user-variables": {"winback_message_id": OURS},
            }
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as `securing webhooks` says."""
        try:
            said = json.loads(body)
        except ValueError:
            return {"Content-Type": "application/json"}, body
        seconds, token = str(now // SECOND), hashlib.sha256(body).hexdigest()[:50]
        signature = {"timestamp": seconds, "token": token, "signature": mac(secret, f"{seconds}{token}".encode()).hex()}
        return {"Content-Type": "application/json"}, json.dumps({"signature": signature, **said}).encode()


class Postmark(Sender):
    """A hard bounce."""

    name, events, forgeable = "postmark", ("email.bounced",), False
    secrets = ("winback:new", "winback:old")

    def said(self, number: int) -> JSON:
        """Return a bounce."""
        return {
            "RecordType": "Bounce",
            "ID": 4_323_372_036 + number,
            "Type": "HardBounce",
            "TypeCode": 1,
            "Details": "smtp;550 5.1.1 user unknown",
            "Email": f"c{number}@example.org",
            "BouncedAt": "2026-01-05T09:59:00.1234567Z",
            "MessageID": "00000000-0000-0000-0000-000000000000",
            "Metadata": {"winback_message_id": OURS},
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Send the password of the URL."""
        authorization = f"Basic {in_base64(secret.encode())}"
        return {"Authorization": authorization, "Content-Type": "application/json"}, body


class Brevo(Sender):
    """A hard bounce."""

    name, events, forgeable = "brevo", ("email.bounced",), False
    secrets = ("a-new-token", "winback:old")

    def said(self, number: int) -> JSON:
        """Return an event."""
        return {
            "event": "hard_bounce",
            "email": f"c{number}@example.org",
            "id": 7,
            "date": "2026-01-05 10:59:00",
            "ts_epoch": 1_767_607_140_000,
            "message-id": "<else@smtp-relay.mailin.fr>",
            "reason": "550 5.1.1 user unknown",
            "X-Mailin-custom": f"winback_message_id:{OURS}",
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Send a token, or the password of the URL."""
        authorization = f"Basic {in_base64(secret.encode())}" if ":" in secret else f"Bearer {secret}"
        return {"Authorization": authorization, "Content-Type": "application/json"}, body


class Generic(Sender):
    """A CloudEvent by Standard Webhooks."""

    name, events = "generic", ("order.placed",)
    secrets = tuple(f"whsec_{in_base64(hashlib.sha256(each).digest())}" for each in (b"new", b"old"))  # type: ignore[assignment]  # there are two

    def said(self, number: int) -> JSON:
        """Return an order."""
        return {
            "specversion": "1.0",
            "id": f"o{number}",
            "source": "erp",
            "type": "order.placed",
            "time": "2026-01-05T09:58:00Z",
            "subject": f"c{number}",
            "data": {"order_id": str(number), "total": "49.90", "currency": "EUR"},
        }

    def signed(self, body: bytes, secret: str, now: Instant) -> Call:
        """Sign as the specification says."""
        key = b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
        number, seconds = f"msg_{hashlib.md5(body).hexdigest()}", str(now // SECOND)
        signature = in_base64(mac(key, f"{number}.{seconds}.".encode() + body))
        return {
            "webhook-id": number,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1a,x v1,{signature}",
            "Content-Type": "application/json",
        }, body


SENDERS: dict[str, Sender] = {
    each.name: each() for each in (Shopify, WooCommerce, Shopware, Ses, SendGrid, Mailgun, Postmark, Brevo, Generic)
}


def environment(*names: str) -> dict[str, str]:
    """Return the variables that turn hooks on, all but SES when none is named, each with the new and the old secret."""
    turned_on = names or [name for name in SENDERS if name != "ses"]
    named = {name: ",".join(SENDERS[name].secrets) for name in turned_on}
    return {f"WINBACK_HOOKS_{name.upper()}_SECRETS": both for name, both in named.items()}


def with_certificate(folder: Path) -> Path:
    """Write Amazon's certificate into a folder, and return where it is."""
    path = folder / "sns.pem"
    path.write_bytes(amazon()[1])
    return path
