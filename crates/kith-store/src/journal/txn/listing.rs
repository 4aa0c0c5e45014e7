//! The names of all rows, a few at a time.

use std::collections::BTreeMap;

use kith_home::store::RowKey;

use super::super::tables::Tables;

impl Tables {
    /// Returns the names of rows after `after`, in the order of [`RowKey`]: one table after the other.
    pub(crate) fn keys_after(&self, after: Option<&RowKey>, limit: usize) -> Vec<RowKey> {
        let mut found: Vec<RowKey> = Vec::new();
        if after.is_none_or(|after| matches!(after, RowKey::Queue(_))) {
            let reader = if let Some(RowKey::Queue(reader)) = after { Some(*reader) } else { None };
            found.extend(self.queues.readers_after(reader, limit).into_iter().map(RowKey::Queue));
        }
        let room = limit.saturating_sub(found.len());
        let blobs = keys(self.blobs.rows()).map(RowKey::Blob);
        let outgoing = keys(self.outgoing.rows()).map(RowKey::Outgoing);
        let mut holders: Vec<_> = keys(self.returned.rows()).map(|key| key.account).collect();
        holders.dedup();
        let returned = holders.into_iter().map(RowKey::Returned);
        let invites = keys(self.invites.rows()).map(RowKey::Invite);
        let accounts = keys(self.accounts.rows()).map(RowKey::Account);
        let others = blobs.chain(outgoing).chain(returned).chain(invites).chain(accounts);
        found.extend(others.skip_while(|key| after.is_some_and(|after| key <= after)).take(room));
        found
    }
}

fn keys<K: Copy, V>(rows: &BTreeMap<K, V>) -> impl Iterator<Item = K> {
    rows.keys().copied()
}
