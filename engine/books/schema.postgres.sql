-- What the books have in PostgreSQL beside the tables of schema.sql. Types are PostgreSQL's here.

-- Records are changed in place as long as there is room on their page.
alter table customer set (fillfactor = 80);

-- A line's order has two directions, which a primary key cannot have here.
create index line_order on line (workflow, reaction desc, customer);

-- Letters and the like that were given out, while their text is kept.
create index effect_given_out on effect (time)
where type = 'winback.send.given_out' and body::jsonb ->> 'text' is not null;

-- Several processes put effects, and whoever follows their numbers must never meet a smaller one later: so the next number
-- is drawn by one transaction at a time, each seeing what the one before it has committed.
create function last_effect() returns bigint language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema() || '.effect', 0));
    return (select coalesce(max(seq), 0) from effect);
end $$;

-- A JSON document without the values at some paths; what is no document is left as it is.
create function json_without(raw bytea, variadic paths text[]) returns bytea language plpgsql immutable as $$
declare
    whole jsonb;
    less jsonb;
    path text;
begin
    whole := convert_from(raw, 'UTF8')::jsonb;
    less := whole;
    foreach path in array paths loop
        less := less #- string_to_array(path, '.');
    end loop;
    return case when less = whole then raw else convert_to(less::text, 'UTF8') end;
exception when data_exception then
    return raw;
end $$;

-- Of the distributed engine alone -----------------------------------------------------------------------------------------

-- How far each topic is in the books: the offset to read next, and the place up to which its decisions are there.
create table topic_position (
    topic text not null,
    partition bigint not null,
    position bigint not null,
    place_offset bigint not null,
    place_index bigint not null,
    primary key (topic, partition)
);

-- The inbox offset at which each customer's record was decided: an older one, come late, changes nothing.
create table snapshot (
    customer text collate "C" primary key,
    decided_at bigint not null
);

-- How far each partition has come in its inbox and in time, and its own shop as it was told last: decided at which
-- offset, after which of the shop's words.
create table partition_shop (
    partition bigint primary key,
    reached bigint not null,
    at bigint not null,
    decided_at bigint not null,
    word bigint not null,
    state bytea not null
);

-- What was granted to each partition so far: a kind of grant, the name of what it is of, how much.
create table partition_grant (
    partition bigint not null,
    what text not null,
    name text not null,
    granted bigint not null,
    primary key (partition, what, name)
);

-- What partitions are told about the shop, or of a customer, in the shop's own order.
create table shop_word (
    number bigint primary key,
    at bigint not null,
    partition bigint,            -- null: all of them
    customer text not null,      -- empty: the shop
    signal bytea not null,
    mark bytea not null,
    origin text not null
);

-- Who holds this row may change the shop's state. Words and rules up to these are in Kafka.
create table office (
    id bigint primary key check (id = 1),
    last_word bigint not null,
    published_word bigint not null,
    published_epoch bigint not null,
    published_applied bigint not null
);

insert into office values (1, 0, 0, 0, 0);
