-- As before, but an item that becomes the first one of its ordering key does not wait for the due time of a later one. And
-- keys are locked in the order in which all transactions lock them
CREATE OR REPLACE FUNCTION ${schema}.work_requeue(p_queue int, p_items bigint[], p_limit int) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	d record;
	of_lane bigint;
	requeued int := 0;
BEGIN
	FOR d IN WITH taken AS (DELETE FROM ${schema}.work_dead x WHERE (x.item_id, x.lane) IN (
				SELECT y.item_id, y.lane FROM ${schema}.work_dead y
				WHERE y.queue_id = p_queue AND (p_items IS NULL OR CASE WHEN y.lane THEN -y.item_id ELSE y.item_id END = ANY (p_items))
				ORDER BY y.died_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
			RETURNING x.item_id, x.lane, x.key, x.blocks, x.token, x.headers, x.payload)
			SELECT t.item_id, t.lane, t.key, t.blocks, t.token, t.headers, t.payload FROM taken t ORDER BY t.lane, t.key LOOP
		requeued := requeued + 1;
		IF NOT d.lane THEN
			INSERT INTO ${schema}.work_items AS i (item_id, queue_id, token, key, headers, payload)
				OVERRIDING SYSTEM VALUE VALUES (d.item_id, p_queue, d.token + 1, d.key, d.headers, d.payload)
				ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL
					DO UPDATE SET rev = i.rev + 1, due_at = least(i.due_at, excluded.due_at);
			CONTINUE;
		END IF;
		LOOP
			SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
				WHERE i.queue_id = p_queue AND i.key = d.key AND i.lane FOR NO KEY UPDATE;
			EXIT WHEN FOUND;
			INSERT INTO ${schema}.work_items AS i (queue_id, token, lane, key, payload)
				VALUES (p_queue, d.token + 1, true, d.key, '')
				ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO NOTHING;
		END LOOP;
		INSERT INTO ${schema}.work_lane_items (lane_id, item_id, headers, payload)
			OVERRIDING SYSTEM VALUE VALUES (of_lane, d.item_id, d.headers, d.payload);
		UPDATE ${schema}.work_items i SET due_at = clock_timestamp() + interval '50 ms'
			WHERE i.item_id = of_lane AND i.due_at > clock_timestamp() + interval '50 ms' AND i.due_at < 'infinity'
				AND NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id < d.item_id);
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN requeued;
END
$$;

-- As before, but keys are locked in the order in which all transactions lock them
CREATE OR REPLACE FUNCTION ${schema}.work_purge(p_queue int, p_items bigint[], p_limit int) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	d record;
	purged int := 0;
BEGIN
	FOR d IN WITH taken AS (DELETE FROM ${schema}.work_dead x WHERE (x.item_id, x.lane) IN (
				SELECT y.item_id, y.lane FROM ${schema}.work_dead y
				WHERE y.queue_id = p_queue AND (p_items IS NULL OR CASE WHEN y.lane THEN -y.item_id ELSE y.item_id END = ANY (p_items))
				ORDER BY y.died_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
			RETURNING x.key, x.blocks)
			SELECT t.key, t.blocks FROM taken t ORDER BY t.key LOOP
		purged := purged + 1;
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN purged;
END
$$;

-- As before, but an ordering key is due at once if it has an earlier item than the one that is returned
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
				last_error = CASE WHEN p_outcome IN ('FAIL', 'DEAD') THEN p_error WHEN p_outcome IN ('POSTPONE', 'TAKE_BACK') THEN i.last_error END
			WHERE i.item_id = p_item;
		kind := 'AGAIN';
		due := ${schema}.work_micros(next_due);
	END IF;
	IF p_wait >= 0 THEN
		PERFORM ${schema}.work_leave(p_claim, p_queue, ARRAY[held]);
	END IF;
END
$$;

-- As before, but with p_skip it does not wait for the items of ordering keys either: a transaction that receives a message
-- has locked it, while another instance handles it
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
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL WHERE kept)
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
				FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue AND q.retention IS NOT NULL WHERE kept)
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

-- As before, but a claim of which nothing can be taken over, for instance while its items are locked, does not count towards the
-- limit: those after it would wait for it
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
	head record;
	taken int := 0;
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	FOR l IN SELECT c.claim_id, c.queue_id, c.item_ids, q.max_attempts FROM ${schema}.work_claims c
			JOIN ${schema}.work_queues q ON q.queue_id = c.queue_id
			WHERE c.instance_id = p_instance ORDER BY c.claim_id FOR UPDATE OF c SKIP LOCKED LOOP
		locked := ARRAY(SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) FOR UPDATE SKIP LOCKED);
		soon := clock_timestamp() + interval '50 ms';
		freed := cardinality(locked);
		-- Only one that was alone in its claim has surely to do with the loss
		IF cardinality(l.item_ids) > 1 THEN
			UPDATE ${schema}.work_items i SET token = i.token + 1, suspect = true, due_at = greatest(i.due_at, soon)
				WHERE i.item_id = ANY (locked);
		ELSE
			FOR i IN SELECT x.item_id, x.lane, x.failures,
					x.due_at > 'epoch'::timestamptz + l.claim_id * interval '1 microsecond' AS returned
					FROM ${schema}.work_items x WHERE x.item_id = ANY (locked) LOOP
				UPDATE ${schema}.work_items x SET token = x.token + 1, suspect = true, due_at = greatest(x.due_at, soon),
						failures = x.failures + CASE WHEN i.lane OR i.returned OR i.failures + 1 >= l.max_attempts THEN 0 ELSE 1 END,
						last_error = CASE WHEN i.lane OR i.returned THEN x.last_error ELSE lost END
					WHERE x.item_id = i.item_id;
				CONTINUE WHEN i.returned;
				IF NOT i.lane THEN
					IF i.failures + 1 >= l.max_attempts THEN
						PERFORM ${schema}.work_bury(0, i.item_id, lost);
					END IF;
				ELSE
					SELECT x.item_id, x.failures INTO head FROM ${schema}.work_lane_items x
						WHERE x.lane_id = i.item_id ORDER BY x.item_id LIMIT 1;
					IF FOUND AND head.failures + 1 >= l.max_attempts THEN
						PERFORM ${schema}.work_bury(i.item_id, head.item_id, lost);
					ELSE
						UPDATE ${schema}.work_lane_items x SET failures = x.failures + 1, last_error = lost
							WHERE x.lane_id = i.item_id AND x.item_id = head.item_id;
					END IF;
				END IF;
			END LOOP;
		END IF;
		IF EXISTS (SELECT FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) AND NOT i.item_id = ANY (locked)) THEN
			CONTINUE WHEN freed = 0;
			-- A zero, so that one that is left is not taken for one that was alone
			UPDATE ${schema}.work_claims c
				SET item_ids = ARRAY(SELECT unnest(l.item_ids) EXCEPT SELECT unnest(locked)
					UNION SELECT 0 WHERE cardinality(l.item_ids) > 1)
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
