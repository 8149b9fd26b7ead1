"""Signatures: published examples, the certificate of SNS, subscriptions, and headers that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hooks import Generic, Ses, ShopifyHook, Topics
from engine.core.moments import SECOND
from engine.ports import ForgedError, Hook, HookCall, UnreadableError
from engine.wiring.hook_settings import Hooks, SesHook
from engine.wiring.hooks import hooks_of
from engine.wiring.settings import Settings, SettingsError
from tests.hook_senders import CERTIFICATE_URL, SENDERS, TOPIC, amazon, environment

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


async def test_the_example_of_standard_webhooks() -> None:
    """The id, time, payload, secret and signature that its libraries publish as their example."""
    call = HookCall(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1_614_265_330 * SECOND,
    )
    heard = await Generic(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).hear(call)
    assert heard.events == (b'{"test": 2432232314}',)


async def test_shopifys_newer_header_is_taken_too() -> None:
    """Its preview of events leaves the X- away."""
    headers, body = SENDERS["shopify"].call(1, NOW)
    renamed = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    assert len((await ShopifyHook([SENDERS["shopify"].secrets[0]]).hear(HookCall(renamed, body, NOW))).events) == 1


class Amazon:
    """What stands at Amazon's addresses, and who asked for it."""

    def __init__(self, certificate: bytes | None = None) -> None:
        self.asked: list[str] = []
        self.certificate = amazon()[1] if certificate is None else certificate

    async def fetch(self, url: str) -> bytes:
        """Get it."""
        self.asked.append(url)
        return self.certificate

    def hook(self, *topics: str) -> Ses:
        """Return a hook that asks here."""
        return Ses(Topics(topics or (TOPIC,), fetch=self.fetch))


def sns(change: Callable[[dict[str, Any]], Any] = lambda _: None, number: int = 1, **said: Any) -> HookCall:
    """Return a message of SNS's, changed after it was signed."""
    message = {**SENDERS["ses"].said(number), **said}
    headers, body = SENDERS["ses"].signed(json.dumps(message).encode(), "2", NOW)
    signed = json.loads(body)
    change(signed)
    return HookCall({name.lower(): value for name, value in headers.items()}, json.dumps(signed).encode(), NOW)


async def test_the_certificate_is_fetched_once() -> None:
    """From the address in the message, which is Amazon's."""
    there = Amazon()
    hook = there.hook()
    for number in range(3):
        assert len((await hook.hear(sns(number=number))).events) == 1
    assert there.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
        "",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(url: str) -> None:
    """The address is in the message, so whoever forges one could name a certificate of their own."""
    there = Amazon()
    with pytest.raises(ForgedError):
        await there.hook().hear(sns(lambda message: message.update(SigningCertURL=url)))
    assert there.asked == []


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Subject", "Type"])
async def test_each_signed_field_of_sns_counts(name: str) -> None:
    """One that was changed, or a subject that was put in, makes the signature wrong."""
    other = "SubscriptionConfirmation" if name == "Type" else "arn:other" if name == "TopicArn" else "other"
    with pytest.raises(ForgedError):
        await Amazon().hook(TOPIC, "arn:other").hear(sns(lambda message: message.update({name: other})))


async def test_a_topic_that_is_not_listed_is_refused_without_a_look() -> None:
    """Anybody can make a topic that Amazon signs for; nothing is fetched for it, and no subscription confirmed."""
    there = Amazon()
    with pytest.raises(ForgedError, match="not listed"):
        await there.hook("arn:aws:sns:eu-west-1:1:other").hear(sns())
    assert there.asked == []


SUBSCRIPTION: dict[str, Any] = {
    "Type": "SubscriptionConfirmation",
    "Token": "t",
    "SubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
}


async def test_a_subscription_of_a_listed_topic_is_confirmed() -> None:
    """Its address is asked for once it was found to be signed; nothing happened to any mail."""
    there = Amazon()
    assert (await there.hook().hear(sns(**SUBSCRIPTION))).events == ()
    assert there.asked == [CERTIFICATE_URL, SUBSCRIPTION["SubscribeURL"]]
    assert (await there.hook().hear(sns(**{**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"}))).events == ()
    assert there.asked.count(SUBSCRIPTION["SubscribeURL"]) == 1


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/?Action=ConfirmSubscription&x", "http://169.254.169.254/?Action=ConfirmSubscription&x"],
)
async def test_no_other_address_is_asked(url: str) -> None:
    """Not even one that is signed."""
    there = Amazon()
    with pytest.raises(ForgedError):
        await there.hook().hear(sns(**{**SUBSCRIPTION, "SubscribeURL": url}))
    assert there.asked == [CERTIFICATE_URL]


async def test_a_certificate_that_cannot_be_had_is_waited_for() -> None:
    """The call is to come again, and the next one asks again."""

    async def away(url: str) -> bytes:
        raise OSError(f"nothing at {url}")

    with pytest.raises(OSError, match="nothing at"):
        await Ses(Topics((TOPIC,), fetch=away)).hear(sns())
    with pytest.raises(ForgedError):
        await Amazon(b"no certificate").hook().hear(sns())


def all_hooks() -> list[Hook]:
    """Return every hook."""
    settings = Settings(hooks=Hooks(ses=SesHook(topics=(TOPIC,))))
    return hooks_of(settings, environment(), Amazon().fetch)


HEADERS = (
    "authorization",
    "shopware-shop-signature",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-shopify-hmac-sha256",
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
    "x-wc-webhook-signature",
)


@given(
    values=st.lists(st.one_of(st.text(max_size=40), st.from_regex(r"v1,[A-Za-z0-9+/=,]*", fullmatch=True)), min_size=9, max_size=9),
    body=st.one_of(st.binary(max_size=200), st.just(b'{"signature":{"timestamp":"1","token":"t","signature":"zz"}}')),
)  # fmt: skip
async def test_no_header_and_no_body_is_a_failure(values: list[str], body: bytes) -> None:
    """Whatever they hold, a call is refused, or cannot be read; the first of WooCommerce's has nothing in it."""
    call = HookCall(dict(zip(HEADERS, values, strict=True)), body, NOW)
    for hook in all_hooks():
        try:
            heard = await hook.hear(call)
        except (ForgedError, UnreadableError):
            continue
        assert heard.events == ()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"WINBACK_HOOKS_GENERIC_SECRETS": "short"}, "hooks.generic: WINBACK_HOOKS_GENERIC_SECRETS: write whsec_"),
        ({"WINBACK_HOOKS_SENDGRID_SECRETS": "bm8ga2V5"}, "hooks.sendgrid"),
    ],
)
def test_a_secret_that_is_none_is_told_before_the_start(said: dict[str, str], told: str) -> None:
    """With what it looks like, and never with what it is."""
    with pytest.raises(SettingsError, match=told) as refused:
        hooks_of(Settings(), said)
    assert next(iter(said.values())) not in str(refused.value)
