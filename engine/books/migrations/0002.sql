-- Letters and the like that were given out, while their text is kept.
create index effect_given_out on effect (time)
where type = 'winback.send.given_out' and body ->> '$.text' is not null;
