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
