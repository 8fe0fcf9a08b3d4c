CREATE TABLE profiles (id bigint PRIMARY KEY);

CREATE FUNCTION profile_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM durable_notify.publish('profiles', NEW.id::text);
	PERFORM durable_notify.append('profiles', convert_to(NEW.id::text, 'UTF8'));
	RETURN NULL;
END
$$;

CREATE TRIGGER profile_changed AFTER INSERT ON profiles FOR EACH ROW EXECUTE FUNCTION profile_changed();

INSERT INTO profiles VALUES (1);
