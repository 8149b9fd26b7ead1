-- Erasing one person: where their traces lie, and taking them out. Lists are JSON.

-- name: erased_keys
select key from erased

-- name: how_many_erased
select count(*), coalesce(max(erasure), 0) from erased

-- name: add_erased
insert into erased (key, erasure) values (?, ?) on conflict do nothing

-- name: lift_erased
delete from erased where erasure in (select erasure from erased where key = ?)

-- name: begin_erasure
insert into erasure (id, at, who, why, state, person, proof) values (?, ?, ?, ?, 'begun', ?, '{}') returning num

-- name: enlarge_erasure
update erasure set person = ?, proof = ? where num = ? and state = 'begun'

-- name: end_erasure
update erasure set state = 'done', person = null, proof = ? where num = ?

-- name: begun_erasures
select num, id, at, who, why, person, proof from erasure where state = 'begun' order by num

-- name: erasure_of_key
select erasure.id, erasure.at from erased join erasure on erasure.num = erased.erasure where erased.key = ?

-- name: proof
select proof, state from erasure where id = ?

-- name: proofs
select id, at, state from erasure order by num desc limit ?

-- name: data_requests
select customer, at from data_request order by at, customer limit ?

-- name: data_requested
select at from data_request where customer = ?

-- name: outbox_of
delete from outbox where customer in (select value from json_each(?))

-- name: effects_made
select type, effect_id, body from effect where customer in (select value from json_each(?)) order by seq

-- Looking: read only, in slices --------------------------------------------------------------------------------------

-- name: gone_records
select id, record from customer where standing = ? and hindrance = 'gone'

-- name: records_there
select id from customer where id in (select value from json_each(?))

-- name: journal_of_all
select signal from journal where customer in (select value from json_each(?))

-- name: newest_rows
select (select coalesce(max(seq), 0) from journal), (select coalesce(max(seq), 0) from effect)

-- name: ledger_of
select effect_id from ledger where customer in (select value from json_each(?))

-- name: calls_of
select count(*) from ledger where state = 'calling' and customer in (select value from json_each(?))

-- name: identities_of
select key from identity where customer in (select value from json_each(?))

-- name: fresh_of
select key from fresh where customer in (select value from json_each(?))

-- name: letters_all
select id, origin, raw from dead_letter order by id

-- name: parcels_of
select count(*) from parcel where customer in (select value from json_each(?))

-- Wiping -------------------------------------------------------------------------------------------------------------

-- name: wipe_journal
delete from journal where seq = ?

-- name: rewrite_journal
update journal set signal = ? where seq = ?

-- name: wipe_effect
delete from effect where seq = ?

-- name: rewrite_effect
update effect set body = ? where seq = ?

-- The newest row stays, so that numbers go on from it.
-- name: blank_effect
update effect set customer = '', type = 'winback.erased', effect_id = '', ordinal = 0, shadow = 1, body = '{}' where seq = ?

-- name: newest_effect
select coalesce(max(seq), 0) from effect

-- name: blank_ledger
update ledger set effect_id = ?, customer = '', message_id = '', detail = '' where effect_id = ?

-- name: wipe_parcels
delete from parcel where customer in (select value from json_each(?))

-- name: wipe_letter
delete from dead_letter where id = ?

-- name: wipe_request
delete from data_request where customer in (select value from json_each(?))

-- Of the distributed engine alone --------------------------------------------------------------------------------------

-- name: wipe_snapshot
delete from snapshot where customer in (select value from json_each(?))

-- name: wipe_sender_words
delete from sender_word where customer in (select value from json_each(?))

-- name: wipe_redemption
delete from redemption where code = ?

-- name: wipe_words
delete from shop_word where customer in (select value from json_each(?)) and number <= (select published_word from office)
