"""What correct files mean: the rules they become."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.moments import Length, day_number
from engine.core.money import Money
from engine.core.rules import (
    AdaptNewsletter,
    Address,
    AnyCondition,
    AnyOf,
    AnyStep,
    Budget,
    CauseIs,
    CauseRule,
    Choose,
    CloseAccount,
    Declining,
    Discount,
    Emit,
    EnterAtMost,
    EventSeen,
    FieldIs,
    FreeTrial,
    Gift,
    GoTo,
    HandOff,
    LapseRule,
    Lifecycle,
    Mode,
    Not,
    Occasion,
    OccasionNear,
    Offer,
    OfferHad,
    PerCustomer,
    Purpose,
    Returned,
    RuleSet,
    Season,
    Send,
    Split,
    Standing,
    StandingIs,
    TagIs,
    TemplateSent,
    Wait,
    WaitUntil,
    Workflow,
    WorkflowEnded,
    WorthIs,
    content,
    sends_of,
)
from engine.language.files import read_files
from engine.language.folder import read_folder
from engine.language.scenarios import CLOCK, STARTS, Action, EndedBefore, Given, Scenario

HERE = Path(__file__).parent
SHOP = {path.name: path.read_bytes() for path in sorted((HERE / "shop").iterdir())}


def rules(**files: str) -> RuleSet:
    """The rules of correct files, by name without .yaml."""
    checked = read_files({f"{name}.yaml": text for name, text in files.items()})
    assert checked.problems == ()
    assert checked.rules is not None
    return checked.rules


def of_ok(name: str) -> Workflow:
    """A workflow of ok/."""
    case = HERE / "ok" / "workflow" / f"{name}.yaml"
    checked = read_files({**SHOP, case.name: case.read_bytes()})
    assert checked.rules is not None
    return checked.rules.workflows[name]


def lifecycle(text: str) -> Lifecycle:
    """The lifecycle of a file of these lines."""
    return rules(lifecycle=text).lifecycle


def offer(text: str) -> Offer:
    """An offer with these keys, beside its length."""
    return rules(offers=f"offers: {{it: {{valid_for: 14d, {text}}}}}").offers["it"]


def test_a_lifecycle_of_default_values_is_the_default() -> None:
    """The file that ships writes out the values that hold when it is not there, but for what a shop must say itself."""
    shipped = read_folder(HERE.parents[1] / "workflows").rules
    assert shipped is not None
    without = {"margin", "costs", "causes", "service_templates", "occasions"}
    told = {name: getattr(shipped.lifecycle, name) for name in Lifecycle.__struct_fields__ if name not in without}
    assert told == {name: getattr(Lifecycle(), name) for name in told}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("120d", LapseRule("days", (120, 1))),
        ("2w", LapseRule("days", (14, 1))),
        ("2 x reorder_interval", LapseRule("reorder_interval", (2, 1))),
        ("2.5 x own_interval", LapseRule("own_interval", (5, 2))),
        ("quantile 0.85", LapseRule("quantile", (17, 20))),
        ("{is: quantile 0.5, by: category}", LapseRule("quantile", (1, 2), by_category=True)),
    ],
)
def test_every_form_of_lapsed_after_is_read_exactly(text: str, rule: LapseRule) -> None:
    """Fractions stay fractions."""
    assert lifecycle(f"lapsed_after: {text}").lapsed_after == rule
    assert lifecycle(f"one_time_buyers: {{lapsed_after: {text}}}").one_time_buyers == rule


def test_margins_are_parts_of_ten_thousand() -> None:
    """By category where given."""
    found = lifecycle("margin: {otherwise: 35%, by_category: {wine: 18.5%}}")
    assert (found.margin, found.margin_by_category) == (3500, {"wine": 1850})


def test_the_cost_of_one_mail_is_kept_as_that_of_a_thousand() -> None:
    """A fifth of a cent is no whole number of cents; two euros are."""
    assert lifecycle("costs: {email: 0.002 EUR}").costs == {"email": Money(200, "EUR")}


def test_words_switch_rules_of_the_lifecycle_off() -> None:
    """None, never and off."""
    found = lifecycle(
        "quiet: none\nwarm_up: none\nkeep_clear: none\nformer_after: never\noffers_at_most: none\n"
        "hold_while: {ticket_open: off, after_refund: none}\npermission: {unused_block: none}"
    )
    assert (found.quiet, found.warm_up, found.keep_clear_of_other_senders, found.former_after) == (None,) * 4
    assert found.offers_at_most is None
    assert found.hold_while.ticket_open is False
    assert found.hold_while.after_refund is None
    assert found.hold_while.ticket_solved == Length(days=14)
    assert found.permission.unused_block is None
    assert found.permission.unused_warn == Length(days=365)


def test_offers_say_what_they_are() -> None:
    """A discount in parts or money, a gift or a trial with its cost."""
    assert offer("discount: 10%").what == Discount(share=1000)
    assert offer("discount: 5 EUR").what == Discount(money=Money(500, "EUR"))
    assert offer("gift: a mug, cost: 4 EUR").what == Gift("a mug", Money(400, "EUR"))
    assert offer("free_trial: one box, cost: 600 JPY").what == FreeTrial("one box", Money(600, "JPY"))


def test_offers_have_bounds() -> None:
    """Per customer and in money."""
    found = offer("discount: 10%, per_customer: 2 per 365d, budget: 5000 EUR per 30d, minimum_basket: 20 EUR")
    assert found.per_customer == PerCustomer(2, Length(days=365))
    assert found.budget == Budget(Money(500_000, "EUR"), Length(days=30))
    assert found.minimum_basket == Money(2000, "EUR")
    assert offer("discount: 10%, per_customer: never_again").per_customer == PerCustomer(1, None)


def test_a_workflow_carries_the_offers_it_names_and_those_before_them() -> None:
    """A version is the workflow with its offers, so a chain of `after:` belongs to it."""
    text = SHOP["winback.yaml"].decode().replace("offer: ten_percent", "offer: first")
    text = text.replace("send: welcome_back\n", "send: welcome_back\n        offer: ten_percent\n")
    offers = (
        "offers:\n  ten_percent: {discount: 10%, valid_for: 14d, after: first}\n"
        "  first: {discount: 5%, valid_for: 14d}\n  other: {discount: 1%, valid_for: 14d}\n"
    )
    assert sorted(rules(winback=text, offers=offers).workflows["winback"].offers) == ["first", "ten_percent"]


def test_conditions_become_what_they_say() -> None:
    """Every condition of the language, in the order of the file."""
    found = of_ok("every-key").enter_when_all
    without_lines = [
        type(each)(**{name: getattr(each, name) for name in each.__struct_fields__ if name != "line"}) for each in found
    ]
    assert without_lines[:5] == [
        EventSeen(
            event="email.clicked", within=Length(days=30), at_least=2, where={"link": "https://shop.example/sale"}
        ),
        EventSeen(event="order.placed", absent=True, within=Length(days=90)),
        StandingIs(standing=Standing.READER, held_for=Length(days=14)),
        Returned(from_standings=(Standing.LAPSED,), within=Length(days=3)),
        Returned(from_standings=(Standing.FORMER,), within=Length(days=3)),
    ]
    fields = {each.field: each for each in without_lines if isinstance(each, FieldIs)}
    assert fields["revenue_365d"].at_least == Money(10_000, "EUR")
    assert fields["last_order"].at_least == day_number(2024, 1, 1)
    assert fields["formal"].equals is True
    assert fields["points"].any_of == (100, 200)
    assert fields["attributes.shoe_size"].equals == "43"
    assert fields["reading"].equals == "not_observed"
    assert without_lines[-2] == Not(condition=Not(condition=TagIs(tag="blocked", line=49), line=49))


def without_lines(condition: AnyCondition) -> AnyCondition:
    """A condition as it would be made by hand."""
    return replace(condition, line=0)


def test_conditions_on_what_was_done_before_become_what_they_say() -> None:
    """Occasions, decline, causes, offers, messages, endings and worth."""
    found = [without_lines(each) for each in of_ok("every-condition").enter_when_all]
    assert found[:16] == [
        EventSeen(event="order.placed", since="christmas", where={"items.category": "coffee"}),
        EventSeen(event="order.placed", absent=True, since="easter"),
        EventSeen(event="order.placed", within=Length(days=400), where={"items.category": "red wine"}),
        Returned(from_standings=(Standing.READER, Standing.LAPSED, Standing.FORMER), within=None),
        Declining(),
        Declining(what="gaps", by=7500),
        CauseIs(any_of=("price",)),
        CauseIs(any_of=("price", "competitor"), within=Length(days=90)),
        OfferHad(offer="ten_percent", had_within=Length(days=365), used=False),
        OfferHad(offer="box"),
        TemplateSent(template="coupon_offer", within=Length(days=30)),
        WorkflowEnded(workflow="every-condition", ended_within=Length(days=180), outcome="no_response"),
        WorkflowEnded(workflow="every-condition", outcome="not_asked"),
        WorthIs(),
        OccasionNear(occasion="christmas", before=Length(days=14), after=Length(days=2)),
        Not(condition=OccasionNear(occasion="birthday", line=34)),
    ]
    fields = {each.field: each for each in found if isinstance(each, FieldIs)}
    assert fields["categories.coffee.orders"].at_least == 3
    assert fields["categories.red wine.last_order"].within_last == Length(days=90)
    assert fields["cause"].equals == "price"
    one_of = found[-1]
    assert isinstance(one_of, AnyOf), "what one of several must hold of stands last"
    assert [without_lines(each) for each in one_of.conditions] == [
        Declining(what="both"),
        StandingIs(standing=Standing.LAPSED),
    ]


def steps_of(stage: str) -> tuple[AnyStep, ...]:
    """The steps of a stage of ok/workflow/every-step.yaml."""
    return tuple(replace(each, line=0) for each in of_ok("every-step").stage(stage).steps)


def test_moments_and_splits_become_what_they_say() -> None:
    """A day of the customer's, a weekday, an occasion; shares in parts of ten thousand."""
    assert steps_of("wait") == (
        WaitUntil(
            key="wait_until 0",
            field="contract_ends",
            before=Length(days=14),
            at=600,
            if_unknown=Length(days=28),
            at_most=Length(days=30),
        ),
        WaitUntil(key="wait_until 1", weekday=1, at=600, at_most=Length(days=5)),
        WaitUntil(key="wait_until 2", occasion="christmas", after=Length(days=14)),
        Split(key="split 0", shares=(("by_cause", 3350), ("by_value", 6650))),
    )


