"""The shop whose interface makes codes and lists orders, by the settings."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.shops import CodeMaker, Orders, Shopify, Shopware, WooCommerce
from engine.listeners.serving import is_loopback
from engine.wiring.secret import from_file
from engine.wiring.settings import SettingsError, ShopSettings

TOKEN = "WINBACK_SHOP_TOKEN"  # noqa: S105 - the variable's name, no token


def code_maker(shop: ShopSettings, environment: Mapping[str, str]) -> CodeMaker | None:
    """Return what has the shop make codes, None where the settings name no shop.

    Raises:
        SettingsError: something is missing, all of it told; or the token would travel in the open.

    """
    return None if shop.kind is None else CodeMaker(_client(shop, environment))


def orders_of(shop: ShopSettings, environment: Mapping[str, str]) -> Orders:
    """Return what lists the shop's orders.

    Raises:
        SettingsError: something is missing, all of it told; or the token would travel in the open.

    """
    if shop.kind is None:
        raise SettingsError("shop.poll: which shop is it to ask? Name shop.kind")
    return _client(shop, environment)


def _client(shop: ShopSettings, environment: Mapping[str, str]) -> Shopify | WooCommerce | Shopware:
    token = from_file(shop.token_file, TOKEN, environment)
    problems = [
        *([] if shop.url else [f"shop.url: where does the {shop.kind} shop answer? Write https://…"]),
        *([] if token else [f"shop.token_file: the {shop.kind} shop needs a token there, or in {TOKEN}"]),
        *([] if shop.key or shop.kind == "shopify" else [f"shop.key: {shop.kind} needs one beside the secret"]),
    ]
    if shop.url and not _is_safe(shop.url):
        problems.append(f"shop.url: {shop.url} is not https, so anybody on the way could read the token")
    if problems:
        raise SettingsError("\n".join(problems))
    url = shop.url or ""
    match shop.kind:
        case "shopify":
            return Shopify(url, token, version=shop.version)
        case "woocommerce":
            return WooCommerce(url, shop.key, token)
        case _:
            return Shopware(url, shop.key, token, sales_channels=shop.sales_channels)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
