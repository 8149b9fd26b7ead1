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
