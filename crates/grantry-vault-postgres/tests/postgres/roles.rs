//! The second wall: row-level security, and the roles that it holds.

use grantry_vault::{Precondition, RecordPrefix, SealedRecord, Vault, VaultError};
use tokio_postgres::{Client, NoTls};

use crate::ground::{Database, LOGIN, OWNER, key, server};

/// A session of the vault's login that somebody uses by hand.
async fn by_hand(database: &Database) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server().url(LOGIN, &database.name), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn two_tenants() -> (Database, grantry_vault_postgres::PostgresVault) {
    let database = Database::migrated().await;
    let vault = database.open().await;
    for text in ["a/grant/crm/user", "b/grant/crm/user"] {
        vault.store(&key(text), SealedRecord::new("sealed"), Precondition::Absent).await.unwrap();
    }
    (database, vault)
}

#[tokio::test]
async fn a_session_of_one_tenant_does_not_see_or_change_rows_of_another() {
    let (database, _vault) = two_tenants().await;
    let client = by_hand(&database).await;
    client.batch_execute("SET grantry.tenant = 'a'").await.unwrap();
    let rows = client.query("SELECT key FROM grantry.records", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["a/grant/crm/user"]);
    for sql in [
        "UPDATE grantry.records SET sealed = 'x' WHERE key = 'b/grant/crm/user'",
        "DELETE FROM grantry.records WHERE key = 'b/grant/crm/user'",
    ] {
        assert_eq!(client.execute(sql, &[]).await.unwrap(), 0, "{sql}");
    }
    // Without a condition, so that no policy for reading applies.
    assert_eq!(client.execute("UPDATE grantry.records SET sealed = 'x'", &[]).await.unwrap(), 1);
    assert_eq!(client.execute("DELETE FROM grantry.records", &[]).await.unwrap(), 1);
    for sql in [
        "INSERT INTO grantry.records VALUES ('b/grant/crm/other', 'b', 1, 'x')",
        // A false tenant, which would take the place of another's record.
        "INSERT INTO grantry.records VALUES ('b/grant/crm/other', 'a', 1, 'x')",
        "UPDATE grantry.records SET tenant = 'a'",
        "TRUNCATE grantry.records",
        "ALTER TABLE grantry.records DISABLE ROW LEVEL SECURITY",
        "SELECT setval('grantry.ticks', 1)",
        "SELECT setval('grantry.writes', 1)",
        "UPDATE grantry.clock SET ahead = 0",
        "UPDATE grantry.format SET version = 0",
        "CREATE TABLE grantry.mine ()",
    ] {
        assert!(client.execute(sql, &[]).await.is_err(), "{sql}");
    }
    assert_eq!(
        database.sql("SELECT key, convert_from(sealed, 'UTF8') FROM grantry.records"),
        "b/grant/crm/user|sealed"
    );
}

