"""The page of a back-test: report.html, one file that needs no network, for whoever decides whether to go live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from importlib import resources

from engine.core.money import DIGITS, written
from engine.insight.backtest import STANDINGS, Report
from engine.insight.pictures import Series, grouped, percent, shares, stacked_areas, stacked_bars

COLOURS = 8
MOST_WEEKS = 208
"""More weeks than this are drawn four at a time."""

DROPPED = {
    "no_permission": "they never gave permission for this kind of mail",
    "permission_lapsed": "their permission has run out",
    "basis_not_accepted": "what their permission rests on is not enough on the channel (accepts)",
    "stopped": "they, or a workflow, stopped this kind of mail",
    "no_address": "we know no address of theirs",
    "address_dead": "mail cannot reach their address",
    "address_too_old": "they showed no sign of life and got no mail for too long (oldest_address)",
    "former": "they are former customers, who get no marketing",
    "gone": "they have ended or were erased",
    "offer_had": "they had this offer not long ago (per_customer)",
    "offers_at_most": "they had another offer not long ago (offers_at_most)",
    "offer_excluded": "they had an offer that excludes this one",
    "offer_not_yet": "this offer follows another, which they have not had",
    "offer_used": "a reminder of a code that was used already",
    "offer_expired": "a reminder of a code that had run out",
    "pool_empty": "there was no code left in the pool",
    "budget_spent": "the offer's budget was spent",
    "late": "it had to wait until it was too late",
}
"""Why sends were dropped, in words."""


def page(report: Report) -> str:
    """Return the page. The same report gives the same bytes, but for the speed, which is left out."""
    style = resources.files("engine.insight").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1"><title>Back-test of winback workflows</title>'
        f"<style>\n{style}</style></head>\n<body><main>{body}</main></body></html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    yield "<h1>What would have been sent</h1>"
    span = f"{report.first_day} to {report.last_day}, {grouped(report.days)} days" if report.days else "no days"
    yield (
        f'<p class="lede">Back-test: {span}, {grouped(report.customers)} customers, '
        f"{grouped(report.events)} events. Days are those of {escape(report.timezone)}.</p>"
    )
    yield f'<div class="callout"><p><strong>{escape(report.what_it_does_not_show)}</strong></p>{_returns(report)}</div>'
    yield _tiles(report)
    yield from _standings(report)
    yield from _entries(report)
    yield from _sends(report)
    yield from _outcomes(report)
    yield from _offers(report)
    yield from _not_sent(report)
    yield from _assumptions(report)
    yield "<footer>effects.jsonl beside this page lists every decision; report.json has these figures for programs.</footer>"


def _returns(report: Report) -> str:
    if not report.returned:
        return "<p>No customer who had fallen silent came back within this history.</p>"
    mailed = report.returned - report.returned_without_mail
    told = (
        f"In this history customers came back {grouped(report.returned)} times by themselves. "
        f"{grouped(report.returned_without_mail)} of these times nothing would have been sent to them since they fell "
        "silent."
    )
    if mailed:
        told += (
            f" In the other {grouped(mailed)} a mail would have gone out before: these customers did not need it, and "
            "no such return may be credited to a workflow."
        )
    return f"<p>{told}</p>"


def _tiles(report: Report) -> str:
    cost = sum((Decimal(each.cost) for each in report.offers.values()), Decimal(0))
    runs = sum(report.entered.values())
    tiles = [
        (grouped(sum(report.sends.values())), "messages would have been sent"),
        (grouped(runs), f"times a customer entered a workflow; {grouped(sum(report.open.values()))} still under way"),
        (grouped(report.held_out), "of these held out, to measure the gain"),
        (
            f"{_amount(cost, report.currency)} <small>{report.currency}</small>",
            "at most for offers, if every one is redeemed",
        ),
        (grouped(report.standings.get("lapsed", 0)), f"of {grouped(report.customers)} customers lapsed at the end"),
    ]
    return (
        '<div class="tiles">'
        + "".join(f"<div class=tile><b>{n}</b><span>{t}</span></div>" for n, t in tiles)
        + "</div>"
    )


# Pictures, each with its table ---------------------------------------------------------------------------------------


def _standings(report: Report) -> Iterator[str]:
    layers = [Series(name, f"k-{name}", report.weekly.standings.get(name, [])) for name in STANDINGS]
    now = {each.name: report.standings.get(each.name, 0) for each in layers}
    yield from _section(
        "Standings over time",
        "What we would have thought of each customer, at the end of each week. The figures are those of the last day.",
        report,
        layers,
        stacked_areas,
        now,
    )


def _entries(report: Report) -> Iterator[str]:
    series = report.weekly.entered
    layers = [Series(name, f"k{n % COLOURS}", values) for n, (name, values) in enumerate(series.items())]
    yield from _section(
        "Entries by workflow and week", "How many customers entered each workflow.", report, layers, stacked_bars
    )


def _sends(report: Report) -> Iterator[str]:
    series = report.weekly.sends
    layers = [Series(name, f"k{n % COLOURS}", values) for n, (name, values) in enumerate(series.items())]
    yield from _section(
        "Messages by template and week", "How many messages would have left, by template.", report, layers, stacked_bars
    )


def _section(
    title: str,
    about: str,
    report: Report,
    layers: Sequence[Series],
    draw: Callable[[str, Sequence[str], Sequence[Series]], str],
    totals: Mapping[str, int] | None = None,
) -> Iterator[str]:
    yield f'<section><h2>{title}</h2><p class="soft">{about}</p>'
    shown = [layer for layer in layers if layer.total]
    if shown and report.weeks:
        totals = totals or {layer.name: layer.total for layer in layers}
        yield _legend([(layer.name, layer.colour, grouped(totals[layer.name])) for layer in shown])
        yield draw(title, *_fewer(report.weeks, shown, adding=draw is stacked_bars))
        yield _table(["week of", *(each.name for each in shown)], _by_week(report.weeks, shown))
    else:
        yield '<p class="soft">Nothing to show.</p>'
    yield "</section>"


def _outcomes(report: Report) -> Iterator[str]:
    yield '<section><h2>How runs ended</h2><p class="soft">Shares of each workflow\'s runs, by outcome.</p>'
    total = Counter[str]()
    for counted in report.outcomes.values():
        total.update(counted)
    names = sorted(total, key=lambda name: (-total[name], name))
    colours = {name: f"k{n}" if n < COLOURS else "rest" for n, name in enumerate(names)}
    rows = {}
    for workflow, title in report.workflows.items():
        cut = [(name, colours[name], count) for name, count in report.outcomes.get(workflow, {}).items()]
        rows[f"{title} ({workflow})"] = [
            *cut,
            *([("still under way", "rest", n)] if (n := report.open[workflow]) else []),
        ]
    if any(rows.values()):
        under_way = sum(report.open.values())
        legend = [(name, colours[name], grouped(total[name])) for name in names]
        yield _legend([*legend, *([("still under way", "rest", grouped(under_way))] if under_way else [])])
        yield shares("How runs ended", rows)
        yield _table(
            ["workflow", "outcome", "runs", "share"],
            (
                [workflow, name, grouped(count), percent(count, sum(c for _, _, c in cut))]
                for workflow, cut in zip(report.workflows, rows.values(), strict=True)
                for name, _, count in cut
            ),
        )
    else:
        yield '<p class="soft">No run ended or is under way.</p>'
    yield "</section>"


def _offers(report: Report) -> Iterator[str]:
    currency = report.currency
    layers = [
        Series(name, f"k{n % COLOURS}", values) for n, (name, values) in enumerate(report.weekly.offer_cost.items())
    ]
    yield (
        '<section><h2>What offers would cost</h2><p class="soft">In the week they are made, if every one of them is '
        f"redeemed, in {currency}. In truth only some are.</p>"
    )
    if layers:
        digits = 10 ** DIGITS.get(currency, 2)
        yield _legend(
            [(each.name, each.colour, _amount(Decimal(report.offers[each.name].cost), currency)) for each in layers]
        )
        yield stacked_bars(
            "What offers would cost", *_fewer(report.weeks, layers, adding=True), lambda n: f"{n / digits:,.0f}"
        )
        yield _table(
            ["offer", "issued", f"cost in {currency}"],
            (
                [name, grouped(each.issued), _amount(Decimal(each.cost), currency)]
                for name, each in report.offers.items()
            ),
            open_=True,
        )
        weekly = [
            [week, *(written(each.values[n], currency) for each in layers)] for n, week in enumerate(report.weeks)
        ]
        yield _table(["week of", *(each.name for each in layers)], weekly)
    else:
        yield '<p class="soft">No offer was made.</p>'
    yield "</section>"


# What was not sent, and what must be known ---------------------------------------------------------------------------


def _not_sent(report: Report) -> Iterator[str]:
    dropped, deferred = sum(report.dropped.values()), report.deferred
    yield (
        f'<section><h2>What was not sent, or later</h2><p class="soft">{grouped(dropped)} sends were dropped. '
        f"{grouped(deferred)} times a send had to wait, {grouped(report.capped)} of them for a cap.</p>"
    )
    if dropped:
        rows = ([reason, _in_words(reason), grouped(count)] for reason, count in report.dropped.items())
        yield _table(["dropped", "because", "sends"], rows, open_=True, words=1)
    if deferred:
        yield _table(
            ["waited, because", "times"], ([why, grouped(n)] for why, n in report.deferred_for.items()), open_=True
        )
    yield "</section>"


def _in_words(reason: str) -> str:
    kind, _, why = reason.partition(": ")
    said = DROPPED.get(kind, kind)
    return f"{said}: {why}" if why else said


def _assumptions(report: Report) -> Iterator[str]:
    if report.notes:
        listed = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        yield f'<section><h2>What these figures rest on</h2><ul class="notes">{listed}</ul></section>'


# Parts ---------------------------------------------------------------------------------------------------------------


def _legend(entries: Iterable[tuple[str, str, str]]) -> str:
    items = "".join(f'<li><i class="{colour}"></i>{escape(name)} <b>{n}</b></li>' for name, colour, n in entries)
    return f'<ul class="legend">{items}</ul>'


def _by_week(weeks: Sequence[str], layers: Sequence[Series]) -> Iterator[list[str]]:
    for place, week in enumerate(weeks):
        yield [week, *(grouped(layer.values[place]) for layer in layers)]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, open_: bool = False, words: int = -1) -> str:
    """Return a table, folded away unless it is short and matters; `words` is the column that holds sentences."""
    head = "".join(
        f"<th{' style=text-align:left' if n == words else ''}>{escape(text)}</th>" for n, text in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=words' if n == words else ''}>{escape(cell)}</td>" for n, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return table if open_ else f'<details><summary>As a table</summary><div class="scroll">{table}</div></details>'


def _fewer(weeks: Sequence[str], layers: Sequence[Series], *, adding: bool) -> tuple[list[str], list[Series]]:
    """Draw long histories four weeks at a time: counts are added up, standings are those of the last of the four."""
    if len(weeks) <= MOST_WEEKS:
        return list(weeks), list(layers)
    starts = range(0, len(weeks), 4)
    fewer = []
    for layer in layers:
        pieces = [layer.values[start : start + 4] for start in starts]
        values = [sum(piece) if adding else piece[-1] for piece in pieces]
        fewer.append(Series(layer.name, layer.colour, values))
    return [weeks[start] for start in starts], fewer


def _amount(value: Decimal, currency: str) -> str:
    return f"{value:,.{DIGITS.get(currency, 2)}f}"
