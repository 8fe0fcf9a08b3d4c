-- Settings that differ from their defaults
create table settings (
	name text primary key,
	value text not null
);
