-- What people are shown, by name. These queries only read, on a connection of their own.

-- name: record
select record from customer where id = ?

-- name: owner
select coalesce(
    (select customer from fresh where key = :key and customer is not null order by seq desc limit 1),
    (select customer from identity where key = :key)
)

-- name: effects_of
select seq, type, time, customer, effect_id, body, ordinal, shadow from effect where customer = ? order by seq

-- name: effects_after
select seq, type, time, customer, effect_id, body, ordinal, shadow from effect where seq > ? order by seq limit ?

-- name: newest_effect
select coalesce(max(seq), 0) from effect

-- name: endings
select effect_id, state, at, detail from ledger where effect_id in (select value from json_each(?))

-- name: message_id
select message_id from ledger where effect_id = ?

-- name: template_set_at
select template_set.body from applied join template_set on template_set.num = applied.template_set
where applied.at <= ? order by applied.num desc limit 1

-- name: shop
select shop.accepted, shop.state from shop

-- name: groups
select standing, hindrance, customers from population where customers > 0 order by standing, hindrance

-- name: stages
select workflow, stage, sum(runs) from headcount where runs > 0 group by workflow, stage

-- name: headcount
select workflow, version, mode, stage, step, doing, runs from headcount where runs > 0

-- name: tally
select day, what, workflow, detail, shadow, count from tally where day >= ? order by day

-- name: lines
select workflow, count(*) from line group by workflow

-- How many stand before a customer: a later reaction goes first, then the smaller id.
-- name: place
select count(*) from line, (select workflow, reaction, customer from line where workflow = :workflow and customer = :customer) as mine
where line.workflow = mine.workflow
and (line.reaction > mine.reaction or (line.reaction = mine.reaction and line.customer < mine.customer))

-- name: due
select count(*), min(next_due) from customer where next_due is not null and next_due <= ?

-- name: next_due
select next_due from customer where next_due is not null order by next_due limit 1

-- name: outbox
select count(*), min(queued_at) from outbox

-- name: sends
select state, count(*) from ledger group by state

-- name: uncertain
select effect_id, customer, at from ledger where state = 'uncertain' order by at desc, effect_id limit ?

-- name: stuck
select id from customer
where standing in ('prospect', 'active', 'reader', 'lapsed', 'former') and hindrance = 'stuck' order by id limit ?

-- name: letters
select id, at, last_at, origin, reason, raw, count from dead_letter order by id

-- name: letter
select id, at, last_at, origin, reason, raw, count from dead_letter where id = ?

-- name: letter_count
select count(*) from dead_letter

-- name: last_letters
select last_at, origin, reason from dead_letter order by last_at desc, id desc limit ?

-- name: effect_types
select type, count(*), max(time) from effect where shadow = 0 and time >= ? group by type

-- name: in_stage
select under_way.customer, under_way.stage, customer.record from under_way join customer on customer.id = under_way.customer
where under_way.workflow = :workflow and (:stage = '' or under_way.stage = :stage)
order by under_way.customer

-- name: in_standing
select id, record from customer where standing = ? order by id

-- name: customers
select count(*) from customer

-- name: events
select coalesce(max(seq), 0) from journal

-- name: everybody
select record from customer

-- name: line
select customer from line where workflow = ? order by reaction desc, customer limit ?

-- Pages of lists for the console: each in the order of an index, from where the page before ended.

-- name: standing_page
select num, hindrance, record from customer
where standing = :standing and hindrance > :hindrance order by hindrance, num limit :limit

-- name: hindrance_page
select num, hindrance, record from customer
where standing = :standing and hindrance = :hindrance and num > :num order by num limit :limit

-- name: id_page
select id, record from customer where id >= :begin and id < :end and id > :after order by id limit :limit

-- name: workflow_page
select stage, customer, record from under_way join customer on customer.id = under_way.customer
where workflow = :workflow and stage > :stage order by stage, customer limit :limit

-- name: stage_page
select stage, customer, record from under_way join customer on customer.id = under_way.customer
where workflow = :workflow and stage = :stage and customer > :after order by customer limit :limit

-- name: line_page
select reaction, customer, record from line join customer on customer.id = line.customer
where workflow = :workflow and reaction <= :reaction and not (reaction = :reaction and customer <= :after)
order by reaction desc, customer limit :limit

-- name: paused_records
select record from line join customer on customer.id = line.customer where workflow = ? order by reaction desc, customer limit ?

-- name: last_customer
select coalesce(max(num), 0) from customer

-- name: portion
select record from customer where num > ? and num <= ?

-- Those of certain standings, and whoever's may have changed by now. Neither index is of use in the table's own order, and both are kept from it.
-- name: portion_of_standings
select record from customer where num > ? and num <= ?
and (standing || '' in (select value from json_each(?)) or (next_due is not null and +next_due <= ?))

-- name: in_line
select reaction, customer from line where workflow = ? order by reaction desc, customer

-- name: under_way_in
select distinct customer from under_way where workflow in (select value from json_each(?))

-- name: records
select record from customer where id in (select value from json_each(?))

-- name: receiver_positions
select name, position from receiver

-- Parcels of a receiver: how many, the oldest effect among them, and what was said of the one that was tried last.
-- name: parcels
select count(*), min(effect.time),
    (select why from parcel where receiver = :receiver and attempts > 0 order by next_try desc limit 1)
from parcel join effect on effect.seq = parcel.seq
where receiver = :receiver

-- name: letters_from
select count(*) from dead_letter where origin = ?

-- What a receiver has not been shown yet, counted up to a limit: how many, and the oldest.
-- name: behind
select count(*), min(time) from (
    select time from effect
    where seq > :position and shadow = 0 and time >= :since and type in (select value from json_each(:types))
    order by seq limit :limit
) as unseen

-- name: tally_of
select what, detail, sum(count) from tally
where shadow = 0 and what in (select value from json_each(?))
group by what, detail

-- Everything about one person ------------------------------------------------------------------------------------------

-- name: journal_of
select accepted, signal from journal where customer = ? order by seq

-- name: blocked
select at from blocked where key = ?

-- name: suppressed
select kind, at from suppression where key = ?
