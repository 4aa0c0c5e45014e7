//! Losing every device, and going on from a backup on a new one. What a backup has is copied from table to table here; the file is
//! tested elsewhere.

use kith_crypto::sign::open;
use kith_engine::ContactId;
use kith_wire::Wire as _;
use kith_wire::devices::DeviceList;
use kith_wire::signed::Signed;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{ANA, Reach, World};

/// What is in a backup: rows of tables.
#[derive(Clone)]
pub(crate) struct Backup {
    tables: Vec<(&'static str, &'static str, Vec<Vec<Value>>)>,
    user: kith_crypto::user::UserSecret,
}

/// Tables and columns that a backup has. No session, no queue, no key of a device.
const TABLES: [(&str, &str); 5] = [
    (
        "contacts",
        "id, name, stage, blocked, verified, verified_at, receipts, lamport, conversation, secret, own_list, peer_list, digits, met_at",
    ),
    ("spare_cards", "contact, device, offer"),
    ("own_entries", "contact, device, entry, owner, revoked"),
    ("messages", "contact, message, direction, device, lamport, sent, kind, text, state"),
    ("own_known", "device, entry, revoked, since"),
];

impl Backup {
    /// It is of a time before any contact had given a card.
    pub(crate) fn forget_cards(&mut self) {
        self.tables.retain(|(table, ..)| *table != "spare_cards");
    }

    /// It is of a time before this device of a contact had given one.
    pub(crate) fn forget_card(&mut self, device: &[u8]) {
        for (_, _, rows) in self.tables.iter_mut().filter(|(table, ..)| *table == "spare_cards") {
            rows.retain(|row| row[1] != Value::Blob(device.to_vec()));
        }
    }
}

impl World {
    /// Ana and Bela know each other. Days later Ana is backed up, and her only device is gone.
    pub(crate) fn lost(name: &str) -> (Self, ContactId, ContactId, Backup) {
        let (mut world, bela, ana) = Self::met(name);
        world.run(24 * 3600);
        let backup = world.backup_of(ANA);
        world.online(ANA, Reach::Down);
        (world, bela, ana, backup)
    }

    /// Returns the newest list that somebody has of their first contact, or for it.
    pub(crate) fn device_list(&self, who: usize, column: &str) -> DeviceList {
        let bytes = self.blob(who, &format!("SELECT {column} FROM contacts WHERE kind = 0 ORDER BY id"));
        open(Signed::<DeviceList>::from_bytes(&bytes).unwrap()).unwrap().into_inner()
    }

    /// Somebody makes a backup.
    pub(crate) fn backup_of(&self, who: usize) -> Backup {
        let keeper = &self.people[who].keeper;
        let mut tables: Vec<_> =
            TABLES.into_iter().map(|(table, columns)| (table, columns, rows(keeper, table, columns))).collect();
        tables[0].2.retain(|row| row[8] != Value::Null);
        tables.push(("own_device", "list", rows(keeper, "own_device", "list")));
        Backup { tables, user: self.people[who].user.clone() }
    }

    /// A new device of that person is restored from the backup: a new account, and the password is entered once.
    pub(crate) fn restore_lost(&mut self, backup: &Backup, name: &str, server: usize) -> usize {
        self.add_person(name, server);
        let who = self.people.len() - 1;
        self.people[who].user = backup.user.clone();
        let key = backup.user.public();
        self.people[who].engine.set_user_key(&key).unwrap();
        for (table, columns, rows) in &backup.tables {
            for row in rows {
                if *table == "own_device" {
                    let sql = "INSERT INTO own_device (id, device, secret, name, list) \
                               VALUES (1, randomblob(16), randomblob(32), 'restored', ?1)";
                    self.people[who].keeper.execute(sql, params_from_iter(row)).unwrap();
                    continue;
                }
                let marks = vec!["?"; row.len()].join(", ");
                let sql = format!("INSERT INTO {table} ({columns}) VALUES ({marks})");
                self.people[who].keeper.execute(&sql, params_from_iter(row)).unwrap();
            }
        }
        let (now, user) = (self.now, self.people[who].user.clone());
        self.alter(who, "INSERT INTO restoring (id, since) VALUES (1, 0)", &[]);
        self.people[who].engine.finish_restore(&user, now, &mut self.rng).unwrap();
        self.drain(who);
        who
    }

    /// The same, until the home server has made queues, and the password was entered again.
    pub(crate) fn restore_and_tell(&mut self, backup: &Backup, name: &str) -> usize {
        let who = self.restore_lost(backup, name, 0);
        self.run(20);
        self.unlock(who);
        who
    }

    /// Returns the contact of that name.
    pub(crate) fn named(&self, who: usize, name: &str) -> ContactId {
        self.people[who].engine.find_contacts(name).unwrap()[0].id
    }
}

fn rows(keeper: &Connection, table: &str, columns: &str) -> Vec<Vec<Value>> {
    let filter = if table == "contacts" { "WHERE kind = 0" } else { "" };
    let mut statement = keeper.prepare(&format!("SELECT {columns} FROM {table} {filter}")).unwrap();
    let n_columns = statement.column_count();
    let read =
        |row: &rusqlite::Row<'_>| (0..n_columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>();
    statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}
