-- Queries of views.sql that PostgreSQL must have in its own words, under the same names and with the same values.

-- name: owner
select (select customer from identity where key = :key)
