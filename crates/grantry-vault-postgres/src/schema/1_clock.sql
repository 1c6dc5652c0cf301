-- Format 1: the clock. Three things hold at every moment:
--
--   a reading that was given out is not above ticks;
--   ticks is not above a ceiling that is committed, and never goes back but by beginning anew;
--   ticks that began anew goes on from the ceiling.
--
-- So no reading is below one that was given out before its call began, whichever session gave it, also after a crash,
-- after a standby that has the last commits took over, and after somebody set the server's clock back.

CREATE FUNCTION {schema}.read_clock(OUT o_read_at bigint, OUT o_is_behind boolean)
LANGUAGE plpgsql AS $body$
BEGIN
    -- It ticks every 10 ms, and stands still for a second at most when the server's clock is set back a little.
    SELECT t.last_value, NOT t.is_called OR ({wall} + c.ahead) - t.last_value NOT BETWEEN -1000000 AND 9999
    INTO o_read_at, o_is_behind
    FROM {schema}.ticks AS t CROSS JOIN {schema}.clock AS c;
    IF o_is_behind THEN
        SELECT a.o_read_at, a.o_is_behind INTO o_read_at, o_is_behind FROM {schema}.advance_clock() AS a;
    END IF;
END
$body$;

-- With the rights of the owner, so that nobody else moves the clock. A reading that is behind must not be used: the
-- call is to be made again.
CREATE FUNCTION {schema}.advance_clock(OUT o_read_at bigint, OUT o_is_behind boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    -- Two locks, so that whoever waits for its commit keeps nobody from advancing.
    c_advancing CONSTANT bigint := hashtextextended('grantry advancing {schema}', 0);
    c_raising CONSTANT bigint := hashtextextended('grantry raising {schema}', 0);
    c_second CONSTANT bigint := 1000000;
    v_is_called boolean;
    v_ahead bigint;
    v_ceiling bigint;
    v_now bigint;
    v_target bigint;
BEGIN
    SELECT c.ahead, c.ceiling, t.last_value, t.is_called INTO v_ahead, v_ceiling, o_read_at, v_is_called
    FROM {schema}.clock AS c, {schema}.ticks AS t;
    IF NOT v_is_called THEN
        PERFORM pg_advisory_xact_lock(c_advancing);
        SELECT c.ceiling, t.is_called INTO v_ceiling, v_is_called FROM {schema}.clock AS c, {schema}.ticks AS t;
        IF NOT v_is_called THEN
            PERFORM setval('{schema}.ticks'::regclass, v_ceiling);
        END IF;
        o_is_behind := true;
        RETURN;
    END IF;

    v_now := {wall} + v_ahead;
    IF v_now < o_read_at - c_second OR v_now > v_ceiling - 2 * c_second THEN
        IF pg_try_advisory_xact_lock(c_raising) THEN
            -- Another may have done so meanwhile: it is looked at again, and nothing is lowered.
            UPDATE {schema}.clock AS c
            SET ahead = CASE
                    WHEN v_now - v_ahead + c.ahead < o_read_at - c_second THEN o_read_at - (v_now - v_ahead)
                    ELSE c.ahead
                END,
                ceiling = greatest(c.ceiling, greatest(v_now - v_ahead + c.ahead, o_read_at) + 4 * c_second)
            WHERE v_now - v_ahead + c.ahead < o_read_at - c_second
                OR v_now - v_ahead + c.ahead > c.ceiling - 2 * c_second;
            -- Only once that is committed may anybody advance above the old ceiling.
            o_is_behind := abs(v_now - o_read_at) > c_second;
            RETURN;
        END IF;
    END IF;

    v_target := least(v_now, v_ceiling);
    IF v_target > o_read_at THEN
        -- Somebody else who has the lock is about to advance it. Only where that takes long does it matter.
        IF NOT pg_try_advisory_xact_lock(c_advancing) THEN
            IF v_now <= o_read_at + c_second THEN
                o_is_behind := false;
                RETURN;
            END IF;
            PERFORM pg_advisory_xact_lock(c_advancing);
        END IF;
        SELECT t.last_value INTO o_read_at FROM {schema}.ticks AS t;
        IF v_target > o_read_at THEN
            o_read_at := setval('{schema}.ticks'::regclass, v_target);
        END IF;
    END IF;
    o_is_behind := abs(v_now - o_read_at) > c_second;
END
$body$;
