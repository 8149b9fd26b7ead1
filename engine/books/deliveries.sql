-- The deliveries' queries: how far each receiver has come, and its parcels, by name.

-- A new receiver begins at the present: nothing of what was before it is news to it.
-- name: begin
insert into receiver (name, position) select ?, coalesce(max(seq), 0) from effect where true on conflict do nothing

-- name: position
select position from receiver where name = ?

-- name: move_on
update receiver set position = :position where name = :name and position < :position

-- name: last_effect
select coalesce(max(seq), 0) from effect

-- Effects of some types that follow a number, up to another.
-- name: news
select seq, type, time, customer, effect_id, body, ordinal, shadow from effect
where seq > :after and seq <= :upto and shadow = 0 and type in (select value from json_each(:types))
order by seq
limit :limit

-- The first parcel of each customer, if it is time to try it; those behind it wait.
-- name: due
select effect.seq, type, time, effect.customer, effect_id, body, ordinal, shadow, first_try, attempts
from parcel join effect on effect.seq = parcel.seq
where receiver = :receiver and next_try <= :now and not exists (
    select 1 from parcel as earlier
    where earlier.receiver = parcel.receiver and earlier.customer = parcel.customer and earlier.seq < parcel.seq
)
order by next_try, parcel.seq
limit :limit

-- name: next_try
select min(next_try) from parcel where receiver = :receiver and not exists (
    select 1 from parcel as earlier
    where earlier.receiver = parcel.receiver and earlier.customer = parcel.customer and earlier.seq < parcel.seq
)

-- name: waiting_customers
select distinct customer from parcel where receiver = :receiver and customer in (select value from json_each(:customers))

-- name: keep
insert into parcel (receiver, seq, customer, first_try, next_try, attempts, why)
values (:receiver, :seq, :customer, :first_try, :next_try, :attempts, :why)
on conflict (receiver, seq) do update
set first_try = excluded.first_try, next_try = excluded.next_try, attempts = excluded.attempts, why = excluded.why

-- name: drop
delete from parcel where receiver = ? and seq = ?

-- name: find_effect
select seq from effect where customer = :customer and effect_id = :effect_id and type = :type and ordinal = :ordinal

-- name: records
select id, record from customer where id in (select value from json_each(:customers))