def test_branches_say_what_they_ask_and_each_send_has_a_key_of_its_own() -> None:
    """By cause, by money, by number, by yes or no, by a day, and by what is learned."""
    by_cause = steps_of("by_cause")[0]
    assert isinstance(by_cause, Choose)
    assert [(each.name, each.equals, each.send and each.send.key) for each in by_cause.branches] == [
        ("price", "price", "choose cause 0/price send coupon_offer"),
        ("competitor", "competitor", None),
    ]
    assert by_cause.otherwise is not None
    assert (by_cause.otherwise.key, by_cause.otherwise.channel) == (
        "choose cause 0/otherwise send coupon_reminder",
        "preferred",
    )
    choices = [step for step in steps_of("by_value") if isinstance(step, Choose)]
    assert [(step.by, [(each.equals, each.at_least, each.at_most) for each in step.branches]) for step in choices] == [
        ("revenue_365d", [(None, Money(50_000, "EUR"), None), (None, Money(20_000, "EUR"), None)]),
        ("points", [(0, None, None), (None, None, 3)]),
        ("tier", [("gold", None, None)]),
        ("formal", [(True, None, None)]),
        ("last_order", [(None, day_number(2026, 1, 1), None)]),
        ("learning", [(None, None, None), (None, None, None)]),
    ]
    keys = [send.key for stage in of_ok("every-step").stages for step in stage.steps for send in sends_of(step)]
    assert len(keys) == len(set(keys))


