-- What `executemany` does for all rows in one statement: by the names of queries.sql and distributed.sql, each place is a column of the rows.
-- It is several times as fast as a statement a row, however they are sent. No row's key may come twice.

-- name: insert_customer
insert into customer (num, id, next_due, standing, hindrance, record)
select * from unnest(?::bigint[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::bytea[])

-- name: update_record
update customer set record = row.record from unnest(?::bytea[], ?::bigint[]) as row (record, num) where customer.num = row.num

-- name: update_due
update customer set record = row.record, next_due = row.next_due
from unnest(?::bytea[], ?::bigint[], ?::bigint[]) as row (record, next_due, num) where customer.num = row.num

-- name: update_group
update customer set standing = row.standing, hindrance = row.hindrance
from unnest(?::text[], ?::text[], ?::bigint[]) as row (standing, hindrance, num) where customer.num = row.num

-- name: enter_stage
insert into under_way (workflow, stage, customer) select * from unnest(?::text[], ?::text[], ?::text[]) on conflict do nothing

-- name: leave_stage
delete from under_way using unnest(?::text[], ?::text[], ?::text[]) as row (workflow, stage, customer)
where under_way.workflow = row.workflow and under_way.stage = row.stage and under_way.customer = row.customer

-- name: join_line
insert into line (workflow, reaction, customer) select * from unnest(?::text[], ?::bigint[], ?::text[]) on conflict do nothing

-- name: leave_line
delete from line using unnest(?::text[], ?::bigint[], ?::text[]) as row (workflow, reaction, customer)
where line.workflow = row.workflow and line.reaction = row.reaction and line.customer = row.customer

-- name: add_effect
insert into effect (seq, time, customer, type, effect_id, ordinal, shadow, body)
select * from unnest(?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::text[])

-- name: fold_identity
insert into identity (key, customer) select * from unnest(?::bytea[], ?::text[])
on conflict (key) do update set customer = excluded.customer

-- name: fold_seen
insert into seen (ref, day) select * from unnest(?::bytea[], ?::bigint[]) on conflict do nothing

-- name: note_decided_at
insert into snapshot (customer, decided_at) select * from unnest(?::text[], ?::bigint[])
on conflict (customer) do update set decided_at = excluded.decided_at
