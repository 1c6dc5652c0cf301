-- What a vault may do, and nobody else but the owner. Done again at every migration; it changes nothing then.

DO $body$
BEGIN
    -- Roles belong to the whole server: another database may be making the same one.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {application_text}) THEN
        CREATE ROLE {application} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$body$;

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;

GRANT USAGE ON SCHEMA {schema} TO {application};
GRANT SELECT, INSERT, DELETE ON {schema}.records TO {application};
GRANT UPDATE (sealed, revision) ON {schema}.records TO {application};
GRANT SELECT ON {schema}.format, {schema}.clock, {schema}.ticks TO {application};
GRANT USAGE ON {schema}.writes TO {application};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {application};
