-- As before, but without a limit no consumer lived that had no owner, and what it had not had was removed
CREATE OR REPLACE FUNCTION ${schema}.trim_stream(p_stream text, p_limit interval, p_chunks int DEFAULT 5000) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	of_stream bigint;
	least_next bigint;
	below bigint;
	removed bigint;
BEGIN
	IF p_stream IS NULL OR p_limit IS NULL OR p_chunks IS NULL THEN
		RAISE EXCEPTION 'The name, the limit and the number of chunks must not be null; nothing was removed.'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Streams can be trimmed in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}.stream_consumers', 0)) THEN
		RETURN 0;
	END IF;
	of_stream := (SELECT s.stream_id FROM ${schema}.streams s WHERE s.name = p_stream);
	below := (SELECT c.chunk_index FROM ${schema}.stream_chunks c WHERE c.stream_id = of_stream
		ORDER BY c.chunk_index DESC LIMIT 1);
	-- An instance of the version before removes the row of another without knowing of its consumers
	UPDATE ${schema}.stream_consumers SET instance_id = NULL, last_active_at = clock_timestamp()
		WHERE consumer_id = ANY (ARRAY(SELECT c.consumer_id FROM ${schema}.stream_consumers c
			WHERE c.instance_id IS NOT NULL
				AND NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = c.instance_id)
			ORDER BY c.consumer_id FOR NO KEY UPDATE OF c SKIP LOCKED));
	-- A statement after the lock: it sees every consumer that a look at the end was taken for
	least_next := (SELECT min(coalesce(p.next_index, 0)) FROM (
			SELECT x.consumer_id, x.instance_id, x.last_active_at FROM ${schema}.stream_consumers x
			WHERE NOT x.is_prefix AND x.selection = p_stream
			UNION ALL
			SELECT x.consumer_id, x.instance_id, x.last_active_at FROM ${schema}.stream_consumers x
			WHERE x.is_prefix AND starts_with(p_stream, x.selection)) c
		LEFT JOIN LATERAL (SELECT x.next_index FROM ${schema}.stream_consumer_positions x
			WHERE x.consumer_id = c.consumer_id AND x.stream_id = of_stream OFFSET 0) p ON true
		WHERE c.instance_id IS NOT NULL OR c.last_active_at > clock_timestamp() - p_limit);
	below := least(below, least_next - 1);
	WITH slice AS MATERIALIZED (
		SELECT s.place FROM (
			SELECT c.place, sum(c.bytes) OVER (ORDER BY c.chunk_index) - c.bytes AS bytes_before
			FROM (
				SELECT x.chunk_index, x.ctid AS place, octet_length(x.data)::bigint AS bytes FROM ${schema}.stream_chunks x
				WHERE x.stream_id = of_stream AND x.chunk_index < below ORDER BY x.chunk_index LIMIT p_chunks) c) s
		WHERE s.bytes_before < 67108864)
	DELETE FROM ${schema}.stream_chunks WHERE ctid = ANY (ARRAY(SELECT place FROM slice));
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;
