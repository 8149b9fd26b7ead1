-- Proofs of consents to calls of people who were erased, sealed; found by keyed hash of id, number or address.
create table call_consent (
    key blob primary key,
    used integer not null,       -- when they were last called, or it was given
    erasure text not null,       -- the id of its proof
    sealed blob not null
) strict, without rowid;
