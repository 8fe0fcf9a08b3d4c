-- As before, but only suspects count among the claims of one item, and make the next one wait: of those whose handlers were
-- busy with one item each, all were counted
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
	locked bigint[];
	soon timestamptz;
	-- What is alone in a claim of the instance, of this call and of later ones
	suspects int := (SELECT count(*) FROM ${schema}.work_claims c
		CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items x WHERE x.item_id = c.item_ids[1] AND x.suspect OFFSET 0) x
		WHERE c.instance_id = p_instance AND cardinality(c.item_ids) = 1);
	head record;
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
		SELECT x.item_id, x.lane, x.failures, x.rev > coalesce(l.rev, 0) AS moved,
				x.last_error IS NOT DISTINCT FROM lost AS again
			INTO i FROM ${schema}.work_items x WHERE x.item_id = ANY (locked) AND x.suspect;
		IF FOUND THEN
			-- Most of them are done before the next one is due, which would be passed over meanwhile
			suspects := greatest(suspects - 1, 0);
			soon := soon + suspects * interval '250 ms';
		END IF;
		UPDATE ${schema}.work_items x SET token = x.token + 1, suspect = true, due_at = greatest(x.due_at, soon),
				last_error = CASE WHEN x.suspect THEN lost ELSE nullif(x.last_error, lost) END
			WHERE x.item_id = ANY (locked);
		IF i.again AND NOT i.lane THEN
			IF i.failures + 1 >= l.max_attempts AND NOT i.moved THEN
				PERFORM ${schema}.work_bury(0, i.item_id, lost);
			ELSE
				UPDATE ${schema}.work_items x
					SET failures = CASE WHEN i.failures + 1 < l.max_attempts THEN x.failures + 1 ELSE 0 END
					WHERE x.item_id = i.item_id;
			END IF;
		ELSIF i.again THEN
			SELECT x.item_id, x.failures INTO head FROM ${schema}.work_lane_items x
				WHERE x.lane_id = i.item_id ORDER BY x.item_id LIMIT 1;
			IF FOUND AND head.failures + 1 >= l.max_attempts THEN
				PERFORM ${schema}.work_bury(i.item_id, head.item_id, lost);
			ELSE
				UPDATE ${schema}.work_lane_items x SET failures = x.failures + 1, last_error = lost
					WHERE x.lane_id = i.item_id AND x.item_id = head.item_id;
			END IF;
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

-- As before, but an item has also failed whose attempts are counted from 0 again, since a request came in its last one: its last
-- error says so
CREATE OR REPLACE FUNCTION ${schema}.enqueue(queue text, payload bytea, key text DEFAULT NULL, ordering_key text DEFAULT NULL,
		due_at timestamptz DEFAULT NULL, wake boolean DEFAULT true) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	of_queue int;
	new_id bigint;
	new_due timestamptz := greatest(clock_timestamp(), enqueue.due_at);
	appended record;
BEGIN
	IF enqueue.queue IS NULL OR enqueue.payload IS NULL THEN
		RAISE EXCEPTION 'Neither the queue nor the payload may be null; nothing was stored.'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF enqueue.key IS NOT NULL AND enqueue.ordering_key IS NOT NULL THEN
		RAISE EXCEPTION 'An item with an ordering key must not have a key; nothing was stored.'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	LOOP
		of_queue := (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = enqueue.queue);
		EXIT WHEN of_queue IS NOT NULL;
		INSERT INTO ${schema}.work_queues (name) VALUES (enqueue.queue)
			ON CONFLICT ON CONSTRAINT work_queues_name_key DO NOTHING;
	END LOOP;
	IF enqueue.ordering_key IS NOT NULL THEN
		SELECT a.item_id, a.due INTO appended FROM ${schema}.work_append(enqueue.queue, enqueue.ordering_key,
			CASE WHEN enqueue.due_at > clock_timestamp() THEN ${schema}.work_micros(enqueue.due_at) ELSE 0 END, 0, NULL,
			enqueue.payload) a;
		IF wake AND appended.due < 9223372036854775807 THEN
			PERFORM pg_notify('${wakeup_channel}', concat('1 sql work ', of_queue, ':', -appended.due, ':-'));
		END IF;
		RETURN appended.item_id;
	END IF;
	INSERT INTO ${schema}.work_items AS i (queue_id, due_at, key, payload)
		VALUES (of_queue, new_due, enqueue.key, enqueue.payload)
		ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL
			DO UPDATE SET rev = i.rev + 1,
				due_at = CASE WHEN i.failures = 0 AND i.last_error IS NULL THEN least(i.due_at, excluded.due_at) ELSE i.due_at END
		RETURNING i.item_id, i.due_at INTO new_id, new_due;
	-- What was due before, others were woken for
	IF wake AND new_due >= statement_timestamp() THEN
		PERFORM pg_notify('${wakeup_channel}', concat('1 sql work ', of_queue, ':', -${schema}.work_micros(new_due), ':-'));
	END IF;
	RETURN new_id;
