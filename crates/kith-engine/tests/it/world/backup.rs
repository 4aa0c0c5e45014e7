//! Backups as the programs around the engines make and restore them, without files.

use kith_crypto::user::UserSecret;
use kith_engine::{BackupError, BackupFrom, Command, Engine, RestoreError};
use kith_wire::backup::BackupItem;
use kith_wire::id::BackupMark;

use super::{Disk, Fuse, Person, Reach, Timestamp, World, connect};

impl World {
    /// Makes a backup behind a run of before, or a whole one.
    pub(crate) fn backup_run(
        &mut self,
        who: usize,
        since: Option<BackupMark>,
    ) -> Result<(Vec<BackupItem>, BackupMark), BackupError> {
        let now = self.clock(who);
        let mut run = self.people[who].engine.begin_backup(since, now, &mut self.rng)?.run;
        let mut items = Vec::new();
        loop {
            let portion = self.people[who].engine.continue_backup(&mut run, now)?;
            items.extend(portion.items);
            if portion.is_last {
                break;
            }
        }
        self.people[who].engine.backup_done(run.mark(), now, &mut self.rng).unwrap();
        Ok((items, run.mark()))
    }

    /// Adds a folder that has nobody in it, for somebody whose root secret is known.
    pub(crate) fn add_folder(&mut self, name: &str, server: usize, user: UserSecret) -> usize {
        let mut engine = Engine::open(connect(name), self.now).unwrap();
        engine.set_user_key(&user.public()).unwrap();
        self.people.push(Person {
            engine,
            keeper: connect(name),
            name: name.to_owned(),
            user,
            server,
            line: None,
            events: Vec::new(),
            vault: std::collections::BTreeMap::new(),
            dropped: Vec::new(),
            disk: Disk::Working,
            vault_disk: Disk::Working,
            fuse: Fuse::default(),
            rests: Timestamp(0),
            ahead: 0,
        });
        self.people.len() - 1
    }

    /// Begins to restore, and takes items in.
    pub(crate) fn take_in(&mut self, who: usize, items: &[BackupItem]) -> Result<(), RestoreError> {
        self.take_in_from(BackupFrom::File, who, items)
    }

    /// Takes items in that come from there.
    pub(crate) fn take_in_from(
        &mut self,
        from: BackupFrom,
        who: usize,
        items: &[BackupItem],
    ) -> Result<(), RestoreError> {
        let (now, user) = (self.clock(who), self.people[who].user.clone());
        self.people[who].engine.begin_restore("tablet", from, now, &mut self.rng)?;
        for some in items.chunks(7) {
            self.people[who].engine.restore(&user, some.to_vec(), now, &mut self.rng)?;
        }
        Ok(())
    }

    /// Finds a home server for who is being restored.
    pub(crate) fn find_home(&mut self, who: usize) {
        let server = &self.servers[self.people[who].server];
        let (url, descriptor) = (server.url.clone(), server.home.descriptor().to_vec());
        let init = Command::Init { url, descriptor, expect: None, invite: None, name: Some("Ana".to_owned()) };
        self.command(who, init).unwrap();
    }

    /// All of a backup is there.
    pub(crate) fn finish_restore(&mut self, who: usize) -> Result<(), RestoreError> {
        let (now, user) = (self.clock(who), self.people[who].user.clone());
        let done = self.people[who].engine.finish_restore(&user, now, &mut self.rng);
        self.drain(who);
        done
    }

    /// Restores somebody's backup into a new folder, which goes online; returns who that is.
    pub(crate) fn come_back(&mut self, name: &str, of: usize, server: usize, items: &[BackupItem]) -> usize {
        let who = self.add_folder(name, server, self.people[of].user.clone());
        self.take_in(who, items).unwrap();
        self.find_home(who);
        self.finish_restore(who).unwrap();
        self.online(who, Reach::Up);
        who
    }
}
