"""Hops 2 to 4: drop what was seen, find and load the customer, decide, and give the store all of it for one commit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

from msgspec import Struct

from engine.core import ids
from engine.core.allowances import BUDGET, ENTRIES, HAND_OFFS, NONE_YET, wanting
from engine.core.coupons import coupon_key
from engine.core.customer import Customer
from engine.core.deciding import decide
from engine.core.decision import Decision, Entered, Issued, MailFailed, OnRamp, TaskGiven, Wanting
from engine.core.effects import COUPON_ISSUED, SEND_REQUESTED
from engine.core.erasing import ERASED, REFUSED
from engine.core.events import DeadLetter, Event
from engine.core.facts import is_known
from engine.core.merging import MERGED, who_is_now
from engine.core.moments import HOUR, Instant, zone
from engine.core.ramping import LINES, counts_mails
from engine.core.reading import encode
from engine.core.rulebook import Rules
from engine.core.sharing import ABOUT_ADDRESS, address_of
from engine.core.shop import TASKS_KEPT, Pace, learn_since
from engine.core.signals import (
    AnySignal,
    GivenUp,
    Handed,
    Happened,
    Introduced,
    Joined,
    Look,
    Recovered,
    Shares,
    TimeUp,
    TurnedAway,
)
from engine.core.standing import UNOBSERVED, may_not_be_kept
from engine.core.whose import BY_ADDRESS, NOBODY, OF_THE_SHOP, keys_of, mail_key, unknown_at
from engine.handling import sharing
from engine.handling.across import Across, Told, claimed
from engine.handling.calling_up import take_note
from engine.handling.granting import use
from engine.handling.sweeping import Sweeping
from engine.ports import Erasures, Store

HISTORY_AFTER = 72 * HOUR
"""An event that took longer to reach us is history, not news."""

_BY_WHAT_THEY_ARE_ABOUT = frozenset({"order.placed", "order.cancelled"})


class Taken(Struct, frozen=True, gc=False):
    """What became of an event: accepted (as history or as news), a duplicate, a dead letter and why, or refused."""

    status: str
    customer_id: str = ""
    history: bool = False
    reason: str = ""


class Handling:
    """Decides signals over a store, one after the other, inside the runtime's transaction.

    It also owns what a decision reports about the shop: reorder intervals, paces, budgets and pool codes. Exceptions
    out of the core go to the dead letters and mark the customer stuck; those of the store pass through.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        history_after: int | None = HISTORY_AFTER,
        newcomer: Callable[[str], Customer] = Customer,
        distinct: bool = False,
        whole: bool = True,
    ) -> None:
        """Decide by these rules.

        Args:
            rules: the rule set in force with the shop's state; replaced when they change.
            history_after: microseconds; None makes everything news, as in a back-test.
            newcomer: makes the record of a customer not met before; a back-test may take permission for granted.
            distinct: whoever feeds it leaves out repetitions of a (source, id) himself, as a back-test does.
            whole: it has all the shop's customers, and so closes the shop's day and knows when all runs are moved; one
                that has a part of them is told both.

        """
        self.rules = rules
        self.history_after = history_after
        self.newcomer = newcomer
        self.distinct = distinct
        self.whole = whole
        self.sweeping = Sweeping(self)
        self.poisoned = 0
        self.listed: Callable[[str], Customer | None] | None = None
        """What imported suppressions say of an address that has just become known; the runtime has the list."""
        self.erasures: Erasures | None = None
        """The list of the erased, where the runtime has it; whoever feeds the handling may ask it himself."""
        self.across: Across | None = None
        """What goes between customers here and elsewhere, where a runtime has a part of them alone."""
        self._newly_known: list[tuple[str, str]] = []  # customers with an address that the list must be asked about

    # Events

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "", *, history: bool = False) -> Taken:
        """Take in one event: whoever it is about, if it was not seen before.

        `history` says that it is history whatever its time, as all that is imported.
        """
        if accepted >= self.sweeping.day_ends:
            self.sweeping.close_day(store, accepted)
        if self.erasures is not None and self.erasures.knows(event):
            return Taken("refused", reason=REFUSED)
        customer_id = event.customer or self._whose(store, event)
        if not customer_id:
            return self._of_nobody(store, event, accepted, origin)
        return self.take_of(store, customer_id, event, accepted, history=history)

    def take_of(self, store: Store, customer_id: str, event: Event, accepted: Instant, *, history: bool) -> Taken:
        """Take in an event about a customer who was found already, if it was not seen before."""
        customer = store.load(customer_id)
        if customer is not None and customer.gone and customer.gone.startswith(MERGED):
            customer_id = who_is_now(store.load, customer_id)
            if self.across is not None and self.across.elsewhere.has(customer_id):
                self.across.pass_on(store, customer, Happened(event, history), accepted)
                return Taken("passed_on", customer_id)
            customer = store.load(customer_id)
        if customer is not None and may_not_be_kept(customer, event, self.rules.lifecycle):
            return Taken("refused", customer_id, reason=UNOBSERVED)
        if self._is_duplicate(store, customer_id, customer, event, accepted):
            return Taken("duplicate", customer_id)
        shop = self.rules.shop
        after = self.history_after
        history = history or (after is not None and self._is_history(event, accepted, after))
        if not history and customer is not None and _is_overdue(customer, accepted) and not shop.time_stands:
            self.decide(store, customer_id, TimeUp(), accepted)  # what is overdue goes before what has just come
            customer = store.load(customer_id)
        if event.type == ERASED and self.erasures is not None:
            self.erasures.begin(store, customer_id, customer, event, accepted)
        learn_since(shop, event.time, history=history, accepted=accepted)
        happened = Happened(event, history)
        self.decide_for(store, customer or self.newcomer(customer_id), customer, happened, accepted)
        if event.type in ABOUT_ADDRESS:
            if self.across is not None:
                self.across.spread(store, customer_id, happened, accepted)
            else:
                self._follow(store, sharing.overheard(store, customer_id, happened, accepted), accepted)
        if event.type == "customer.merged":
            self.merge(store, customer_id, who_is_now(store.load, event.data.into), accepted, history=history)
        if self._newly_known:
            self._heed_list(store, accepted)
        return Taken("accepted", customer_id, history)

    def _is_duplicate(
        self, store: Store, customer_id: str, customer: Customer | None, event: Event, accepted: Instant
    ) -> bool:
        """Say whether an event was taken in before; orders are known by what they are about, whatever their event's id."""
        if event.type in _BY_WHAT_THEY_ARE_ABOUT:
            return customer is not None and is_known(customer, event)
        return not self.distinct and store.seen(customer_id, ids.event_ref(event.source, event.id), accepted)

    def take_letter(self, store: Store, letter: DeadLetter, accepted: Instant) -> Taken:
        """Keep input that cannot be read, unless it speaks of somebody who was erased."""
        if self.erasures is not None and self.erasures.knows_bytes(letter.raw):
            return Taken("refused", reason=REFUSED)
        store.bury(letter, accepted)
        return Taken("dead_letter", reason=letter.reason)

    def merge(self, store: Store, goes: str, stays: str, now: Instant, *, history: bool) -> None:
        """Make two records of one person one: `goes` is given up, and what comes for it goes to `stays`."""
        other = store.load(goes)
        if goes == stays or other is None or other.gone:
            return
        if self.across is not None and self.across.has_joined(store, goes, stays, now):
            return
        self.decide_for(store, other, other, GivenUp(stays), now)
        if self.across is not None:
            self.across.give_up(store, other, stays, now, history=history)
            return
        mine = store.load(stays)
        self.decide_for(store, mine or self.newcomer(stays), mine, Joined(other, history), now)

    def _is_history(self, event: Event, accepted: Instant, after: int) -> bool:
        shop = self.rules.shop
        return event.time < max(shop.live_since, shop.news_since) or accepted - event.time > after

    def _of_nobody(self, store: Store, event: Event, accepted: Instant, origin: str) -> Taken:
        """Take in an event about the shop; one about somebody who cannot be found is a dead letter."""
        if event.type in OF_THE_SHOP:
            seen = store.seen("", ids.event_ref(event.source, event.id), accepted)
            after = self.history_after
            if not seen and (after is None or not self._is_history(event, accepted, after)):
                self.sweeping.breaking.hear(store, event.data, accepted)
            return Taken("duplicate" if seen else "accepted")
        store.bury(DeadLetter(encode(event), NOBODY, origin), accepted)
        return Taken("dead_letter", reason=NOBODY)

    def _whose(self, store: Store, event: Event) -> str:
        """Find the customer by message, code or address; an unknown address is kept as a customer of its own."""
        for key in keys_of(event):
            if found := store.find(key):
                return found
        return unknown_at(event)

    def turned_away(self, store: Store, customer_id: str, signal: TurnedAway, now: Instant) -> None:  # noqa: ARG002 - tells where it is counted
        """Note that a server put off a customer's marketing mail for what it thinks of us as a sender: ramp and breaker count it."""
        if counts_mails(self.rules):
            self.sweeping.tell(store, signal, now)

    # Signals

    def decide(self, store: Store, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Decide one signal about a customer; of an unknown customer there is nothing to decide."""
        customer = store.load(customer_id)
        if customer is not None and isinstance(signal, Handed) and customer.gone.startswith(MERGED):
            customer_id = who_is_now(store.load, customer_id)  # their runs went over with them
            customer = store.load(customer_id)
        if customer is None and isinstance(signal, Happened | Joined | Recovered):
            self.decide_for(store, self.newcomer(customer_id), None, signal, now)
        elif customer is not None:
            self.decide_for(store, customer, customer, signal, now)
        if isinstance(signal, Happened):
            self._follow(store, sharing.overheard(store, customer_id, signal, now), now)
        if self._newly_known:
            self._heed_list(store, now)

    def look_if_moved(self, store: Store, customer_id: str, now: Instant) -> None:
        """Decide what an `apply` said of the customer's runs, if they have not been looked at since: before a send leaves."""
        shop = self.rules.shop
        if shop.moves:
            customer = store.load(customer_id)
            if customer is not None and customer.epoch != shop.epoch:
                self.decide(store, customer_id, Look(), now)

    def _follow(self, store: Store, told: Iterable[Told], now: Instant, *, own: str = "") -> None:
        """Decide what follows for others under the same address; nothing follows from that in turn but counts.

        Who has a part of the customers tells the others, but for `own`, from whom it follows.
        """
        for customer_id, signal in told:
            if self.across is not None and customer_id != own:
                self.across.tell(store, customer_id, signal, now)
                continue
            customer = store.load(customer_id)
            if customer is not None:
                self.decide_for(store, customer, customer, signal, now)

    def advance(self, store: Store, now: Instant) -> Instant | None:
        """Do a slice of the shop's own work; return when it wants to be called again (None: after the next signal)."""
        return self.sweeping.advance(store, now)

    def advance_if_due(self, store: Store, now: Instant) -> None:
        """Close the shop's day before the first signal of the next one."""
        if now >= self.sweeping.day_ends:
            self.sweeping.close_day(store, now)

    def decide_for(
        self, store: Store, customer: Customer, before: Customer | None, signal: AnySignal, now: Instant
    ) -> None:
        """Decide one signal about a customer whose record is at hand; `before` is None where none is kept yet."""
        try:
            decision = decide(customer, signal, now, self.rules)
        except Exception as error:  # noqa: BLE001 - poison is not an outage: this one signal is set aside, the rest goes on
            self._set_aside(store, customer, before, signal, now, error)
            return
        if decision.gaps or decision.notes:
            self._note(decision, now)
        after = decision.customer
        store.journal(after.id, signal, now)
        store.save(before, after)
        if decision.effects:
            store.put(decision.effects)
            for effect in decision.effects:
                if effect.type == SEND_REQUESTED and not effect.shadow:
                    store.know(f"message:{effect.effect_id}", after.id)
                elif effect.type == COUPON_ISSUED and not effect.shadow and effect.data["codes"] != "text":
                    store.know(coupon_key(effect.data["code"]), after.id)
        if customer.shares:
            self._follow(store, sharing.followed(store, customer, after, signal), now, own=after.id)
        if before is None or after.profile is not before.profile:
            self._know_address(
                store, before, after, now, history=isinstance(signal, Happened | Joined) and signal.history
            )
        if after.waiting is not customer.waiting and not set(customer.waiting).issuperset(after.waiting):
            self.sweeping.someone_waits(now, after.waiting)

    def _know_address(
        self, store: Store, before: Customer | None, after: Customer, now: Instant, *, history: bool
    ) -> None:
        address = after.value("email")
        if address and not after.gone and (before is None or before.value("email") != address):
            if self.listed is not None and self.rules.shop.suppressions_at:
                self._newly_known.append((after.id, str(address)))
            key = mail_key(address_of(after))
            if self.across is not None:
                self.across.elsewhere.known(key, after.id, history=history)
                return
            earlier = store.find(key) or f"{BY_ADDRESS}{address_of(after)}"
            store.know(key, after.id)
            match claimed(key, earlier, after.id, history=history):
                case goes, GivenUp(stays):
                    self.merge(store, goes, stays, now, history=True)
                case owner, Introduced():
                    self._follow(store, sharing.met(store, owner, after.id, history=history), now)

    def _heed_list(self, store: Store, now: Instant) -> None:
        """Tell whoever has an address since this signal what imported suppressions say of it.

        Only now that everything else has followed from the signal: in the journal this stands on its own, so that a
        replay needs no list.
        """
        asked, self._newly_known = self._newly_known, []
        for customer_id, address in asked:
            known = self.listed(address) if self.listed is not None else None
            if known is not None:
                self._follow(store, [(customer_id, Shares(known, history=True))], now)

    def _note(self, decision: Decision, now: Instant) -> None:
        """Apply what a decision reports about the shop. The runtime keeps the shop with the transaction."""
        shop = self.rules.shop
        for category, days, by in decision.gaps:
            shop.cadence.change(category, days, by)
        for note in decision.notes:
            match note:
                case Entered(workflow):
                    pace = shop.paces.get(workflow) or Pace(now)
                    shop.paces[workflow] = Pace(pace.began, pace.count + 1)
                    use(shop, ENTRIES, workflow, 1)
                case TaskGiven(team, at):
                    shop.hand_offs[team] = (*shop.hand_offs.get(team, ()), at)[-TASKS_KEPT:]
                    use(shop, HAND_OFFS, team, 1)
                case Wanting(key, lacking):
                    if shop.allowances is not None:
                        shop.allowances[key] = wanting(shop.allowances.get(key, NONE_YET), lacking)
                case OnRamp() | MailFailed():
                    self._count_mail(note, now)
                case Issued(offer, at, amount, code):
                    if code:
                        shop.codes[offer].remove(code)
                    by_day = shop.budgets.setdefault(offer, {})
                    today = zone(self.rules.lifecycle.timezone).day(at)
                    if amount >= 0 or at >= shop.rehearsed_before:  # `go-live` forgot what the rehearsal had spent
                        by_day[today] = max(0, by_day.get(today, 0) + amount)
                        use(shop, BUDGET, offer, amount)

    def _count_mail(self, note: OnRamp | MailFailed, now: Instant) -> None:
        """Let ramp and breaker count a mail that left or came back, or that failed."""
        take_note(self.rules, note, now)
        if self.sweeping.breaking.take_note(note):
            self.sweeping.wake = min(self.sweeping.wake, now)
        if isinstance(note, OnRamp) and note.by < 0:  # there is a place again
            self.sweeping.someone_waits(now, LINES.values())

    def _set_aside(
        self,
        store: Store,
        customer: Customer,
        before: Customer | None,
        signal: AnySignal,
        now: Instant,
        error: Exception,
    ) -> None:
        """Keep the signal as a dead letter, leave the record as it was, and mark the customer stuck."""
        self.poisoned += 1
        reason = f"the decision failed: {type(error).__name__}: {error}"
        raw = encode(signal.event) if isinstance(signal, Happened) else type(signal).__name__.encode()
        store.bury(DeadLetter(raw, reason, f"customer {customer.id}"), now)
        store.journal(customer.id, signal, now)
        stuck = copy.copy(customer)
        stuck.stuck, stuck.next_due = reason, None
        stuck.waiting = ()  # who stood first in a line would be called again and again
        store.save(before, stuck)


def _is_overdue(customer: Customer, now: Instant) -> bool:
    return customer.next_due is not None and customer.next_due < now
