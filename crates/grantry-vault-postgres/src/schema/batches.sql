-- Several compare-and-swaps in one transaction, so that they share its way and its commit. It changes nothing of the
-- format: vaults that do not know it call `store` as before, and vaults that do not find it do so, too. Made anew at
-- every migration.
--
-- Each write is what `store` does, one after the other, under the name of its own tenant: no row is read or written
-- while another tenant's name stands there, whatever the caller mixes. The policies are asked for each row, as ever.
-- The answer holds for each the new revision, or NULL where its precondition did not hold.
--
-- The caller sorts by the bytes of the keys: so whoever waits for a row holds only rows before it, and of two batches
-- neither ever waits for the other in a circle. A row that somebody else keeps must not hold up the other writes, so
-- it is waited for as long as commits take, and no longer. Then the caller sends each write by itself.
CREATE OR REPLACE FUNCTION {schema}.store_each(
    p_session text, p_tenants text[], p_keys text[], p_sealed bytea[], p_revisions bigint[]
)
RETURNS bigint[]
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
    v_revision bigint;
    v_revisions bigint[] := '{}';
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    PERFORM set_config('lock_timeout', '200', true);
    FOR v_nth IN 1 .. cardinality(p_keys) LOOP
        IF v_tenant IS DISTINCT FROM p_tenants[v_nth] THEN
            v_tenant := set_config('grantry.tenant', p_tenants[v_nth], true);
        END IF;
        IF p_revisions[v_nth] IS NULL THEN
            INSERT INTO {schema}.records AS r (key, tenant, revision, sealed)
            VALUES (
                p_keys[v_nth], v_tenant,
                nextval('{schema}.writes'::regclass) * 1048576 + floor(random() * 1048576)::bigint,
                p_sealed[v_nth]
            )
            ON CONFLICT (key) DO NOTHING
            RETURNING r.revision INTO v_revision;
        ELSE
            UPDATE {schema}.records AS r
            SET sealed = p_sealed[v_nth],
                revision = nextval('{schema}.writes'::regclass) * 1048576 + floor(random() * 1048576)::bigint
            WHERE r.key = p_keys[v_nth] AND r.revision = p_revisions[v_nth]
            RETURNING r.revision INTO v_revision;
        END IF;
        v_revisions[v_nth] := v_revision;
    END LOOP;
    RETURN v_revisions;
END
$body$;

-- Several records in one call, each read under the name of its own tenant, as `load` does. Of all there is one reading of the
-- clock, which is older than each of them. It stops at p_most_bytes, but not before the first record: whoever has no row
-- is to be asked for again. A row without a revision says that there is no record.
CREATE OR REPLACE FUNCTION {schema}.load_each(
    p_session text, p_tenants text[], p_keys text[], p_most_bytes bigint
)
RETURNS TABLE (o_read_at bigint, o_is_behind boolean, o_nth integer, o_revision bigint, o_sealed bytea)
LANGUAGE plpgsql AS $body$
DECLARE
    v_tenant text;
    v_bytes bigint := 0;
BEGIN
    IF current_setting('grantry.session', true) IS DISTINCT FROM p_session THEN
        RAISE EXCEPTION 'this session is not set up' USING ERRCODE = 'GV001';
    END IF;
    SELECT t.o_read_at, t.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.read_clock() AS t;
    IF o_is_behind THEN
        o_nth := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    FOR v_nth IN 1 .. cardinality(p_keys) LOOP
        IF v_tenant IS DISTINCT FROM p_tenants[v_nth] THEN
            v_tenant := set_config('grantry.tenant', p_tenants[v_nth], true);
        END IF;
        SELECT r.revision, r.sealed INTO o_revision, o_sealed FROM {schema}.records AS r WHERE r.key = p_keys[v_nth];
        v_bytes := v_bytes + coalesce(octet_length(o_sealed), 0);
        EXIT WHEN v_nth > 1 AND v_bytes > p_most_bytes;
        o_nth := v_nth;
        RETURN NEXT;
    END LOOP;
END
$body$;
