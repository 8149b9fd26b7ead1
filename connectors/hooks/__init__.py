"""Webhooks of shops and mail services: each checked by its own rules, and told in our words."""

from connectors.hooks.brevo import Brevo
from connectors.hooks.generic import Generic
from connectors.hooks.mailgun import Mailgun
from connectors.hooks.postmark import Postmark
from connectors.hooks.sendgrid import SendGrid
from connectors.hooks.ses import Ses
from connectors.hooks.shopify import ShopifyHook
from connectors.hooks.shopware import ShopwareHook
from connectors.hooks.sns import Fetch, Topics
from connectors.hooks.woocommerce import WooCommerceHook

__all__ = [
    "Brevo",
    "Fetch",
    "Generic",
    "Mailgun",
    "Postmark",
    "SendGrid",
    "Ses",
    "ShopifyHook",
    "ShopwareHook",
    "Topics",
    "WooCommerceHook",
]