END
$$;

-- As before, but an item that was postponed without a failure has no error any more, as that of losses: requests would wait for
-- its delay
CREATE OR REPLACE FUNCTION ${schema}.work_return(p_claim bigint, p_queue int, p_lane bigint, p_item bigint, p_token int, p_rev int,
		p_outcome text, p_at bigint, p_in bigint, p_error text, p_wait int, OUT kind text, OUT due bigint)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
	held CONSTANT bigint := CASE WHEN p_lane = 0 THEN p_item ELSE p_lane END;
	-- An item with a revision is not claimed while any claim has it
	mark CONSTANT int := CASE WHEN p_wait < 0 THEN 1 ELSE 0 END;
	soon timestamptz;
	wanted timestamptz;
	moved boolean;
	next_due timestamptz;
BEGIN
	kind := 'LOST';
	due := 9223372036854775807;
	IF p_wait > 0 THEN
		PERFORM pg_catalog.set_config('lock_timeout', p_wait || 'ms', true);
	END IF;
	SELECT i.rev <> p_rev, i.due_at INTO moved, next_due FROM ${schema}.work_items i
		WHERE i.item_id = held AND i.token = p_token AND i.lane = (p_lane <> 0)
			AND i.enqueued_at <= 'epoch'::timestamptz + p_claim * interval '1 microsecond'
		FOR UPDATE;
	-- One that has left the claim, which a lost answer can hide from the caller, is due already or another's
	IF NOT FOUND OR NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue
			AND held = ANY (c.item_ids)) THEN
		RETURN;
	END IF;
	soon := pg_catalog.clock_timestamp() + interval '50 ms';
	wanted := greatest(soon, greatest(pg_catalog.clock_timestamp(), 'epoch'::timestamptz + p_at * interval '1 microsecond')
		+ p_in * interval '1 microsecond');
	IF p_lane <> 0 THEN
		IF p_outcome = 'AGAIN' THEN
			PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF FOUND THEN
				PERFORM ${schema}.work_remove(p_lane, p_item);
				kind := 'DONE';
			END IF;
			RETURN;
		END IF;
		-- A transaction of the handler has returned the item and has committed, which the caller does not know
		IF moved THEN
			RETURN;
		END IF;
		-- A failure takes the lane from its holder
		IF p_outcome = 'DEAD' THEN
			PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF NOT FOUND THEN
				RETURN;
			END IF;
			PERFORM ${schema}.work_bury(p_lane, p_item, p_error);
			UPDATE ${schema}.work_items i SET token = i.token + 1 WHERE i.item_id = p_lane RETURNING i.due_at INTO next_due;
			kind := 'DEAD';
			due := CASE WHEN FOUND THEN ${schema}.work_micros(next_due) ELSE due END;
		ELSE
			UPDATE ${schema}.work_lane_items x SET not_before = wanted,
					failures = CASE p_outcome WHEN 'FAIL' THEN x.failures + 1 WHEN 'REARM' THEN 0 ELSE x.failures END,
					last_error = CASE p_outcome WHEN 'FAIL' THEN p_error WHEN 'REARM' THEN NULL ELSE x.last_error END
				WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF NOT FOUND THEN
				RETURN;
			END IF;
			-- It was requeued meanwhile
			IF EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id < p_item) THEN
				wanted := soon;
			END IF;
			UPDATE ${schema}.work_items i SET due_at = wanted, suspect = false,
					token = i.token + CASE WHEN p_outcome IN ('FAIL', 'TAKE_BACK') THEN 1 ELSE 0 END, rev = i.rev + mark
				WHERE i.item_id = p_lane;
			kind := 'AGAIN';
			due := ${schema}.work_micros(wanted);
		END IF;
	ELSIF p_outcome = 'AGAIN' AND NOT moved THEN
		PERFORM ${schema}.work_remove(0, p_item);
		kind := 'DONE';
	ELSIF p_outcome = 'DEAD' AND NOT moved THEN
		PERFORM ${schema}.work_bury(0, p_item, p_error);
		kind := 'DEAD';
	ELSE
		next_due := CASE
			WHEN NOT moved THEN wanted
			-- The backoff holds for the request too
			WHEN p_outcome IN ('FAIL', 'DEAD') THEN greatest(next_due, wanted)
			ELSE greatest(next_due, soon) END;
		UPDATE ${schema}.work_items i SET due_at = next_due, suspect = false, rev = i.rev + mark,
				token = i.token + CASE WHEN p_outcome IN ('FAIL', 'DEAD', 'TAKE_BACK') THEN 1 ELSE 0 END,
				failures = CASE WHEN p_outcome = 'FAIL' THEN i.failures + 1 WHEN p_outcome IN ('POSTPONE', 'TAKE_BACK') THEN i.failures ELSE 0 END,
				last_error = CASE WHEN p_outcome IN ('FAIL', 'DEAD') THEN p_error
					WHEN p_outcome = 'TAKE_BACK' OR p_outcome = 'POSTPONE' AND i.failures > 0 THEN i.last_error END
			WHERE i.item_id = p_item;
		kind := 'AGAIN';
		due := ${schema}.work_micros(next_due);
	END IF;
	IF p_wait >= 0 THEN
		PERFORM ${schema}.work_leave(p_claim, p_queue, ARRAY[held]);
	END IF;
