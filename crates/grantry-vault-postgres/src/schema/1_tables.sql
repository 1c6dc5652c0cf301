-- Format 1: the tables. {schema} stands for the schema's name, {application} for the role of the vaults.

CREATE TABLE {schema}.format (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version integer NOT NULL
);

-- Without CHECK constraints: PostgreSQL would compile them anew for every write.
CREATE TABLE {schema}.records (
    -- "C" compares bytes, whatever the database does.
    key text COLLATE "C" PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    sealed bytea NOT NULL
) WITH (fillfactor = 60, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);

-- Sealed bytes do not compress. Up to about 8 kB they stay in the row, so that a write touches one page.
ALTER TABLE {schema}.records ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Counts writes of all keys. A revision is one of its numbers with 20 random bits behind it.
CREATE SEQUENCE {schema}.writes MAXVALUE 8796093022207;

-- The last reading of the store's clock, in microseconds. Unlogged: a reading costs no write to the log. It begins
-- anew after a crash and on a standby that took over; then it goes on from the ceiling.
CREATE UNLOGGED SEQUENCE {schema}.ticks;

CREATE TABLE {schema}.clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- By how much the store's clock is ahead of the server's, which somebody may have set back.
    ahead bigint NOT NULL,
    -- No reading is above it.
    ceiling bigint NOT NULL
) WITH (fillfactor = 50);

INSERT INTO {schema}.clock (ahead, ceiling)
VALUES (0, {wall});

ALTER TABLE {schema}.records ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- A vault has the rows of the tenant that its transaction names. It may not write key and tenant of a row that is there
-- (see the grants), so that the replaced row needs no second look.
CREATE POLICY reading ON {schema}.records FOR SELECT TO {application}
    USING (tenant = current_setting('grantry.tenant', true));
CREATE POLICY creating ON {schema}.records FOR INSERT TO {application}
    -- Nobody takes the place of another tenant's record by a false tenant.
    WITH CHECK (tenant = current_setting('grantry.tenant', true) AND tenant = split_part(key, '/', 1));
CREATE POLICY replacing ON {schema}.records FOR UPDATE TO {application}
    USING (tenant = current_setting('grantry.tenant', true)) WITH CHECK (true);
CREATE POLICY removing ON {schema}.records FOR DELETE TO {application}
    USING (tenant = current_setting('grantry.tenant', true));

-- The owner reads all rows, for the listing over all tenants, and writes none.
CREATE POLICY listing ON {schema}.records FOR SELECT TO CURRENT_USER USING (true);
