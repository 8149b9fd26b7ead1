"""How the receivers are, read from the data: whether an engine runs or not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.effect_files import position_of
from engine.books.delivery import ORIGIN
from engine.books.parcels import kept_types
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.handing_off import REPLIES
from engine.core.moments import SECOND, Instant
from engine.core.shop import Shop
from engine.insight.receiving import ReceiverRow
from engine.wiring.receivers_missing import Need, Takes, takers, takes
from engine.wiring.settings import Settings

COUNTED = 1_000
"""So many effects that are behind are counted; more are as good as that to know."""

ASKED = {
    fx.SUPPRESSED,
    fx.RESUMED,
    fx.NEWSLETTER_ADAPTED,
    fx.HANDED_OFF,
    fx.ACCOUNT_CLOSING,
    fx.ACCOUNT_CLOSED,
    fx.EMITTED,
    fx.SEND_REQUESTED,
}
"""Effects that ask somebody to do something; the others are facts."""


def receiver_rows(views: Views, settings: Settings, shop: Shop, now: Instant) -> list[ReceiverRow]:
    """Return how each receiver is that the settings name."""
    positions = dict(views.all("receiver_positions"))
    found = []
    for each in takers(settings):
        position = position_of(settings.data) if each.name == "files" else positions.get(each.name)
        found.append(_row(views, each, position, shop, now))
    return found


def nobody_takes(views: Views, settings: Settings) -> dict[str, int]:
    """Return how often since go-live the world was asked for what nobody takes, by type of effect."""
    taken_by = takers(settings)
    kinds = {name.removeprefix("winback."): name for name in kept_types(ASKED)}
    found: dict[str, int] = {}
    for kind, detail, count in views.all("tally_of", msgspec.json.encode(list(kinds)).decode()):
        told = fx.SEND_REQUESTED if kinds[kind] == fx.SEND_GIVEN_OUT else kinds[kind]
        if told == fx.HANDED_OFF and detail == REPLIES and settings.incoming.takes_mail:
            continue  # their words went to people by mail
        need = Need("", "", "", told, channel=detail, team=detail)
        if not any(takes(each, need) for each in taken_by):
            found[told] = found.get(told, 0) + count
    return found


def troubles_of(rows: list[ReceiverRow], running: Mapping[str, str]) -> list[str]:
    """Say what keeps effects from their receivers; `running` is what a running engine says of them."""
    left_alone = [f"{name} takes nothing at present: {why}" for name, why in sorted(running.items())]
    lost = [
        f"{row.name}: {row.dead_letters:,} effects were not taken and wait among the dead letters"
        for row in rows
        if row.dead_letters
    ]
    return left_alone + lost


def where_effects_go(rows: list[ReceiverRow], all_of_them: str, *, shop_is_live: bool) -> str:
    """Say where effects other than mails go: to receivers, and to the file or the topic that has `all_of_them`."""
    if not shop_is_live:
        return "nobody before go-live"
    names = [row.name for row in rows if row.name != "files"]
    return ", ".join([*names, all_of_them])


def _row(views: Views, taker: Takes, position: int | None, shop: Shop, now: Instant) -> ReceiverRow:
    parcels, oldest, why = views.named("parcels", receiver=taker.name)[0]
    behind, first = 0, None
    if shop.gone_live and position is not None:
        listed = msgspec.json.encode(kept_types(taker.types)).decode()
        found = views.named("behind", position=position, since=shop.live_since, types=listed, limit=COUNTED)
        behind, first = found[0]
    since = min((at for at in (oldest, first) if at is not None), default=now)
    return ReceiverRow(
        name=taker.name,
        takes=sorted(taker.types),
        behind=behind,
        parcels=parcels,
        dead_letters=views.one("letters_from", f"{ORIGIN}{taker.name}")[0],
        lag_seconds=round((now - since) / SECOND, 3),
        last_error=why or "",
    )
