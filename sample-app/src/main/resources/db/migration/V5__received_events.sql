create table received_events (
	id text primary key,
	type text not null,
	subject text not null,
	received_by text not null,
	received_at timestamp with time zone not null default clock_timestamp()
);
