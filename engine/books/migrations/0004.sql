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