def test_tasks_closings_and_own_events_become_what_they_say() -> None:
    """What a person may do at most, the notice, and values typed by the event's fields."""
    assert steps_of("by_cause")[1:] == (
        AdaptNewsletter(key="newsletter less 0", at_most=(1, Length(days=30))),
        AdaptNewsletter(key="newsletter new_products 0", content="new_products"),
        AdaptNewsletter(key="newsletter as_usual 0"),
    )
    assert steps_of("by_hand") == (
        HandOff(
            key="hand_off key_accounts 0",
            team="key_accounts",
            at_most=(20, Length(days=1)),
            answer_within=Length(days=14),
            late_at_most=Length(days=7),
        ),
        HandOff(key="hand_off shop_floor 0", team="shop_floor", may=("call",)),
        HandOff(key="hand_off letters 0", team="letters", may=()),
        Emit(
            key="emit review.written 0",
            event="review.written",
            values={"stars": 5, "sku": "012", "written": "2026-01-31"},
        ),
    )
    closing = CloseAccount(
        key="close_account 0", notice=Length(days=14), template="receipt", late_at_most=Length(days=5)
    )
    assert steps_of("close")[2] == closing


def test_occasions_are_kept_with_the_lifecycle() -> None:
    """They are the newest for everyone, as all of the lifecycle."""
    text = (HERE / "ok" / "occasions" / "every-key.yaml").read_text()
    assert list(rules(winback=_plain_workflow(), occasions=text).lifecycle.occasions.values()) == [
        Occasion(name="christmas", kind="date", month=12, day=24),
        Occasion(name="leap_day", kind="date", month=2, day=29),
        Occasion(name="good_friday", kind="easter", offset=-2),
        Occasion(name="whit_monday", kind="easter", offset=50),
        Occasion(name="black_friday", kind="weekday", weekday=4, nth=4, month=11),
        Occasion(name="last_sunday_of_may", kind="weekday", weekday=6, nth=-1, month=5),
        Occasion(name="birthday", kind="customer", field="birthday"),
        Occasion(name="first_order", kind="customer", field="first_order"),
        Occasion(name="jubilee", kind="date", month=5, day=4, since=1998, every=5),
    ]


