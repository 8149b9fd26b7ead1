-- Every query of the store, by name. `(?*)` stands for a list of values; an unused place in it is null.
-- The ledger's and the outbox's queries are the relay's.

-- name: load
select num, id, record from customer where id in (?*)

-- name: insert_customer
insert into customer (num, id, next_due, standing, hindrance, record) values (?, ?, ?, ?, ?, ?)

-- One statement for each set of columns: an index is touched only by a statement that names its columns.
-- name: update_record
update customer set record = ? where num = ?

-- name: update_due
update customer set record = ?, next_due = ? where num = ?

-- name: update_group
update customer set standing = ?, hindrance = ? where num = ?

-- name: forget_customer
delete from customer where num = ?

-- name: note_request
insert into data_request (customer, at) values (?, ?) on conflict (customer) do update set at = excluded.at

-- name: answer_request
delete from data_request where customer = ?

-- name: last_customer
select coalesce(max(num), 0) from customer

-- name: due
select next_due, id from customer where next_due is not null and next_due <= ? order by next_due, id limit ?

-- name: earliest
select next_due from customer where next_due is not null order by next_due limit 1

-- name: scan
select id from customer where id > ? order by id limit ?

-- name: enter_stage
insert into under_way (workflow, stage, customer) values (?, ?, ?) on conflict do nothing

-- name: leave_stage
delete from under_way where workflow = ? and stage = ? and customer = ?

-- name: change_headcount
insert into headcount (workflow, version, mode, stage, step, doing, runs) values (?, ?, ?, ?, ?, ?, ?)
on conflict (workflow, version, mode, stage, step, doing) do update set runs = headcount.runs + excluded.runs

-- name: change_population
insert into population (standing, hindrance, customers) values (?, ?, ?)
on conflict (standing, hindrance) do update set customers = population.customers + excluded.customers

-- name: uncounted
select exists(select 1 from under_way) and not exists(select 1 from headcount)

-- name: everybody_under_way
select record from customer where id in (select customer from under_way)

-- name: headcount_of
select version, stage, step, sum(runs) from headcount where workflow = ? and runs > 0
group by version, stage, step order by version, stage, step

-- name: tidy_headcount
delete from headcount where runs = 0
-- name: in_workflow
select stage, customer from under_way where workflow = ? and (stage, customer) > (?, ?) order by stage, customer limit ?

-- name: join_line
insert into line (workflow, reaction, customer) values (?, ?, ?) on conflict do nothing

-- name: leave_line
delete from line where workflow = ? and reaction = ? and customer = ?

-- name: line
select customer from line where workflow = ? order by reaction desc, customer limit ?

-- name: line_length
select count(*) from line where workflow = ?

-- name: find
select key, customer from identity where key in (?*)

-- name: seen
select ref from seen where ref in (?*)

-- name: fresh
select seq, key, customer, day from fresh order by seq

-- name: add_fresh
insert into fresh (seq, key, customer, day) values (?, ?, ?, ?)

-- name: fold_identity
insert into identity (key, customer) values (?, ?) on conflict (key) do update set customer = excluded.customer

-- name: fold_seen
insert into seen (ref, day) values (?, ?) on conflict do nothing

-- name: drop_fresh
delete from fresh where seq <= ?

-- name: forget_fresh_of
delete from fresh where customer = ?

-- name: forget_identity
delete from identity where key = ? and customer = ?

-- name: forget_seen
delete from seen where ref >= ? and ref < ? and day < ?

-- name: forget_dead_letters
delete from dead_letter where id in (select id from dead_letter where last_at < ? limit 500)

-- name: forget_bodies
update effect set body = json_remove(body, '$.subject', '$.text', '$.html')
where type = 'winback.send.given_out' and body ->> '$.text' is not null and time < ?

-- What tells of somebody's device, in letters that could be read as far as that.
-- name: forget_devices
update dead_letter set raw = cast(json_remove(cast(raw as text), '$.data.ip', '$.data.user_agent', '$.data.proof.ip') as blob)
where id in (
    select id from dead_letter
    where last_at < ? and (instr(raw, cast('"ip"' as blob)) or instr(raw, cast('"user_agent"' as blob)))
    and json_valid(cast(raw as text)) and (
        cast(raw as text) ->> '$.data.ip' is not null or cast(raw as text) ->> '$.data.user_agent' is not null
        or cast(raw as text) ->> '$.data.proof.ip' is not null
    )
    limit 500
)

-- name: forget_undelivered_bodies
update dead_letter set raw = cast(json_remove(cast(raw as text), '$.data.subject', '$.data.text', '$.data.html') as blob)
where origin like 'receiver %' and last_at < ? and instr(raw, cast('"text"' as blob)) and cast(raw as text) ->> '$.data.text' is not null

