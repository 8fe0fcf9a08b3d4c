-- Items that were lost with their holder are claimed alone from then on, and have a new token
CREATE FUNCTION ${schema}.work_make_suspects(p_items bigint[], p_due timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	UPDATE ${schema}.work_items x SET token = x.token + 1, suspect = true, due_at = greatest(x.due_at, p_due),
			last_error = CASE WHEN x.suspect THEN lost ELSE nullif(x.last_error, lost) END
		WHERE x.item_id = ANY (p_items);
END
$$;

-- One that was alone in its claim, and was lost before, has failed with that, and is dead after its last attempt, unless
-- p_moved: a request came meanwhile
CREATE FUNCTION ${schema}.work_count_loss(p_item bigint, p_lane boolean, p_moved boolean, p_max int) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	head record;
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	IF NOT p_lane THEN
		UPDATE ${schema}.work_items x SET failures = CASE WHEN x.failures + 1 < p_max THEN x.failures + 1 ELSE 0 END
			WHERE x.item_id = p_item AND (p_moved OR x.failures + 1 < p_max);
		IF NOT FOUND THEN
			PERFORM ${schema}.work_bury(0, p_item, lost);
		END IF;
		RETURN;
	END IF;
	SELECT x.item_id, x.failures INTO head FROM ${schema}.work_lane_items x
		WHERE x.lane_id = p_item ORDER BY x.item_id LIMIT 1;
	IF FOUND AND head.failures + 1 >= p_max THEN
		PERFORM ${schema}.work_bury(p_item, head.item_id, lost);
	ELSE
		UPDATE ${schema}.work_lane_items x SET failures = x.failures + 1, last_error = lost
			WHERE x.lane_id = p_item AND x.item_id = head.item_id;
	END IF;
END
$$;

-- As before, but an item that a trigger or a constraint keeps from being changed, or dead, keeps no other from being taken over
CREATE OR REPLACE FUNCTION ${schema}.work_take_over(p_instance bigint, p_claims int)
	RETURNS TABLE (queue_id int, due bigint, freed int)
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	l record;
	i record;
	one bigint;
	locked bigint[];
	soon timestamptz;
	-- What is alone in a claim of the instance, of this call and of later ones
	suspects int := (SELECT count(*) FROM ${schema}.work_claims c
		CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items x WHERE x.item_id = c.item_ids[1] AND x.suspect OFFSET 0) x
		WHERE c.instance_id = p_instance AND cardinality(c.item_ids) = 1);
	taken int := 0;
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	FOR l IN SELECT c.claim_id, c.queue_id, c.item_ids, c.rev, q.max_attempts FROM ${schema}.work_claims c
			JOIN ${schema}.work_queues q ON q.queue_id = c.queue_id
			WHERE c.instance_id = p_instance ORDER BY c.claim_id FOR UPDATE OF c SKIP LOCKED LOOP
		locked := ARRAY(SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) FOR UPDATE SKIP LOCKED);
		soon := clock_timestamp() + interval '50 ms';
		freed := cardinality(locked);
		-- A suspect is alone in its claim
		SELECT x.item_id, x.lane, x.rev > coalesce(l.rev, 0) AS moved,
				x.last_error IS NOT DISTINCT FROM lost AS again
			INTO i FROM ${schema}.work_items x WHERE x.item_id = ANY (locked) AND x.suspect;
		IF FOUND THEN
			-- Most of them are done before the next one is due, which would be passed over meanwhile
			suspects := greatest(suspects - 1, 0);
			soon := soon + suspects * interval '250 ms';
		END IF;
		BEGIN
			PERFORM ${schema}.work_make_suspects(locked, soon);
		EXCEPTION WHEN OTHERS THEN
			FOREACH one IN ARRAY locked LOOP
				BEGIN
					PERFORM ${schema}.work_make_suspects(ARRAY[one], soon);
				EXCEPTION WHEN OTHERS THEN
					RAISE WARNING 'Item % of work cannot be taken over: %', one, SQLERRM;
					-- It stays in the claim, as one that is locked
					locked := array_remove(locked, one);
				END;
			END LOOP;
			freed := cardinality(locked);
		END;
		IF i.again AND i.item_id = ANY (locked) THEN
			BEGIN
				PERFORM ${schema}.work_count_loss(i.item_id, i.lane, i.moved, l.max_attempts);
			EXCEPTION WHEN OTHERS THEN
				RAISE WARNING 'The loss of item % of work cannot be stored: %', i.item_id, SQLERRM;
				UPDATE ${schema}.work_items x SET due_at = greatest(x.due_at, clock_timestamp() + interval '1 minute')
					WHERE x.item_id = i.item_id;
			END;
		END IF;
		IF EXISTS (SELECT FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) AND NOT i.item_id = ANY (locked)) THEN
			CONTINUE WHEN freed = 0;
			UPDATE ${schema}.work_claims c SET item_ids = ARRAY(SELECT unnest(l.item_ids) EXCEPT SELECT unnest(locked))
				WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		ELSE
			DELETE FROM ${schema}.work_claims c WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		END IF;
		queue_id := l.queue_id;
		due := ${schema}.work_micros(soon);
		RETURN NEXT;
		taken := taken + least(freed, 1);
		EXIT WHEN taken >= p_claims;
	END LOOP;
END
$$;

-- As before, but the lane has a new token: a claim that is made at the same time, and whose holder goes on with the next message,
-- neither completes that nor ends the wait for the dead one
CREATE OR REPLACE FUNCTION ${schema}.channel_bury(p_queue text, p_key text, p_item bigint, p_error text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET lock_timeout = '1s'
AS $$
DECLARE
	of_queue CONSTANT int := (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = p_queue);
	of_lane bigint;
BEGIN
	SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
		WHERE i.queue_id = of_queue AND i.key = p_key AND i.lane FOR UPDATE;
	IF NOT FOUND OR EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = of_queue AND of_lane = ANY (c.item_ids)) THEN
		RETURN false;
	END IF;
	PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id = p_item FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM ${schema}.work_bury(of_lane, p_item, p_error);
	UPDATE ${schema}.work_items i SET rev = i.rev + 1, token = i.token + 1 WHERE i.item_id = of_lane;
	RETURN true;