END
$$;

-- As before, but reads little of what is kept of items, however much that is: at each start, an index was read from end to end.
-- Its order is not that of the items with an ordering key alone, nor of those without. So what has the highest ids and what has
-- come last of each queue are looked at, and the last item of the newest 10,000 ordering keys. raise_ids() adds 1,000 to that
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
		(SELECT d.item_id, d.lane FROM ${schema}.work_dead d ORDER BY d.item_id DESC LIMIT 100)
		UNION ALL
		(SELECT f.item_id, f.lane FROM ${schema}.work_finished f ORDER BY f.item_id DESC LIMIT 100)
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

-- As before, but the next search from the first item on comes after ten minutes at the latest: one in which the server was suspended
-- seemed to take for hours, and what commits late was not found for many times as long. No other takes more than the 30 seconds after
-- which the instance gives up
CREATE OR REPLACE FUNCTION ${schema}.work_claim(p_queue int, p_instance bigint, p_limit int, p_low bigint, p_hint bigint)
	RETURNS TABLE (granted boolean, limited boolean, claim_id bigint, frontier bigint, next_due bigint, more boolean,
		item_id bigint, token int, rev int, failures int, lane boolean, key text, enqueued_at timestamptz, headers text,
		payload bytea)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET work_mem = '64MB'
	SET lock_timeout = '10s'
	SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
	q record;
	moment timestamptz;
	whole boolean;
	given timestamptz;
	low timestamptz;
	cid bigint;
	room int := least(p_limit, 500);
	-- How long after its due time an item may become visible and be found nevertheless
	slack CONSTANT interval := '20 ms';
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Items can be claimed in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	-- Items of a claim that a crash of the server forgets are claimed again: only one holder completes them
	PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
	SELECT w.paused_at, w.max_running, w.frontier, w.looked_at, w.look_took INTO q
		FROM ${schema}.work_queues w WHERE w.queue_id = p_queue FOR NO KEY UPDATE;
	granted := FOUND AND q.paused_at IS NULL AND EXISTS (SELECT FROM ${schema}.instances i
		WHERE i.instance_id = p_instance AND i.lease_until > pg_catalog.clock_timestamp() AND i.gone_at IS NULL);
	limited := q.max_running IS NOT NULL;
	IF granted AND limited THEN
		-- A claim of one item counts until its handler has returned, also if that was cancelled. Of one from before the limit
		-- was set, what is still there counts
		room := least(room, 1, q.max_running - (SELECT pg_catalog.count(*) FROM (
			SELECT 1 FROM ${schema}.work_claims l WHERE l.queue_id = p_queue AND pg_catalog.cardinality(l.item_ids) = 1
			UNION ALL
			SELECT 1 FROM ${schema}.work_claims l CROSS JOIN pg_catalog.unnest(l.item_ids) AS u(item)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item OFFSET 0) i
				WHERE l.queue_id = p_queue AND pg_catalog.cardinality(l.item_ids) > 1
			LIMIT q.max_running) r));
		granted := room > 0;
	END IF;
	IF NOT granted THEN
		RETURN NEXT;
		RETURN;
	END IF;
	moment := pg_catalog.clock_timestamp();
	-- Unless the clock was set back
	given := CASE WHEN p_low < 0 THEN '-infinity'
		ELSE least('epoch'::timestamptz + p_low * interval '1 microsecond', moment - slack) END;
	whole := moment >= q.looked_at + greatest(interval '5 s', 20 * least(q.look_took, interval '30 s')) OR moment < q.looked_at;
	low := CASE WHEN whole THEN '-infinity' ELSE least(greatest(q.frontier, given), moment - slack,
		'epoch'::timestamptz + least(greatest(p_hint, 0), 9000000000000000) * interval '1 microsecond') END;
	-- The clock, since max() would read all claims that a long snapshot keeps
	cid := ${schema}.work_micros(moment);
	RETURN QUERY
		WITH n AS MATERIALIZED (
			SELECT i.item_id, i.token, i.rev, i.failures, i.suspect, i.lane, i.key, i.enqueued_at, i.headers, i.payload, i.due_at
			FROM ${schema}.work_items i
			WHERE i.queue_id = p_queue AND i.due_at >= low AND i.due_at <= moment
				-- Else the clock was set back: its completion would be taken for that of another item
				AND i.enqueued_at <= moment
				-- NOT IN is hashed, and keeps the order of the index. A claim whose last item is due before the bound
				-- has none of these
				AND i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue AND l.to_due >= low)
				-- But if its due time may have been moved while it runs, all claims count
				AND (i.rev = 0 OR i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue))
				-- Evaluated for the first one of these only. What is passed over is found by the next search from the first item on
				AND (NOT i.suspect OR i.last_error IS DISTINCT FROM lost OR (SELECT ${schema}.work_may_try(p_instance)))
			ORDER BY i.due_at, i.item_id
			LIMIT room),
		-- Up to the first suspect, which is claimed alone
		s AS MATERIALIZED (SELECT n.due_at, n.item_id FROM n WHERE n.suspect LIMIT 1),
		c AS MATERIALIZED (
			SELECT n.* FROM n WHERE NOT EXISTS (SELECT FROM s) OR (n.due_at, n.item_id) < (SELECT s.due_at, s.item_id FROM s)
			UNION ALL
			(SELECT * FROM (SELECT * FROM n LIMIT 1) f WHERE f.suspect)),
		m AS MATERIALIZED (SELECT pg_catalog.max(c.due_at) AS due, pg_catalog.count(*) AS n, pg_catalog.max(c.rev) AS rev,
			pg_catalog.count(*) = room OR EXISTS (SELECT FROM s) AS more FROM c),
		k AS (INSERT INTO ${schema}.work_claims (claim_id, queue_id, instance_id, to_due, item_ids, rev)
			SELECT cid, p_queue, p_instance, m.due, ARRAY(SELECT c.item_id FROM c), CASE WHEN m.n = 1 THEN m.rev END FROM m WHERE m.n > 0)
		SELECT true, limited, cid, ${schema}.work_micros(CASE WHEN m.more THEN m.due ELSE moment END - slack),
			CASE WHEN NOT m.more THEN (SELECT ${schema}.work_micros(i.due_at) - cid FROM ${schema}.work_items i
				WHERE i.queue_id = p_queue AND i.due_at > moment AND i.due_at < 'infinity' ORDER BY i.due_at LIMIT 1) END,
			m.more, c.item_id, c.token, c.rev, c.failures, c.lane, c.key, c.enqueued_at, c.headers, c.payload
		FROM m LEFT JOIN c ON true;
	IF whole THEN
		UPDATE ${schema}.work_queues w SET looked_at = moment, look_took = pg_catalog.clock_timestamp() - moment,
			frontier = least(greatest(q.frontier, given), moment - slack) WHERE w.queue_id = p_queue;
	ELSIF given > q.frontier + interval '1 s' THEN
		UPDATE ${schema}.work_queues w SET frontier = given WHERE w.queue_id = p_queue;
	END IF;
