-- The relay's queries: outbox, ledger and block list, by name.

-- In the order of release. Domains that may not be called now are left out, as a JSON list.
-- name: due
select effect_id, seq, customer, recipient_domain, template, workflow, queued_at, attempts, body
from outbox
where next_try <= :now and recipient_domain not in (select value from json_each(:closed))
order by queued_at, effect_id
limit :limit

-- name: lying_since
select effect_id, seq, customer, recipient_domain, template, workflow, queued_at, attempts, body
from outbox
where queued_at <= ?
order by queued_at, effect_id
limit ?

-- name: queued
select effect_id, seq, customer, recipient_domain, template, workflow, queued_at, attempts, body
from outbox
where effect_id = ?

-- Sends that a pause covers; an empty name covers them all.
-- name: covered
select effect_id, seq, customer, recipient_domain, template, workflow, queued_at, attempts, body
from outbox
where :name in ('', case :scope when 'workflow' then workflow when 'template' then template when 'domain' then recipient_domain end)
order by queued_at, effect_id
limit :limit

-- name: outbox_length
select count(*) from outbox

-- name: blocked_at
select max(at) from blocked where key in (?, ?)

-- A call is noted before it is made. Nothing is written, so nothing may be called, where the send has left the outbox
-- meanwhile or has ended before.
-- name: claim
insert into ledger (effect_id, customer, state, message_id, at, attempts)
select effect_id, customer, 'calling', :message_id, :now, 1 from outbox where effect_id = :effect_id and seq = :seq
on conflict (effect_id) do update
set state = 'calling', message_id = excluded.message_id, at = excluded.at, attempts = ledger.attempts + 1, detail = ''
where ledger.state in ('reserved', 'dropped')

-- A temporary no: the ledger keeps the send for its next attempt.
-- name: reserve
update ledger set state = 'reserved', at = :now, detail = :detail where effect_id = :effect_id

-- name: put_off
update outbox set next_try = :next_try, attempts = attempts + 1 where effect_id = :effect_id and seq = :seq

-- name: end
insert into ledger (effect_id, customer, state, message_id, at, detail)
values (:effect_id, :customer, :state, :message_id, :now, :detail)
on conflict (effect_id) do update set state = excluded.state, at = excluded.at, detail = excluded.detail
where ledger.state in ('reserved', 'calling', 'dropped')

-- name: leave_outbox
delete from outbox where effect_id = ? and seq = ?

-- name: ended
select detail from ledger
where effect_id = ? and state in ('done', 'uncertain', 'refused', 'dropped')

-- name: customer_of
select customer from ledger where effect_id = ?

-- name: calling
select ledger.effect_id, ledger.customer, outbox.seq, ledger.message_id from ledger left join outbox using (effect_id)
where state = 'calling' order by at, ledger.effect_id

-- name: release_calling
update ledger set state = 'reserved' where effect_id = ? and state = 'calling'

-- name: block
insert into blocked (key, at) values (?, ?) on conflict (key) do update set at = excluded.at where excluded.at > blocked.at

-- name: unblock
delete from blocked where key = ?

-- name: suppress
insert into suppression (key, kind, at) values (?, ?, ?)
on conflict (key, kind) do update set at = excluded.at where excluded.at > suppression.at

-- name: suppressions
select kind, at from suppression where key = ?

-- name: claim_seed
insert into seeded (digest, seed, template, language, at, state) values (:digest, :seed, :template, :language, :now, 'calling')
on conflict (digest, seed) do nothing

-- name: end_seed
update seeded set state = :state, at = :now, detail = :detail where digest = :digest and seed = :seed

-- name: give_back_seed
delete from seeded where digest = :digest and seed = :seed and state = 'calling'

-- name: settle_seeds
update seeded set state = 'uncertain', detail = 'the engine stopped during the call' where state = 'calling'