END
$$;

-- As before, but of what has the highest ids as many as of ordering keys are looked at. An item that was finished before a hundred
-- others of its queue was missed, where ordering keys had a hundred higher ids
CREATE OR REPLACE FUNCTION ${schema}.ids_behind() RETURNS TABLE (sequence regclass, highest bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET enable_bitmapscan = off
	SET enable_sort = off
AS $$
	WITH RECURSIVE lanes (lane_id, item_id) AS (
		(SELECT x.lane_id, x.item_id FROM ${schema}.work_lane_items x ORDER BY x.lane_id DESC, x.item_id DESC LIMIT 1)
		UNION ALL
		SELECT n.lane_id, n.item_id FROM lanes l CROSS JOIN LATERAL (
			SELECT x.lane_id, x.item_id FROM ${schema}.work_lane_items x WHERE x.lane_id < l.lane_id
			ORDER BY x.lane_id DESC, x.item_id DESC LIMIT 1) n),
	kept AS MATERIALIZED (
		(SELECT d.item_id, d.lane FROM ${schema}.work_dead d ORDER BY d.item_id DESC LIMIT 10000)
		UNION ALL
		(SELECT f.item_id, f.lane FROM ${schema}.work_finished f ORDER BY f.item_id DESC LIMIT 10000)
		UNION ALL
		SELECT d.item_id, d.lane FROM ${schema}.work_queues q CROSS JOIN LATERAL (
			SELECT x.item_id, x.lane FROM ${schema}.work_dead x WHERE x.queue_id = q.queue_id
			ORDER BY x.died_at DESC LIMIT 100) d
		UNION ALL
		SELECT f.item_id, f.lane FROM ${schema}.work_queues q CROSS JOIN LATERAL (
			SELECT x.item_id, x.lane FROM ${schema}.work_finished x WHERE x.queue_id = q.queue_id
			ORDER BY x.finished_at DESC LIMIT 100) f)
	SELECT s.sequence, s.highest FROM (VALUES
		('${schema}.streams_stream_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.streams_stream_id_seq),
			greatest((SELECT max(stream_id) FROM ${schema}.streams), (SELECT max(stream_id) FROM ${schema}.stream_chunks),
				(SELECT max(stream_id) FROM ${schema}.deleted_streams))),
		('${schema}.workflow_runs_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.workflow_runs_id_seq),
			(SELECT max(id) FROM ${schema}.workflow_runs)),
		('${schema}.changes_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.changes_id_seq),
			(SELECT max(c.id) FROM (SELECT id FROM ${schema}.changes ORDER BY xact DESC, id DESC LIMIT 1000) c)),
		('${schema}.work_queues_queue_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_queues_queue_id_seq),
			greatest((SELECT max(queue_id) FROM ${schema}.work_queues), (SELECT max(queue_id) FROM ${schema}.work_items),
				(SELECT max(queue_id) FROM ${schema}.work_dead), (SELECT max(queue_id) FROM ${schema}.work_finished))),
		('${schema}.work_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_items), (SELECT max(lane_id) FROM ${schema}.work_lane_items),
				(SELECT max(k.item_id) FROM kept k WHERE NOT k.lane))),
		('${schema}.work_lane_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_lane_items_item_id_seq),
			greatest((SELECT max(l.item_id) FROM (SELECT x.item_id FROM lanes x LIMIT 10000) l),
				(SELECT max(k.item_id) FROM kept k WHERE k.lane))),
		('${schema}.stream_consumers_consumer_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.stream_consumers_consumer_id_seq),
			greatest((SELECT max(consumer_id) FROM ${schema}.stream_consumers),
				(SELECT max(consumer_id) FROM ${schema}.stream_consumer_positions)))
		) s (sequence, given, highest)
	WHERE s.highest > s.given
$$;

-- Also where the database's default privileges do not say so
GRANT EXECUTE ON FUNCTION ${schema}.work_make_suspects(bigint[], timestamptz),
	${schema}.work_count_loss(bigint, boolean, boolean, int) TO PUBLIC;

-- To find dead items by their key. Last, and in moments in which no other transaction changes the table: see V6.1
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			PERFORM set_config('lock_timeout', '500ms', true);
			LOCK TABLE ${schema}.work_dead IN SHARE ROW EXCLUSIVE MODE;
			IF NOT EXISTS (SELECT FROM ${schema}.work_dead) THEN
				BEGIN
					INSERT INTO ${schema}.work_dead (item_id, lane, queue_id, enqueued_at, failures, token, payload)
						SELECT -i, false, -i, now(), 0, 0, '' FROM generate_series(1, 256) AS i;
				EXCEPTION WHEN raise_exception OR integrity_constraint_violation OR data_exception THEN
					-- A trigger or a constraint refuses what is dead. The index begins without an estimate
					NULL;
				END;
			END IF;
			CREATE INDEX work_dead_key ON ${schema}.work_dead (queue_id, key, died_at, item_id) WHERE key IS NOT NULL;
			DELETE FROM ${schema}.work_dead WHERE item_id BETWEEN -256 AND -1;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			PERFORM pg_sleep(0.5);
		END;
	END LOOP;
	RAISE EXCEPTION 'Other transactions have used table work_dead for a minute: end those that are idle, and start again.'
		USING ERRCODE = 'lock_not_available';
END
$$;
