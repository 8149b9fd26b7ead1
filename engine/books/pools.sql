-- Pools of codes, by name: lists that the shop knows, each code once and for one pool.

-- name: add
insert into pool_code (pool, code, state, at) values (?, ?, ?, ?) on conflict do nothing

-- name: make_ready
update pool_code set state = 'ready' where code = ? and pool = ? and state = 'minted'

-- name: pool_of
select pool from pool_code where code = ?

-- The state is asked twice: on PostgreSQL another may take the same ones between the look and the change.
-- name: take
update pool_code set state = 'granted' where seq in
    (select seq from pool_code where pool = ? and state = 'ready' order by seq limit ?)
and state = 'ready'
returning seq, code

-- name: has_ready
select exists(select 1 from pool_code where pool = ? and state = 'ready')

-- name: has_any
select exists(select 1 from pool_code where pool = ?)

-- name: counts
select pool, 'ready', count(*) from pool_code where state = 'ready' group by pool
union all
select pool, 'minted', count(*) from pool_code where state = 'minted' group by pool