#[tokio::test]
async fn a_session_that_names_no_tenant_sees_nothing() {
    let (database, _vault) = two_tenants().await;
    let client = by_hand(&database).await;
    for tenant in ["", "*", "-", "%"] {
        client.batch_execute(&format!("SET grantry.tenant = '{tenant}'")).await.unwrap();
        assert!(client.query("SELECT FROM grantry.records", &[]).await.unwrap().is_empty(), "{tenant:?}");
    }
    client.batch_execute("RESET grantry.tenant").await.unwrap();
    assert!(client.query("SELECT FROM grantry.records", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_tenant_of_a_call_ends_with_it() {
    let (database, vault) = two_tenants().await;
    // Every session of the vault was used, and none still names a tenant.
    let pool = crate::pools::of(&server().url(LOGIN, &database.name), 1);
    let by_pool = grantry_vault_postgres::PostgresVault::from_pool(pool.clone())
        .accept_unsafe_durability()
        .open()
        .await
        .unwrap();
    let at = key("a/grant/crm/user");
    let revision = by_pool.load(&at).await.unwrap().unwrap().revision;
    by_pool.store(&at, SealedRecord::new("x"), Precondition::Matches(revision.clone())).await.unwrap();
    by_pool.store(&at, SealedRecord::new("x"), Precondition::Matches(revision)).await.unwrap_err();
    by_pool.list(&RecordPrefix::everything(), None, 10).await.unwrap();
    let client = pool.get().await.unwrap();
    let row = client.query_one("SELECT current_setting('grantry.tenant', true)", &[]).await.unwrap();
    assert_eq!(row.get::<_, Option<String>>(0).unwrap_or_default(), "");
    assert!(client.query("SELECT FROM grantry.records", &[]).await.unwrap().is_empty());
    drop(vault);
}

#[tokio::test]
async fn a_batch_by_hand_does_not_write_rows_under_the_name_of_another_tenant() {
    let (database, _vault) = two_tenants().await;
    let client = by_hand(&database).await;
    client.batch_execute("SET grantry.session = 'mark'").await.unwrap();
    let revision = |tenant: &str| {
        database.sql(&format!("SELECT revision FROM grantry.records WHERE tenant = '{tenant}'"))
    };
    let (of_a, of_b) = (revision("a"), revision("b"));
    let batch = async |tenants: &str, keys: &str, revisions: &str| {
        let sealed = "ARRAY['x', 'x', 'x']::bytea[]";
        let sql = format!(
            "SELECT grantry.store_each('mark', ARRAY[{tenants}], ARRAY[{keys}], {sealed}, ARRAY[{revisions}]::bigint[])"
        );
        client.query_one(&sql, &[]).await.map(|row| row.get::<_, Vec<Option<i64>>>(0))
    };
    // Before and behind it stand rows of the tenant that is named, so that its name was set for them.
    let keys = "'a/grant/crm/user', 'b/grant/crm/user', 'a/grant/crm/user'";
    let done = batch("'a', 'a', 'a'", keys, &format!("1, {of_b}, {of_a}")).await.unwrap();
    assert!(matches!(done[..], [None, None, Some(_)]), "{done:?}");
    let done = batch("'b', 'a', 'b'", keys, &format!("{}, {of_b}, 1", revision("a"))).await.unwrap();
    assert_eq!(done, [None, None, None]);
    let done = batch("NULL, 'b', NULL", keys, &format!("{}, 1, 1", revision("a"))).await.unwrap();
    assert_eq!(done, [None, None, None]);
    assert_eq!(revision("b"), of_b);
    for tenants in ["'a', 'a', 'a'", "'a', 'b', 'b'", "'b', 'b', 'a'", "'a', NULL, 'a'"] {
        // Nothing new under a false tenant, and all of it is undone.
        let keys = "'a/grant/crm/new', 'b/grant/crm/new', 'a/grant/crm/newer'";
        assert!(batch(tenants, keys, "NULL, NULL, NULL").await.is_err(), "{tenants}");
    }
    assert_eq!(database.sql("SELECT count(*) FROM grantry.records"), "2");
    // The last name went with its transaction.
    assert!(client.query("SELECT FROM grantry.records", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_by_hand_does_not_read_rows_under_the_name_of_another_tenant() {
    let (database, _vault) = two_tenants().await;
    let client = by_hand(&database).await;
    client.batch_execute("SET grantry.session = 'mark'").await.unwrap();
    let found = async |tenants: &str| {
        let keys = "'a/grant/crm/user', 'b/grant/crm/user', 'a/grant/crm/user'";
        let sql = format!(
            "SELECT o_is_behind, o_revision IS NOT NULL
             FROM grantry.load_each('mark', ARRAY[{tenants}], ARRAY[{keys}], 1000)"
        );
        loop {
            let rows = client.query(&sql, &[]).await.unwrap();
            // A clock that is behind is moved on by asking again.
            if !rows[0].get::<_, bool>(0) {
                return rows.iter().map(|row| row.get::<_, bool>(1)).collect::<Vec<_>>();
            }
        }
    };
    assert_eq!(found("'a', 'b', 'a'").await, [true, true, true]);
    assert_eq!(found("'a', 'a', 'b'").await, [true, false, false]);
    assert_eq!(found("NULL, 'b', NULL").await, [false, true, false]);
    assert!(client.query("SELECT FROM grantry.records", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn each_row_of_a_batch_is_written_under_the_name_of_its_own_tenant() {
    const TENANTS: usize = 5;
    let database = Database::migrated().await;
    database.sql(
        "CREATE TABLE public.seen (named text, tenant text, part text, batch xid8 DEFAULT pg_current_xact_id());
         CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             INSERT INTO public.seen VALUES
                 (current_setting('grantry.tenant', true), new.tenant, split_part(new.key, '/', 1));
             RETURN NULL;
         END $$;
         CREATE TRIGGER see AFTER INSERT OR UPDATE ON grantry.records FOR EACH ROW EXECUTE FUNCTION public.see();",
    );
    let vault = database.login().connections(2).open().await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|nth| {
            let (vault, at) = (vault.clone(), key(&format!("t{}/keys/-/{nth}", nth % TENANTS)));
            tokio::spawn(async move {
                let mut when = Precondition::Absent;
                for _ in 0..20 {
                    let revision = vault.store(&at, SealedRecord::new("x"), when).await.unwrap();
                    when = Precondition::Matches(revision);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(
        database.sql("SELECT count(*), bool_and(named = tenant AND tenant = part) FROM public.seen"),
        "800|t"
    );
    // There were batches of several tenants, so that it was put to the test.
    let mixed = "SELECT count(*) > 0 FROM
                 (SELECT FROM public.seen GROUP BY batch HAVING count(DISTINCT tenant) > 1) AS mixed";
    assert_eq!(database.sql(mixed), "t");
}

#[tokio::test]
async fn the_right_to_list_all_tenants_can_be_taken_away() {
    let (database, vault) = two_tenants().await;
    assert_eq!(vault.list(&RecordPrefix::everything(), None, 10).await.unwrap().records.len(), 2);
    database.sql("REVOKE EXECUTE ON FUNCTION grantry.list_all FROM grantry_app");
    let refused = vault.list(&RecordPrefix::everything(), None, 10).await;
    assert!(matches!(refused, Err(VaultError::Refused(_))), "{refused:?}");
    let tenant = RecordPrefix::tenant(&grantry_core::TenantId::new("a").unwrap());
    assert_eq!(vault.list(&tenant, None, 10).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn whoever_could_climb_over_the_wall_is_refused() {
    let database = Database::migrated().await;
    server().create_role("root", "SUPERUSER").unwrap();
    server().create_role("bypassing", "BYPASSRLS").unwrap();
    server().create_role("member", "").unwrap();
    server().sql("postgres", &format!("GRANT grantry_app TO bypassing; GRANT {OWNER} TO member")).unwrap();
    for role in ["root", "bypassing", OWNER, "member"] {
        let url = server().url(role, &database.name);
        let builder = grantry_vault_postgres::PostgresVault::builder(&url).accept_unsafe_durability();
        match builder.clone().open().await {
            Err(VaultError::Refused(why)) => assert!(why.contains("row-level security"), "{role}: {why}"),
            other => panic!("{role}: {other:?}"),
        }
        // Assuming a weaker role does not help: the session can go back.
        let assumed = builder.clone().assume_role("grantry_app").open().await;
        assert!(matches!(assumed, Err(VaultError::Refused(_))), "{role}: {assumed:?}");
        builder.accept_privileged_role().open().await.unwrap();
    }
}

#[tokio::test]
async fn a_role_can_be_assumed_by_a_login_that_inherits_nothing() {
    let database = Database::migrated().await;
    server().create_role("bare", "NOINHERIT").unwrap();
    server().sql("postgres", "GRANT grantry_app TO bare").unwrap();
    let url = server().url("bare", &database.name);
    let builder = grantry_vault_postgres::PostgresVault::builder(&url).accept_unsafe_durability();
    let refused = builder.clone().open().await;
    assert!(matches!(refused, Err(VaultError::Refused(_))), "{refused:?}");
    let vault = builder.assume_role("grantry_app").open().await.unwrap();
    vault.store(&key("a/grant/b/c"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
}
