//! Migrations on plain memory: order, atomicity, refusal of a newer schema.

use super::*;

const ONE: Step = Step::Sql("CREATE TABLE pet (name TEXT) STRICT; INSERT INTO pet VALUES ('cat');");
const TWO: Step =
    Step::Code(|transaction| transaction.execute("INSERT INTO pet SELECT name || ' and dog' FROM pet", []).map(drop));
const FAILING: Step = Step::Sql("INSERT INTO pet VALUES ('half'); INSERT INTO nowhere VALUES (1);");

fn memory() -> Connection {
    Connection::open_in_memory().unwrap()
}

fn pets(connection: &Connection) -> Vec<String> {
    let mut statement = connection.prepare("SELECT name FROM pet").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn steps_run_once_and_in_order() {
    let mut connection = memory();
    assert_eq!(migrate(&mut connection, "pets", &[ONE]).unwrap(), 1);
    assert_eq!(migrate(&mut connection, "pets", &[ONE, TWO]).unwrap(), 2);
    assert_eq!(migrate(&mut connection, "pets", &[ONE, TWO]).unwrap(), 2);
    assert_eq!(pets(&connection), ["cat", "cat and dog"]);
}

#[test]
fn failed_step_leaves_nothing_and_can_be_run_again() {
    let mut connection = memory();
    let error = migrate(&mut connection, "pets", &[ONE, FAILING]).unwrap_err();
    assert!(matches!(error, MigrateError::Step { number: 2, .. }), "{error:?}");
    assert_eq!(pets(&connection), ["cat"]);
    assert_eq!(version(&connection, "pets").unwrap(), 1);
    assert_eq!(migrate(&mut connection, "pets", &[ONE, TWO]).unwrap(), 2);
}

#[test]
fn failed_first_step_leaves_an_empty_database() {
    let mut connection = memory();
    assert!(migrate(&mut connection, "pets", &[FAILING]).is_err());
    let n_tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(n_tables, 0);
}

#[test]
fn newer_schema_is_refused_untouched() {
    let mut connection = memory();
    migrate(&mut connection, "pets", &[ONE, TWO]).unwrap();
    let error = migrate(&mut connection, "pets", &[ONE]).unwrap_err();
    assert!(matches!(error, MigrateError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert_eq!(pets(&connection).len(), 2);
}

#[test]
fn owners_of_tables_count_for_themselves() {
    let mut connection = memory();
    migrate(&mut connection, "pets", &[ONE, TWO]).unwrap();
    let other = Step::Sql("CREATE TABLE plant (name TEXT) STRICT");
    assert_eq!(migrate(&mut connection, "plants", &[other]).unwrap(), 1);
    assert_eq!(version(&connection, "pets").unwrap(), 2);
}
