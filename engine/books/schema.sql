-- The books, as they are now, in SQLite; PostgreSQL's are made from this (dialect.py) and schema.postgres.sql. How older
-- ones get here: migrations/.
--
-- Times are microseconds since 1970 UTC, days are days since 1970. Records, signals and the shop's state are MessagePack;
-- effects and rules are JSON, so that they can be read with any tool. Rows grow at the end of a table wherever that can
-- be: a page in the middle of a large table costs a page written for every row that changes in it.

-- One row a customer: the record, and what has to be found without reading it.
create table customer (
    num integer primary key,
    id text not null unique,
    next_due integer,            -- when the next timer rings
    standing text not null,
    hindrance text not null,     -- why no mail can reach them, empty when it can
    record blob not null
) strict;

create index customer_due on customer (next_due, id) where next_due is not null;
create index customer_group on customer (standing, hindrance);

-- How many customers there are of each standing and hindrance.
create table population (
    standing text not null,
    hindrance text not null,
    customers integer not null,
    primary key (standing, hindrance)
) strict, without rowid;

-- Who stands where, for `who` and `status`: one row a run under way.
create table under_way (
    workflow text not null,
    stage text not null,
    customer text not null,
    primary key (workflow, stage, customer)
) strict, without rowid;

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

-- Who waits to be let into a workflow: the latest reaction first, then by id.
create table line (
    workflow text not null,
    reaction integer not null,
    customer text not null,
    primary key (workflow, reaction desc, customer)
) strict, without rowid;

-- Identity keys (an address, a message id) by their hash, and the customer last known under each.
create table identity (
    key blob primary key,
    customer text not null
) strict, without rowid;

-- What was seen before, by a 16-byte reference, and the day it came.
create table seen (
    ref blob primary key,
    day integer not null
) strict, without rowid;

-- Every signal decided, in order, with its `now`. What concerns the shop as a whole has an empty customer.
create table journal (
    seq integer primary key,
    accepted integer not null,
    customer text not null,
    signal blob not null
) strict;

-- Everything the world was asked to do or was told, without the bodies of mails: those are rendered when they leave.
create table effect (
    seq integer primary key,
    time integer not null,
    customer text not null,
    type text not null,
    effect_id text not null,
    ordinal integer not null,
    shadow integer not null,
    body text not null           -- JSON: the effect's data
) strict;

create index effect_customer on effect (customer);

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

-- Sends that were released and have not ended.
create table outbox (
    effect_id text primary key,
    seq integer not null,        -- of the effect
    customer text not null,
    recipient_domain text not null,
    template text not null,
    workflow text not null,
    queued_at integer not null,
    next_try integer not null,
    attempts integer not null default 0,
    body text not null           -- JSON: the effect's data
) strict;

create index outbox_order on outbox (queued_at, effect_id, next_try, recipient_domain);

-- What became of each send, for ever. Its customer is told in the same transaction.
create table ledger (
    effect_id text primary key,
    customer text not null,
    state text not null check (state in ('reserved', 'calling', 'done', 'uncertain', 'refused', 'dropped')),
    message_id text not null default '',
    at integer not null,
    attempts integer not null default 0,
    detail text not null default ''
) strict, without rowid;

create index ledger_open on ledger (state) where state in ('reserved', 'calling', 'uncertain');

-- The block list: keyed hashes of (address, purpose) that public pages write before they answer a "no".
create table blocked (
    key blob primary key,
    at integer not null
) strict, without rowid;

-- The list of the erased: keyed hashes of the keys they were known by; what comes under one is not taken in.
create table erased (
    key blob primary key,
    erasure integer not null
) strict, without rowid;

-- Erasures, with their proofs. Who it was is kept while one is under way, and not a moment longer.
create table erasure (
    num integer primary key,
    id text not null unique,     -- of the proof: a keyed hash
    at integer not null,
    who text not null,
    why text not null,
    state text not null check (state in ('begun', 'done')),
    person text,                 -- JSON, null when it is done
    proof text not null          -- JSON
) strict;

create index erasure_begun on erasure (num) where state = 'begun';

-- Customers who asked what is known of them, and have not been answered.
create table data_request (
    customer text primary key,
    at integer not null
) strict, without rowid;

-- Suppressions of other tools that were imported: by keyed hash of the address's SHA-256, each with its kind.
create table suppression (
    key blob not null,
    kind text not null,
    at integer not null,
    primary key (key, kind)
) strict, without rowid;

-- Codes of pools, each once: minted here (the shop is yet to be told), ready (it knows them), granted (to be given out).
create table pool_code (
    seq integer primary key,
    pool text not null,
    code text not null unique,
    state text not null check (state in ('minted', 'ready', 'granted')),
    at integer not null
) strict;

create index pool_code_ready on pool_code (pool, seq) where state = 'ready';

-- Input that could not be taken. The same bytes from the same place are counted, not kept twice.
create table dead_letter (
    id integer primary key,
    at integer not null,
    last_at integer not null,
    origin text not null,
    reason text not null,
    raw blob not null,
    hash blob not null,
    count integer not null default 1,
    unique (origin, hash)
) strict;

create index dead_letter_last on dead_letter (last_at);

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

-- The rules that hold from each epoch on (JSON), and every version of a workflow that a run may still be on.
create table rule_set (
    epoch integer primary key,
    at integer not null,
    body text not null
) strict;

create table workflow_version (
    workflow text not null,
    version integer not null,
    digest blob not null,
    body text not null,
    primary key (workflow, version),
    unique (workflow, digest)
) strict, without rowid;

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

-- The shop's own state, and the last instant that was given to a signal: time never goes back behind it.
create table shop (
    id integer primary key check (id = 1),
    accepted integer not null,
    state blob not null
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

-- Calls of hooks whose signature does not cover their body, by hash of the name they give themselves: it is good for one body.
create table hook_call (
    ref blob primary key,
    digest blob not null,
    at integer not null
) strict, without rowid;

create index hook_call_at on hook_call (at);

-- Up to when a shop was asked for orders that it may not have told.
create table poll (
    shop text primary key,
    until integer not null
) strict, without rowid;

-- Proofs of consents to calls of people who were erased, sealed; found by keyed hash of id, number or address.
create table call_consent (
    key blob primary key,
    used integer not null,       -- when they were last called, or it was given
    erasure text not null,       -- the id of its proof
    sealed blob not null
) strict, without rowid;

-- Of the embedded engine alone --------------------------------------------------------------------------------------

-- The newest rows of `identity` (with a customer) and `seen` (with a day), in the order they came. Hashes fall on pages
-- at random, so that each would cost a page written; they are kept here, and folded in by the thousand, in order.
create table fresh (
    seq integer primary key,
    key blob not null,
    customer text,
    day integer,
    check ((customer is null) <> (day is null))
) strict;

-- Letters and the like that were given out, while their text is kept.
create index effect_given_out on effect (time)
where type = 'winback.send.given_out' and body ->> '$.text' is not null;
