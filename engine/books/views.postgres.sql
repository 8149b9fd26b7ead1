-- Queries of views.sql that PostgreSQL must have in its own words, under the same names and with the same values.

-- name: owner
select (select customer from identity where key = :key)

-- Several processes write these books; they are as old as the partition that is furthest back.
-- name: shop
select office.as_of, shop.state from shop, office
