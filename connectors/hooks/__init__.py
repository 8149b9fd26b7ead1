"""Webhooks of shops and mail services: each checked by its own rules, and told in our words."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from connectors.hooks import shopify, shopware, woocommerce
from connectors.hooks.brevo import Brevo
from connectors.hooks.generic import Generic
from connectors.hooks.mailgun import Mailgun
from connectors.hooks.postmark import Postmark
from connectors.hooks.sendgrid import SendGrid
from connectors.hooks.ses import Ses
from connectors.hooks.shop import Shop
from connectors.hooks.shopify import ShopifyHook
from connectors.hooks.shopware import ShopwareHook
from connectors.hooks.sns import Fetch, Topics
from connectors.hooks.woocommerce import WooCommerceHook

__all__ = [
    "ORDERS_OF",
    "Brevo",
    "Fetch",
    "Generic",
    "Mailgun",
    "Postmark",
    "SendGrid",
    "Ses",
    "Shop",
    "ShopifyHook",
    "ShopwareHook",
    "Topics",
    "WooCommerceHook",
]

ORDERS_OF: Final[dict[str, Callable[[Shop, dict[str, Any]], Iterator[bytes]]]] = {
    each.SOURCE: each.events_of_order for each in (shopify, shopware, woocommerce)
}
"""What tells an order of a shop, however it was got: by a webhook or by asking."""
