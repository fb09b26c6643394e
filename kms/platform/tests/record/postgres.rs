//! What only a database can: rights that are not the program's to give, several instances, a server that goes and comes.

use std::os::unix::fs::PermissionsExt;

use kms_platform::audit::{self, Outcome};
use kms_platform::mark::Mark;
use kms_platform::sqlx;
use kms_platform::store::{Place, Store, StoreError};
use tests_stand::postgres::{Database, Postgres, WITH_PASSWORD};

use super::{MIGRATIONS, birth, clock, store, walk, work};

fn place(database: &Database) -> Place {
    let owner = database.owner_address().parse().unwrap();
    let place: Place = database.address().parse().unwrap();
    place.owned_by(owner).unwrap()
}

/// `psql` is the judge: what the service's role may do does not depend on the service.
#[tokio::test]
async fn the_services_role_may_add_to_the_record_and_nothing_else() {
    let cluster = Postgres::shared().unwrap();
    let database = cluster.fresh().unwrap();
    work(&store(&place(&database)).await).await;
    let told = |sql: &str| {
        let sql = format!("SET search_path = registry; {sql}");
        database.psql(&database.role(), &sql).unwrap()
    };
    assert_eq!(told("SELECT count(*) FROM audit").out.trim(), "21");
    let add = "INSERT INTO audit SELECT 22, at, phase, NULL, actor, act, object, detail, outcome, prev, hash
               FROM audit WHERE seq = 2";
    assert_eq!(told(&format!("BEGIN; {add}; ROLLBACK")).code, 0);
    assert_eq!(
        told("DELETE FROM things; UPDATE things SET name = ''").code,
        0
    );
    let owner = database.owner();
    for refused in [
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 21",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "ALTER TABLE audit OWNER TO CURRENT_USER",
        "CREATE TRIGGER mine BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION rhc_refuse()",
        "CREATE TABLE audit2 (n int)",
        "UPDATE meta SET value = 'production'",
        "INSERT INTO meta VALUES ('a', 'b')",
        "INSERT INTO migrations VALUES (99, '')",
        &format!("SET ROLE {owner}"),
        "SET session_replication_role = replica",
    ] {
        let told = told(refused);
        assert_ne!(told.code, 0, "{refused}");
        let said = ["permission denied", "must be owner"];
        assert!(
            said.iter().any(|said| told.err.contains(said)),
            "{refused}: {}",
            told.err
        );
    }
}

/// A service that could change its record does not open it.
#[tokio::test]
async fn a_role_with_too_many_rights_is_refused() {
    let cluster = Postgres::shared().unwrap();
    let database = cluster.fresh().unwrap();
    store(&place(&database)).await;
    let open = async |address: String| {
        let place: Place = address.parse().unwrap();
        Store::open(&place, "registry", MIGRATIONS, clock()).await
    };
    for address in [database.owner_address(), database.address_as("admin")] {
        assert!(matches!(open(address).await, Err(StoreError::Rights)));
    }
    assert!(open(database.address()).await.is_ok());
    let grant = format!(
        "GRANT UPDATE (actor) ON registry.audit TO {}",
        database.role()
    );
    assert_eq!(database.psql(&database.owner(), &grant).unwrap().code, 0);
    assert!(matches!(
        open(database.address()).await,
        Err(StoreError::Rights)
    ));
}