-- The oldest entries, as far as they are too old; the newest stays, so that numbers go on from it.
-- name: forget_journal
delete from journal where seq <= (
    select max(seq) from (select seq, accepted from journal order by seq limit :limit) as oldest where accepted < :before
) and seq < (select max(seq) from journal)

-- name: add_journal
insert into journal (accepted, customer, signal) values (?, ?, ?)

-- name: journal
select seq, accepted, customer, signal from journal where seq > ? order by seq limit ?

-- name: last_effect
select coalesce(max(seq), 0) as to_follow from effect

-- name: add_effect
insert into effect (seq, time, customer, type, effect_id, ordinal, shadow, body) values (?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_tally
insert into tally (day, what, workflow, detail, shadow, count) values (?, ?, ?, ?, ?, ?)
on conflict (day, what, workflow, detail, shadow) do update set count = tally.count + excluded.count

-- name: clear_tally
delete from tally

-- A send that came back to be asked again is released anew under its own effect id.
-- name: add_outbox
insert into outbox (effect_id, seq, customer, recipient_domain, template, workflow, queued_at, next_try, body)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (effect_id) do update
set seq = excluded.seq, queued_at = excluded.queued_at, next_try = excluded.next_try, attempts = 0, body = excluded.body

-- name: bury
insert into dead_letter (at, last_at, origin, reason, raw, hash) values (?, ?, ?, ?, ?, ?)
on conflict (origin, hash) do update set count = dead_letter.count + 1, last_at = excluded.last_at
returning count

-- name: shop
select accepted, state from shop

-- name: save_shop
insert into shop (id, accepted, state) values (1, ?, ?)
on conflict (id) do update set accepted = excluded.accepted, state = excluded.state

-- name: save_accepted
update shop set accepted = :accepted where accepted < :accepted

-- name: newest_rules
select epoch, body from rule_set order by epoch desc limit 1

-- name: rules_of
select body from rule_set where epoch = ?

-- name: add_rules
insert into rule_set (epoch, at, body) values (?, ?, ?)

-- name: newest_applied
select num, at, who, epoch, template_set, before, said from applied order by num desc limit 1

-- name: applied
select num, at, who, epoch, template_set, before, said from applied where num = ?

-- name: last_applied
select num, at, who, epoch, template_set, before, said from applied order by num desc limit ?

-- name: add_applied
insert into applied (at, who, epoch, template_set, before, said) values (?, ?, ?, ?, ?, ?) returning num

-- name: add_template_set
insert into template_set (digest, body) values (?, ?) on conflict (digest) do update set body = excluded.body returning num

-- name: template_set
select body from template_set where num = ?

-- name: version_of
select version from workflow_version where workflow = ? and digest = ?

-- name: last_version
select coalesce(max(version), 0) from workflow_version where workflow = ?

-- name: add_version
insert into workflow_version (workflow, version, digest, body) values (?, ?, ?, ?)

-- name: versions
select body from workflow_version

-- name: coupon_issued
select time, body from effect
where customer = ? and type = 'winback.coupon_issued' and shadow = 0 and body ->> '$.code' = ? order by seq limit 1

-- name: add_proposal
insert into proposal (at, who, state, plan) values (?, ?, 'pending', ?) returning num

-- name: decide_proposal
update proposal set state = ?, decided_by = ?, decided_at = ? where num = ?

-- name: proposal
select num, at, who, state, decided_by, decided_at, plan from proposal where num = ?

-- name: last_proposals
select num, at, who, state, decided_by, decided_at, plan from proposal
order by state = 'pending' desc, num desc limit ?

-- Calls of hooks: the first body under a name stays.
-- name: remember_hook_call
insert into hook_call (ref, digest, at) values (?, ?, ?) on conflict (ref) do nothing

-- name: hook_call
select digest from hook_call where ref = ?

-- name: forget_hook_calls
delete from hook_call where at < ?

-- How far a shop was asked for what it did not tell.
-- name: polled_until
select until from poll where shop = ?

-- name: note_polled
insert into poll (shop, until) values (?, ?) on conflict (shop) do update set until = excluded.until

-- name: keep_call_consent
insert into call_consent (key, used, erasure, sealed) values (?, ?, ?, ?)
on conflict (key) do update set used = excluded.used, erasure = excluded.erasure, sealed = excluded.sealed

-- name: call_consent
select sealed from call_consent where key = ?

-- name: call_consent_of_erasure
select max(used) from call_consent where erasure = ?

-- name: forget_call_consents
delete from call_consent where used < ?
