-- The embedded engine's database, as it is now. How an older one gets here: migrations/.
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

-- Who stands where, for `who` and `status`: one row a run under way.
create table under_way (
    workflow text not null,
    stage text not null,
    customer text not null,
    primary key (workflow, stage, customer)
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

-- The newest rows of `identity` (with a customer) and `seen` (with a day), in the order they came. Hashes fall on pages
-- at random, so that each would cost a page written; they are kept here, and folded in by the thousand, in order.
create table fresh (
    seq integer primary key,
    key blob not null,
    customer text,
    day integer,
    check ((customer is null) <> (day is null))
) strict;

-- Every signal decided, in order, with its `now`. What concerns the shop as a whole has an empty customer.
create table journal (
    seq integer primary key,
    accepted integer not null,
    customer text not null,
    signal blob not null
) strict;

-- Everything the world was asked to do or was told, without the bodies of messages: those are rendered when they leave.
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

-- The shop's own state, and the last instant that was given to a signal: time never goes back behind it.
create table shop (
    id integer primary key check (id = 1),
    accepted integer not null,
    state blob not null
) strict;
