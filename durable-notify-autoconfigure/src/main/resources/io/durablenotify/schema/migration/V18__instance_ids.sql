-- The id of an instance, one of a million millions by chance. Its holder has it in memory, where no look at the tables finds
-- it: a sequence would give it to another instance when the tables were emptied and begin again beside the holder, or
-- after a failover that has lost both row and sequence. Each would then renew the lease of the other, and what the lost
-- one of them held would never be taken over
CREATE OR REPLACE FUNCTION ${schema}.next_instance_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	next_id bigint;
BEGIN
	LOOP
		next_id := ('x' || right(gen_random_uuid()::text, 10))::bit(40)::bigint + 1;
		IF NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.streams s WHERE s.writer_id = next_id AND s.ended_at IS NULL)
				AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.instance_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.stream_consumers c WHERE c.instance_id = next_id) THEN
			RETURN next_id;
		END IF;
	END LOOP;
END
$$;

-- As before, without the ids of instances. A queue must not get the items of one whose row is missing
CREATE OR REPLACE FUNCTION ${schema}.ids_behind() RETURNS TABLE (sequence regclass, highest bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
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
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE NOT lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE NOT lane))),
		-- Reads the whole index: keys of their own have no order between them
		('${schema}.work_lane_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_lane_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_lane_items),
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE lane))),
		('${schema}.stream_consumers_consumer_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.stream_consumers_consumer_id_seq),
			greatest((SELECT max(consumer_id) FROM ${schema}.stream_consumers),
				(SELECT max(consumer_id) FROM ${schema}.stream_consumer_positions)))
		) s (sequence, given, highest)
	WHERE s.highest > s.given
$$;
