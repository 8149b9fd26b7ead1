"""The shops' own interfaces: discount codes are made, found again and withdrawn there, so that the checkout knows them.

Orders that no webhook told are asked for there, too.
"""

from connectors.shops.calling import NotNowError
from connectors.shops.making import CodeMaker, Discounts
from connectors.shops.orders import Orders, Page
from connectors.shops.shopify import Shopify
from connectors.shops.shopware import Shopware
from connectors.shops.woocommerce import WooCommerce

__all__ = ["CodeMaker", "Discounts", "NotNowError", "Orders", "Page", "Shopify", "Shopware", "WooCommerce"]
