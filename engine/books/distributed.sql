-- Queries of the distributed engine alone, in PostgreSQL's own words.

-- name: positions
select topic, partition, position, place_offset, place_index from topic_position

-- name: move_position
insert into topic_position (topic, partition, position, place_offset, place_index) values (?, ?, ?, ?, ?)
on conflict (topic, partition) do update
set position = excluded.position, place_offset = excluded.place_offset, place_index = excluded.place_index

-- name: decided_at
select customer, decided_at from snapshot where customer = any(?)

-- name: note_decided_at
insert into snapshot (customer, decided_at) values (?, ?)
on conflict (customer) do update set decided_at = excluded.decided_at

-- name: partition_shops
select partition, reached, at, decided_at, word, state from partition_shop

-- name: partitions_reached
select partition, at from partition_shop

-- name: save_partition_shop
insert into partition_shop (partition, reached, at, decided_at, word, state) values (?, ?, ?, ?, ?, ?)
on conflict (partition) do update
set reached = excluded.reached, at = excluded.at, decided_at = excluded.decided_at, word = excluded.word,
    state = excluded.state

-- name: lock_office
select as_of from office for update

-- name: draw_words
update office set last_word = last_word + ? returning last_word

-- name: go_on_after
update office set last_word = ? where last_word < ?

-- name: add_word
insert into shop_word (number, at, partition, customer, signal, mark, origin) values (?, ?, ?, ?, ?, ?, ?)

-- name: words_to_publish
select number, at, partition, customer, signal, mark, origin from shop_word
where number > (select published_word from office) order by number limit ?

-- name: words_are_published
update office set published_word = ? where published_word < ?

-- name: drop_word
delete from shop_word where number = ?

-- name: forget_words
delete from shop_word where number <= (select published_word from office) and (customer <> '' or at < ?)

-- name: published_rules
select published_epoch, published_applied from office

-- name: rules_are_published
update office set published_epoch = ?, published_applied = ?

-- name: rules_from
select epoch, at, body from rule_set where epoch >= ? order by epoch

-- name: grants
select partition, allowance, granted from partition_grant

-- name: save_grant
insert into partition_grant (partition, allowance, granted) values (?, ?, ?)
on conflict (partition, allowance) do update set granted = excluded.granted

-- name: save_as_of
update office set as_of = ? where as_of < ?
