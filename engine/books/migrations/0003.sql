-- How many runs are at each step of each version (`step` counts from 0), and what they do there; some rows say 0.
create table headcount (
    workflow text not null,
    version integer not null,
    mode text not null,
    stage text not null,
    step integer not null,
    doing text not null,
    runs integer not null,
    primary key (workflow, version, mode, stage, step, doing)
) strict, without rowid;

-- What happened, counted by shop day: effects by type, and `sent`; `detail` is a template, a reason or an outcome.
create table tally (
    day integer not null,
    what text not null,
    workflow text not null,
    detail text not null,
    shadow integer not null,
    count integer not null,
    primary key (day, what, workflow, detail, shadow)
) strict, without rowid;

create index dead_letter_last on dead_letter (last_at);

-- Suppressions of other tools that were imported: by keyed hash of the address's SHA-256, each with its kind.
create table suppression (
    key blob not null,
    kind text not null,
    at integer not null,
    primary key (key, kind)
) strict, without rowid;

-- How far each receiver of effects has come: whatever is up to there it has taken or refused, or it is a parcel.
create table receiver (
    name text primary key,
    position integer not null    -- of the effect
) strict, without rowid;

-- Effects that a receiver could not take yet, and those of the same customer that wait behind them.
create table parcel (
    receiver text not null,
    seq integer not null,        -- of the effect
    customer text not null,
    first_try integer,           -- null before it
    next_try integer not null,
    attempts integer not null default 0,
    why text not null default '',
    primary key (receiver, seq)
) strict, without rowid;

create index parcel_customer on parcel (receiver, customer, seq);

-- Sets of templates, with the brand that messages are written for (JSON), each kept once.
create table template_set (
    num integer primary key,
    digest blob not null unique,
    body text not null
) strict;

-- What was put in force, one row an apply: the rules (as of their epoch) and the templates, by whom, and what it changed.
create table applied (
    num integer primary key,
    at integer not null,
    who text not null,
    epoch integer not null,
    template_set integer not null,
    before integer,              -- the row that `apply --back` returns to; null where there is none
    said text not null           -- JSON: the changes in words, the moves, the modes of the files, who planned it
) strict;

-- Which version of a template (in one language) went to which of the sender's seeds, when it first went out live.
create table seeded (
    digest blob not null,        -- of the version
    seed text not null,          -- the address
    template text not null,
    language text not null,
    at integer not null,
    state text not null check (state in ('calling', 'done', 'refused', 'uncertain')),
    detail text not null default '',
    primary key (digest, seed)
) strict, without rowid;

-- Plans that were saved for a second person to put in force, and what became of each.
create table proposal (
    num integer primary key,
    at integer not null,
    who text not null,
    state text not null check (state in ('pending', 'applied', 'withdrawn')),
    decided_by text not null default '',
    decided_at integer,
    plan text not null           -- JSON
) strict;

-- Codes of pools, each once: minted here (the shop is yet to be told), ready (it knows them), granted (to be given out).
create table pool_code (
    seq integer primary key,
    pool text not null,
    code text not null unique,
    state text not null check (state in ('minted', 'ready', 'granted')),
    at integer not null
) strict;

create index pool_code_ready on pool_code (pool, seq) where state = 'ready';

-- How many customers there are of each standing and hindrance.
create table population (
    standing text not null,
    hindrance text not null,
    customers integer not null,
    primary key (standing, hindrance)
) strict, without rowid;

insert into population (standing, hindrance, customers)
select standing, hindrance, count(*) from customer group by standing, hindrance;
