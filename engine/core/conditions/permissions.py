"""`permission:`: somebody allowed it, did not take it back, and it has not lapsed."""

from __future__ import annotations

from engine.core.conditions.view import NEVER, View
from engine.core.customer import ASSUMED, Permission
from engine.core.moments import DAY, Instant
from engine.core.permission import is_stopped
from engine.core.rules import PermissionIs
from engine.core.rules.permission import EXPRESS


def permission_from(condition: PermissionIs, view: View) -> Instant:
    """Given, neither withdrawn, stopped nor lapsed; given long enough ago, and near enough to its end, where asked."""
    channel = condition.channel
    given = view.customer.permission.get(f"{condition.permission}/{channel}")
    stopped = is_stopped(view.customer, condition.permission, channel)
    if given is None or not given.given or stopped:
        return NEVER
    if condition.basis and (given.basis or EXPRESS) != condition.basis:
        return NEVER
    if has_lapsed(view, given, channel):
        return NEVER
    earliest = view.now
    if condition.given_before is not None:
        earliest = max(earliest, view.zone.after(given.at, condition.given_before))
    if condition.lapses_within is not None:
        end = lapses_at(view, given, channel)
        if end is None:
            return NEVER
        earliest = max(earliest, view.zone.before(end, condition.lapses_within))
    if earliest == view.now:
        return earliest
    end = lapses_at(view, given, channel)
    return earliest if end is None or earliest < end else NEVER


def permission_until(condition: PermissionIs, view: View) -> Instant:
    """Return when it lapses."""
    given = view.customer.permission[f"{condition.permission}/{condition.channel}"]
    end = lapses_at(view, given, condition.channel)
    return NEVER if end is None else end


def used_at(view: View, given: Permission, channel: str) -> Instant:
    """Return when a permission was last used: given, written or called under, or the customer showed a sign of life.

    Any mail uses what was permitted by email, other senders' too, since it reminds the customer of it.
    """
    customer = view.customer
    mailed = customer.last_mail if channel == "email" else 0
    return max(given.at, given.used, customer.last_reaction, mailed)


def has_lapsed(view: View, given: Permission, channel: str) -> bool:
    """Say whether a permission has ended, by its day or by non-use."""
    unused = view.permission_rule.unused_block
    if given.expires is None and (unused is None or used_at(view, given, channel) + unused.roughly > view.now + DAY):
        return False  # far from the bound, which clocks move by an hour
    end = lapses_at(view, given, channel)
    return end is not None and end <= view.now


def lapses_at(view: View, given: Permission, channel: str) -> Instant | None:
    """When a permission ends by its day or by non-use, None where it does not (one assumed in a back-test never)."""
    ends: list[Instant] = [] if given.expires is None else [view.zone.start(given.expires + 1)]
    unused = view.permission_rule.unused_block
    if unused is not None and given.basis != ASSUMED:
        ends.append(view.zone.after(used_at(view, given, channel), unused))
    return min(ends, default=None)
