    DECLARE
        v_count bigint := 0;
        v_bytes bigint := 0;
        v_is_more boolean := false;
    BEGIN
        FOR o_key, o_revision, o_sealed IN
            SELECT r.key, r.revision, r.sealed
            FROM {schema}.records AS r
            WHERE r.key >= p_first AND r.key > p_after AND r.key < p_end
            ORDER BY r.key
            LIMIT p_limit + 1
        LOOP
            v_bytes := v_bytes + octet_length(o_sealed);
            IF v_count = p_limit OR (v_count > 0 AND v_bytes > p_most_bytes) THEN
                -- A page without records has nothing behind it: it was asked for none.
                v_is_more := v_count > 0;
                EXIT;
            END IF;
            v_count := v_count + 1;
            RETURN NEXT;
        END LOOP;
        o_more := v_is_more;
        o_key := NULL;
        o_revision := NULL;
        o_sealed := NULL;
        RETURN NEXT;
    END;