def test_causes_and_seasons_are_read() -> None:
    """Evidence weighs as its event does where nobody says; a season may go over the new year."""
    found = lifecycle(
        "causes:\n- {event: ticket.opened, where: {topic: delivery}, means: service}\n"
        "- {event: survey.answered, means: price}\n- {event: order.refunded, means: quality, strength: strong}\n"
        "seasons: [{name: winter, from: 11-01, to: 02-29}]\nreturns_within: 45d"
    )
    assert found.causes == (
        CauseRule(event="ticket.opened", where={"topic": "delivery"}, means="service", strength=2),
        CauseRule(event="survey.answered", means="price", strength=3),
        CauseRule(event="order.refunded", means="quality", strength=3),
    )
    assert found.seasons == (Season(name="winter", begins=(11, 1), ends=(2, 29)),)
    assert found.returns_within == Length(days=45)


def test_a_workflow_carries_the_offers_of_its_branches() -> None:
    """What a branch offers belongs to the version as well."""
    assert sorted(of_ok("every-step").offers) == ["ten_percent"]


def test_norway_is_no_refusal() -> None:
    """A bare NO is the text it is where a text is due: nothing is guessed."""
    last = of_ok("every-key").enter_when_all[-1]
    assert isinstance(last, Not)
    assert isinstance(last.condition, FieldIs)
    assert last.condition.equals == "NO"


def test_values_for_a_template_stay_as_they_are_written() -> None:
    """A leading nought is kept: `with:` hands on text."""
    first = of_ok("every-key").first.steps[0]
    assert isinstance(first, Send)
    assert first.values == {"season": "summer", "size": "012"}


def test_the_top_of_a_workflow_is_read() -> None:
    """Switches apart from what makes a version."""
    workflow = of_ok("every-key")
    assert workflow.again_after is None
    assert workflow.worth_positive
    assert (workflow.send_between, workflow.send_on) == ((540, 1200), (0, 1, 2, 3, 4, 5, 6))
    assert workflow.late_at_most == Length(minutes=36 * 60)
    case = HERE / "ok" / "workflow" / "every-key.yaml"
    checked = read_files({**SHOP, case.name: case.read_bytes()})
    assert checked.rules is not None
    switch = checked.rules.switches["every-key"]
    assert (switch.mode, switch.reach, switch.enter_at_most, switch.skip_those_who_fit) == (
        Mode.SHADOW,
        1250,
        None,
        True,
    )
    switch = rules(winback=_plain_workflow().replace("again", "enter_at_most: 500 per 1d\nagain")).switches["winback"]
    assert switch.enter_at_most == EnterAtMost(500, Length(days=1))


def test_step_keys_are_kind_name_and_ordinal() -> None:
    """The key stays when a wait gets another length or lines move, so that runs find their place."""
    steps = of_ok("every-key").first.steps
    assert [step.key for step in steps] == [
        "send coupon_offer 0",
        "wait 0",
        "go_to second 0",
        "go_to second 1",
        "send receipt 0",
        "wait 1",
        "tag vip 0",
        "untag vip 0",
        "suppress newsletter 0",
        "resume newsletter 0",
        "standing former 0",
    ]
    assert isinstance(steps[1], Wait)
    assert steps[1].length == Length(minutes=15)
    assert isinstance(steps[3], GoTo)
    assert [type(each) for each in steps[3].when_all] == [StandingIs, type(of_ok("every-key").enter_when_all[5])]


