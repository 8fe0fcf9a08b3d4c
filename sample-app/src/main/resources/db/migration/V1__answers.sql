-- The application's own table, in its own schema. durable-notify keeps its tables and its own Flyway history in the schema
-- durable_notify; neither run knows of the other.
create table answers (
	id uuid primary key,
	title text not null,
	created_at timestamp with time zone not null
);

create index answers_created_at on answers (created_at);
