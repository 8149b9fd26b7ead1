-- Queries of queries.sql that PostgreSQL must have in its own words, under the same names and with the same values.

-- name: last_effect
select last_effect()

-- name: coupon_issued
select time, body from effect
where customer = ? and type = 'winback.coupon_issued' and shadow = 0 and body::jsonb ->> 'code' = ? order by seq limit 1

-- name: forget_bodies
update effect set body = (body::jsonb - 'subject' - 'text' - 'html')::text
where type = 'winback.send.given_out' and body::jsonb ->> 'text' is not null and time < ?

-- name: forget_devices
update dead_letter set raw = json_without(raw, 'data.ip', 'data.user_agent', 'data.proof.ip')
where id in (
    select id from dead_letter
    where last_at < ? and (position('"ip"'::bytea in raw) > 0 or position('"user_agent"'::bytea in raw) > 0)
    and json_without(raw, 'data.ip', 'data.user_agent', 'data.proof.ip') <> raw
    limit 500
)

-- name: forget_undelivered_bodies
update dead_letter set raw = json_without(raw, 'data.subject', 'data.text', 'data.html')
where origin like 'receiver %' and last_at < ? and position('"text"'::bytea in raw) > 0
