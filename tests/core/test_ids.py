"""Ids are made from what they are about, and never change: what is pinned here stands in people's databases."""

from __future__ import annotations

import re

from engine.core.ids import code, effect_id, event_ref, lot, ref, run_id

NUMBER = 200


def test_ids_are_what_they_always_were() -> None:
    """A change of these would send mails twice after an update, and move customers between arms."""
    run = run_id("c-1042", "winback", 1_767_603_600_000_000)
    assert run == "69b286b588534928760fea8a"
    assert effect_id(run, "coupon", "send coupon_offer 0", 1) == "352cf0ee1ce4eef3dbe79add735444c9"
    assert ref("10023") == 4_049_162_578_584_238_167
    assert event_ref("shop", "ord-10023").hex() == "eb1c705b68a872317ff5a830dee01333"
    assert lot("change-me", "holdout winback", "c-1042") == 7513
    assert code(b"secret", run, "ten_percent") == "WB-XHG7BTSWJJ"


def test_each_part_of_an_id_matters() -> None:
    """Another customer, workflow, moment, stage, step or entry is another id; parts do not run into each other."""
    runs = {run_id("a", "b", 1), run_id("a", "b", 2), run_id("a", "c", 1), run_id("b", "b", 1), run_id("ab", "", 1)}
    assert len(runs) == 5
    effects = {
        effect_id("r", "s", "k", 1),
        effect_id("r", "s", "k", 2),
        effect_id("r", "sk", "", 1),
        effect_id("r", "", "sk", 1),
    }
    assert len(effects) == 4


def test_codes_are_hard_to_mistake() -> None:
    """Ten letters of which none looks like another, different for each run, offer and key."""
    codes = {code(key, f"r{n}", offer) for n in range(NUMBER) for offer in ("a", "b") for key in (b"1", b"2")}
    assert len(codes) == 4 * NUMBER
    assert all(re.fullmatch("WB-[0-9A-HJKMNP-TV-Z]{10}", each) for each in codes)


def test_lots_are_spread_evenly_and_independently() -> None:
    """About half of those below half in one experiment are below half in another."""
    names = [f"c-{number}" for number in range(4_000)]
    one = {name for name in names if lot("salt", "one", name) < 5_000}
    two = {name for name in names if lot("salt", "two", name) < 5_000}
    assert abs(len(one) - 2_000) < 150
    assert abs(len(one & two) - 1_000) < 120