END
$$;

-- As before, but what is finished for the second time, as an item that was requeued, or one whose id has come again, takes the
-- place of what is kept of the first one. Its completion failed, and with it that of others
CREATE OR REPLACE FUNCTION ${schema}.work_remove(p_lane bigint, p_item bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
BEGIN
	IF p_lane = 0 THEN
		WITH d AS (DELETE FROM ${schema}.work_items i WHERE i.item_id = p_item
			RETURNING i.item_id, i.queue_id, i.enqueued_at, i.failures)
		INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, false, d.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL
			ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
				enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures;
	ELSE
		WITH d AS (DELETE FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item
			RETURNING x.item_id, x.enqueued_at, x.failures)
		INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, true, q.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_items i ON i.item_id = p_lane
			JOIN ${schema}.work_queues q ON q.queue_id = i.queue_id AND q.retention IS NOT NULL
			ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
				enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures;
	END IF;
END
$$;

-- As before, but for the same
CREATE OR REPLACE FUNCTION ${schema}.work_complete(p_claims bigint[], p_queues int[], p_lanes bigint[], p_items bigint[], p_tokens int[],
		p_revs int[], p_finished bigint[], p_finished_queues int[], p_skip boolean) RETURNS SETOF int
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET lock_timeout = '50ms'
	SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	limited boolean;
	kept boolean;
	wanted int[];
	held bigint[];
	done int[];
	missing int[];
BEGIN
	IF pg_catalog.cardinality(p_items) = 0 THEN
		-- What a crash of the server brings back has no items any more
		PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
	END IF;
	SELECT coalesce(pg_catalog.bool_or(q.max_running IS NOT NULL), false), coalesce(pg_catalog.bool_or(q.retention IS NOT NULL), false)
		INTO limited, kept FROM ${schema}.work_queues q WHERE q.queue_id = ANY (p_queues);
	IF p_skip THEN
		wanted := ARRAY(SELECT u.ord FROM unnest(p_items, p_lanes) WITH ORDINALITY AS u(item, lane, ord)
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item FOR UPDATE SKIP LOCKED) i
			WHERE u.lane = 0);
	END IF;
	WITH d AS (
			DELETE FROM ${schema}.work_items i
			USING unnest(p_items, p_tokens, p_revs, p_claims, p_lanes) WITH ORDINALITY AS u(item, token, rev, claim, lane, ord)
			WHERE i.item_id = u.item AND i.token = u.token AND i.rev = u.rev AND u.lane = 0 AND NOT i.lane
				AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
				AND (NOT p_skip OR u.ord = ANY (wanted))
			RETURNING u.ord, i.item_id, i.queue_id, i.enqueued_at, i.failures),
		f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, false, d.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL WHERE kept
			ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
				enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures)
		SELECT pg_catalog.array_agg(d.ord) INTO done FROM d;
	done := coalesce(done, '{}');
	IF 0 < ANY (p_lanes) THEN
		IF p_skip THEN
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
					FOR KEY SHARE SKIP LOCKED) i);
			wanted := ARRAY(SELECT u.ord FROM unnest(p_lanes, p_items) WITH ORDINALITY AS u(lane, item, ord)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.work_lane_items x
					WHERE x.lane_id = u.lane AND x.item_id = u.item FOR UPDATE SKIP LOCKED) x
				WHERE u.lane = ANY (held));
		ELSE
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
					FOR KEY SHARE) i);
		END IF;
		WITH d AS (
				DELETE FROM ${schema}.work_lane_items x
				USING unnest(p_lanes, p_items, p_queues) WITH ORDINALITY AS u(lane, item, queue, ord)
				WHERE x.lane_id = u.lane AND x.item_id = u.item AND u.lane = ANY (held)
					AND (NOT p_skip OR u.ord = ANY (wanted))
				RETURNING u.ord, x.item_id, u.queue, x.enqueued_at, x.failures),
			f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
				SELECT d.item_id, true, d.queue, d.enqueued_at, d.failures
				FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue AND q.retention IS NOT NULL WHERE kept
				ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
					enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures)
			SELECT done || coalesce(pg_catalog.array_agg(d.ord::int), '{}') INTO done FROM d;
	END IF;
	IF pg_catalog.cardinality(done) < pg_catalog.cardinality(p_items) THEN
		missing := ARRAY(SELECT pg_catalog.generate_series(1, pg_catalog.cardinality(p_items)) EXCEPT ALL SELECT pg_catalog.unnest(done));
		RETURN QUERY SELECT pg_catalog.unnest(missing);
	END IF;
	DELETE FROM ${schema}.work_claims c USING unnest(p_finished, p_finished_queues) AS f(claim, queue)
		WHERE c.claim_id = f.claim AND c.queue_id + 0 = f.queue
			AND (missing IS NULL OR NOT EXISTS (SELECT FROM pg_catalog.unnest(missing) AS m(ord)
				WHERE p_claims[m.ord] = c.claim_id AND p_queues[m.ord] = c.queue_id));
	IF limited THEN
		-- Those that are done must not count as running
		UPDATE ${schema}.work_claims c
			SET item_ids = ARRAY(SELECT pg_catalog.unnest(c.item_ids) EXCEPT ALL SELECT p_items[d.ord] FROM pg_catalog.unnest(done) AS d(ord)
				WHERE p_lanes[d.ord] = 0)
			FROM (SELECT DISTINCT u.claim, u.queue FROM unnest(p_claims, p_queues) AS u(claim, queue)) u
			JOIN ${schema}.work_queues q ON q.queue_id = u.queue AND q.max_running IS NOT NULL
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_claims x WHERE x.claim_id = u.claim AND x.queue_id + 0 = u.queue
				FOR UPDATE SKIP LOCKED) x
			WHERE c.claim_id = u.claim AND c.queue_id + 0 = u.queue;
	END IF;
END
$$;

-- As before, but the last decades of a timestamptz, whose microseconds are beyond a bigint, are the highest too. One item that was
-- due then made each claim of its queue fail
CREATE OR REPLACE FUNCTION ${schema}.work_micros(moment timestamptz) RETURNS bigint
	LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN moment >= '294247-01-01 00:00:00+00' THEN 9223372036854775807
		ELSE (pg_catalog.date_part('epoch', moment) * 1000000)::bigint END
$$;
