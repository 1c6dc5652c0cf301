-- Format 1: the calls. Each is one statement of one transaction: it says for which tenant it is, until it ends, and
-- then does one thing. Each refuses a session that was not set up the way its caller relies on.

CREATE FUNCTION {schema}.store(p_session text, p_tenant text, p_key text, p_sealed bytea, p_revision bigint)
RETURNS bigint
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
    v_revision bigint;
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    v_tenant := set_config('grantry.tenant', p_tenant, true);
    IF p_revision IS NULL THEN
        INSERT INTO {schema}.records AS r (key, tenant, revision, sealed)
        VALUES (
            p_key, v_tenant,
            nextval('{schema}.writes'::regclass) * 1048576 + floor(random() * 1048576)::bigint,
            p_sealed
        )
        ON CONFLICT (key) DO NOTHING
        RETURNING r.revision INTO v_revision;
    ELSE
        UPDATE {schema}.records AS r
        SET sealed = p_sealed,
            revision = nextval('{schema}.writes'::regclass) * 1048576 + floor(random() * 1048576)::bigint
        WHERE r.key = p_key AND r.revision = p_revision
        RETURNING r.revision INTO v_revision;
    END IF;
    RETURN v_revision;
END
$body$;

CREATE FUNCTION {schema}.remove(p_session text, p_tenant text, p_key text, p_revision bigint)
RETURNS boolean
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    v_tenant := set_config('grantry.tenant', p_tenant, true);
    DELETE FROM {schema}.records AS r WHERE r.key = p_key AND r.revision = p_revision;
    RETURN FOUND;
END
$body$;

CREATE FUNCTION {schema}.load(
    p_session text, p_tenant text, p_key text,
    OUT o_read_at bigint, OUT o_is_behind boolean, OUT o_revision bigint, OUT o_sealed bytea
)
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    v_tenant := set_config('grantry.tenant', p_tenant, true);
    -- The clock as in read_clock, in one query with the record.
    SELECT
        t.last_value,
        NOT t.is_called OR ({wall} + c.ahead) - t.last_value NOT BETWEEN -1000000 AND 9999,
        r.revision,
        r.sealed
    INTO o_read_at, o_is_behind, o_revision, o_sealed
    FROM {schema}.ticks AS t CROSS JOIN {schema}.clock AS c LEFT JOIN {schema}.records AS r ON r.key = p_key;
    IF o_is_behind THEN
        SELECT a.o_read_at, a.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.advance_clock() AS a;
    END IF;
END
$body$;

-- Records behind p_after, from p_first on and before p_end; then a row without a key that says whether there may be more. It stops at p_most_bytes, but not before the first record.
CREATE FUNCTION {schema}.list(
    p_session text, p_tenant text, p_first text, p_after text, p_end text, p_limit bigint, p_most_bytes bigint
)
RETURNS TABLE (o_read_at bigint, o_is_behind boolean, o_more boolean, o_key text, o_revision bigint, o_sealed bytea)
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    SELECT t.o_read_at, t.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.read_clock() AS t;
    v_tenant := set_config('grantry.tenant', p_tenant, true);
    {page}
END
$body$;

-- The same over all tenants, with the rights of the owner, whom a policy lets read every row. Take the right to execute
-- it from a role that has no business with all tenants.
CREATE FUNCTION {schema}.list_all(
    p_session text, p_first text, p_after text, p_end text, p_limit bigint, p_most_bytes bigint
)
RETURNS TABLE (o_read_at bigint, o_is_behind boolean, o_more boolean, o_key text, o_revision bigint, o_sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    SELECT t.o_read_at, t.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.read_clock() AS t;
    {page}
END
$body$;

CREATE FUNCTION {schema}.now(p_session text, OUT o_read_at bigint, OUT o_is_behind boolean)
LANGUAGE plpgsql AS $body$
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    SELECT t.o_read_at, t.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.read_clock() AS t;
END
$body$;

-- Tells those who listen, if anybody does, that records may have changed; says whether anybody does. Who listens holds
-- the lock in share. A notification waits for a lock that all of the server's share, so it is sent apart from the
-- write, and its transaction, which writes nothing, does not wait for the disk.
CREATE FUNCTION {schema}.tell(p_session text, p_listeners bigint, p_channel text, p_payloads text[])
RETURNS boolean
LANGUAGE plpgsql AS $body$
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    IF pg_try_advisory_xact_lock(p_listeners) THEN
        RETURN false;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_notify(p_channel, payload) FROM unnest(p_payloads) AS payload;
    RETURN true;
END
$body$;