def _plain_workflow() -> str:
    return SHOP["winback.yaml"].decode().replace("        offer: ten_percent\n", "")


def test_comments_and_blank_lines_make_no_new_version() -> None:
    """The content of a version is what the file means, not how it is laid out."""
    text = _plain_workflow()
    laid_out = "# A comment.\n\n" + text.replace("again_after: 180d", 'again_after:   "180d"   # half a year')
    assert content(rules(winback=text).workflows["winback"]) == content(rules(winback=laid_out).workflows["winback"])


def test_lines_say_where_things_stand() -> None:
    """`explain` cites them."""
    workflow = rules(winback=_plain_workflow()).workflows["winback"]
    assert workflow.line == 1
    assert [stage.line for stage in workflow.stages] == [9, 17]
    assert [step.line for step in workflow.first.steps] == [11, 12]
    assert [way.condition.line for way in workflow.first.until_any] == [14]


def test_scenarios_are_read_whole() -> None:
    """Given, when and expect, with what holds where nothing is said."""
    case = HERE / "ok" / "scenarios" / "every-key.yaml"
    (found,) = read_files({**SHOP, "winback.scenarios.yaml": case.read_bytes()}).scenarios
    whole, acts, least, _ = found.scenarios
    assert found.workflow == "winback"
    assert (whole.starts, whole.clock) == (day_number(2026, 3, 28), 18 * 60 + 30)
    assert (least.starts, least.clock) == (STARTS, CLOCK)
    assert least.given == Given()
    given = whole.given
    assert (given.standing, given.orders, given.last_order) == (Standing.LAPSED, 3, Length(days=120))
    assert (given.basket, given.address) == (Money(4990, "EUR"), Address.DOUBTFUL)
    assert given.permission == ("newsletter", "tracking", "marketing/phone")
    assert (given.cause, given.declining, given.offers_had) == ("price", True, {"ten_percent": Length(days=200)})
    assert given.offers_used == ("ten_percent",)
    assert given.ended == EndedBefore(workflow="winback", outcome="no_response", ago=Length(days=300))
    assert [str(action) for each in acts.expect for action in each.actions] == [
        "hand_off key_accounts",
        "newsletter less",
        "newsletter new_products",
        "emit review.written",
        "close_account",
        "drop coupon_offer",
        "held_out coupon_offer",
        "held_out hand_off key_accounts",
        "held_out close_account",
    ]
    assert given.profile["birthday"] == "1980-05-03"
    assert given.profile["country"] == "NO"
    assert given.profile["attributes"] == {"shoe_size": "43"}
    assert [(each.at, each.event, each.data) for each in whole.when] == [
        (Length(minutes=36 * 60), "order.placed", {}),
        (Length(minutes=36 * 60), "email.clicked", {}),
        (Length(days=5), "email.bounced", {"kind": "full"}),
        (Length(days=6), "order.placed", {}),
        (Length(days=6), "review.written", {"stars": 5, "written": "2026-01-31"}),
    ]
    assert [(each.at, [str(action) for action in each.actions]) for each in whole.expect] == [
        (Length(), ["send coupon_offer"]),
        (
            Length(days=7),
            ["suppress newsletter", "resume newsletter", "tag vip", "untag vip", "standing former", "end no_response"],
        ),
    ]


def test_actions_know_where_they_stand() -> None:
    """A contradiction can point at the one action of a line."""
    case = HERE / "ok" / "scenarios" / "every-key.yaml"
    lines = case.read_text().splitlines()
    (found,) = read_files({**SHOP, "winback.scenarios.yaml": case.read_bytes()}).scenarios

    def cited(action: Action) -> str:
        return lines[action.spot.line - 1][action.spot.column - 1 :][: action.spot.length]

    scenario: Scenario = found.scenarios[0]
    actions = [action for each in scenario.expect for action in each.actions]
    assert [cited(action) for action in actions] == [str(action) for action in actions]


def test_purposes_are_those_of_the_core() -> None:
    """A stop names newsletter or marketing."""
    step = next(step for step in of_ok("every-key").first.steps if step.key == "suppress newsletter 0")
    assert getattr(step, "scope", None) is Purpose.NEWSLETTER
