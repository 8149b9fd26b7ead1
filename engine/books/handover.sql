-- Between the topics and the sender's tables, on the distributed engine: by name.

-- A send that was released anew takes the place of the one before it.
-- name: release
insert into outbox (effect_id, seq, customer, recipient_domain, template, workflow, queued_at, next_try, body)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (effect_id) do update set
    seq = excluded.seq, queued_at = excluded.queued_at, next_try = excluded.next_try, attempts = 0, body = excluded.body

-- name: tell
insert into sender_word (customer, kind, value) values (?, ?, ?)

-- name: to_tell
select seq, customer, kind, value from sender_word order by seq limit ?

-- name: told
delete from sender_word where seq <= ?

-- name: untold
select count(*) from sender_word
