create table orders (
	id uuid primary key,
	address text not null
);

-- One reminder: when it is due, and which instance has sent it
create table reminders (
	name text primary key,
	due_at timestamp with time zone not null,
	sent_at timestamp with time zone,
	sent_by text
);