#[tokio::test]
async fn a_password_comes_from_a_file_of_ones_own() {
    let cluster = Postgres::shared().unwrap();
    let database = cluster.fresh().unwrap();
    let role = format!("CREATE ROLE {WITH_PASSWORD} LOGIN PASSWORD 'open sesame'");
    assert_eq!(database.psql_as_admin(&role).unwrap().code, 0);
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = format!(
        "localhost:5432:{}:{WITH_PASSWORD}:open sesame\n",
        database.name
    );
    std::fs::write(file.path(), format!("other:*:*:*:x\n{line}")).unwrap();
    let address = format!(
        "{}&passfile={}",
        database.address_as(WITH_PASSWORD),
        file.path().display()
    );
    let place: Place = address.parse().unwrap();
    assert!(!place.to_string().contains("sesame") && place.to_string().contains("passfile="));
    let owned = place
        .clone()
        .owned_by(database.owner_address().parse().unwrap())
        .unwrap();
    work(&store(&owned).await).await;
    let again: Place = place.to_string().parse().unwrap();
    assert_eq!(walk(&again).await.unwrap().rows, 21);

    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = async |place: &Place| Store::open(place, "registry", MIGRATIONS, clock()).await;
    assert!(matches!(open(&place).await, Err(StoreError::Secret(_))));
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(file.path(), line.replace("5432", "5433")).unwrap();
    assert!(matches!(open(&place).await, Err(StoreError::Passfile(_))));
    for (bad, kind) in [
        ("postgres://a:sesame@h/d", true),
        ("postgres://a@h/d?password=sesame", true),
        ("postgres://h/d", false),
        ("postgres://a@h", false),
        ("postgres://a@h/d?options=-csearch_path", false),
    ] {
        let error = bad.parse::<Place>().err().unwrap();
        assert_eq!(matches!(error, StoreError::Password(_)), kind, "{bad}");
        assert!(!error.to_string().contains("a:sesame"), "{error}");
    }
    let far: Place = "postgres://a@db.example/d".parse().unwrap();
    assert!(far.to_string().contains("sslmode=verify-full"));
}

/// Two instances, four writers each: every count is exact and the record is one chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_take_turns() {
    let cluster = Postgres::shared().unwrap();
    let database = cluster.fresh().unwrap();
    let place = place(&database);
    let one = store(&place).await;
    sqlx::query("INSERT INTO things (id, name) VALUES (1, '0')")
        .execute(one.pool())
        .await
        .unwrap();
    let two = Store::open(&place, "registry", MIGRATIONS, clock())
        .await
        .unwrap();
    let add = async |store: &Store| {
        let mut tx = store.begin().await?;
        let now = store.clock().now();
        let begun = audit::before(&mut tx, now, "a", "count", "1", &serde_json::json!({})).await;
        let count: String = sqlx::query_scalar("SELECT name FROM things WHERE id = 1")
            .fetch_one(&mut *tx)
            .await?;
        sqlx::query("UPDATE things SET name = $1 WHERE id = 1")
            .bind((count.parse::<u64>().unwrap() + 1).to_string())
            .execute(&mut *tx)
            .await?;
        audit::after(&mut tx, now, begun.unwrap(), &Outcome::Done)
            .await
            .unwrap();
        tx.commit().await
    };
    let writers = (0..8).map(|n| {
        let store = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move {
            for _ in 0..25 {
                add(&store).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let count: String = sqlx::query_scalar("SELECT name FROM things WHERE id = 1")
        .fetch_one(one.pool())
        .await
        .unwrap();
    assert_eq!(count, "200");
    assert_eq!(walk(&place).await.unwrap().rows, 401);
}

/// While it is gone nothing is done and the error says so; when it is back the same store goes on.
#[tokio::test]
async fn a_database_that_goes_and_comes_back() {
    let mut cluster = Postgres::start().unwrap();
    let database = cluster.fresh().unwrap();
    let place = place(&database);
    let store = store(&place).await;
    work(&store).await;
    cluster.down();
    let error = store.begin().await.err().unwrap();
    assert!(
        matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)),
        "{error:?}"
    );
    let opened = Store::open(&place, "registry", MIGRATIONS, clock()).await;
    assert!(matches!(opened, Err(StoreError::Sql(_))));
    cluster.up().unwrap();
    work(&store).await;
    assert_eq!(walk(&place).await.unwrap().rows, 41);
    assert_eq!(store.birth(), &birth(Mark::Test));
}
