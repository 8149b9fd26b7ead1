"""The shops' own interfaces: discount codes are made, found again and withdrawn there, so that the checkout knows them."""

from connectors.shops.making import CodeMaker, Discounts
from connectors.shops.shopify import Shopify
from connectors.shops.shopware import Shopware
from connectors.shops.woocommerce import WooCommerce

__all__ = ["CodeMaker", "Discounts", "Shopify", "Shopware", "WooCommerce"]
