//! Names that a hostile home server gives to queues.

use super::*;

fn named(db: &Connection, id: i64) -> Option<Vec<u8>> {
    db.query_row("SELECT sender FROM queues WHERE id = ?1", [id], |row| row.get(0)).unwrap()
}

#[test]
fn ke_6_a_queue_never_shares_a_name_with_another() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(TABLES).unwrap();
    for _ in 0..2 {
        db.execute("INSERT INTO queues (lookup, capability, state) VALUES (randomblob(32), randomblob(32), 0)", [])
            .unwrap();
    }
    let (one, two) = (QueueId(1), QueueId(2));
    assert!(made(&db, one, ReaderId([1; 24]), SenderId([1; 24])).unwrap());
    assert!(!made(&db, two, ReaderId([1; 24]), SenderId([2; 24])).unwrap());
    assert!(!made(&db, two, ReaderId([2; 24]), SenderId([1; 24])).unwrap());
    assert_eq!(named(&db, 2), None);
    assert!(made(&db, one, ReaderId([1; 24]), SenderId([1; 24])).unwrap());
    assert!(made(&db, two, ReaderId([2; 24]), SenderId([2; 24])).unwrap());
    assert_eq!(named(&db, 2), Some(vec![2; 24]));
}
