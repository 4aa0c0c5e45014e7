//! A plan: what happens when, drawn from a scenario and a seed before the world begins. It can be cut shorter and run again.

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng};

use crate::device::{of_person, restored, rival, stranger};
use crate::scenario::{DAY, Fault, HOUR, MINUTE, Meetings, Scenario};
use crate::step::{Step, Told};

/// A step and when it begins, in milliseconds after the beginning of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// When.
    pub at: u64,
    /// What.
    pub step: Step,
}

/// Milliseconds for which people only meet.
const MEETING_MS: u64 = 60_000;

/// Seconds since the last backup, when all devices are lost.
const BACKUP_AGE: u64 = 6 * HOUR;
/// Seconds after which a device that was restored has queues, mostly.
const QUEUES_AFTER: u64 = 10 * MINUTE;

/// Draws the plan of a run.
pub fn draw(scenario: &Scenario, seed: u64) -> Vec<Timed> {
    let mut drawer =
        Drawer { rng: StdRng::seed_from_u64(seed), scenario, plan: Vec::new(), n_devices: vec![1; scenario.people] };
    drawer.devices();
    let pairs = drawer.meetings();
    for (one, other) in pairs {
        drawer.talk(one, other);
        drawer.talk(other, one);
    }
    for (fault, every) in &scenario.faults {
        drawer.faults(*fault, *every);
    }
    let mut plan = drawer.plan;
    plan.sort_by_key(|timed| timed.at);
    plan
}

struct Drawer<'a> {
    rng: StdRng,
    scenario: &'a Scenario,
    plan: Vec<Timed>,
    n_devices: Vec<usize>,
}

impl Drawer<'_> {
    /// Draws how many devices each person has, when they come, and what is done with them. Nothing is drawn where everybody has one.
    fn devices(&mut self) {
        let devices = self.scenario.devices;
        if devices.most < 2 {
            return;
        }
        let first_half = MEETING_MS..self.scenario.seconds * 500;
        for person in 0..self.scenario.people {
            // Somebody has all of them; most have two or three.
            let most = if self.rng.random_ratio(1, 4) { devices.most } else { devices.most.min(3) };
            let n = self.rng.random_range(1..=most);
            self.n_devices[person] = n;
            for nth in 1..n {
                let at = self.rng.random_range(first_half.clone());
                let old = of_person(person, self.rng.random_range(0..nth));
                let told = Told::ALL[self.rng.random_range(0..Told::ALL.len())];
                self.plan.push(Timed { at, step: Step::Link { old, new: of_person(person, nth), told } });
            }
            self.add(devices.unlock, person, |who, _| Step::Unlock { who });
            self.add(devices.steal, person, |old, _| Step::Link { old, new: stranger(person), told: Told::All });
            for at in self.times(devices.revoke) {
                let (who, device) = (self.device_of(person), self.device_of(person));
                if who != device {
                    self.plan.push(Timed { at, step: Step::Revoke { who, device } });
                }
            }
            if let Some(at) = self.times(devices.anew).first() {
                let (who, new) = (self.device_of(person), restored(person, 0));
                self.plan.push(Timed { at: *at, step: Step::StartAnew { who, new } });
            }
            for (n_before, at) in self.times(devices.lose).into_iter().take(devices.losses).enumerate() {
                let (who, new) = (self.device_of(person), restored(person, n_before));
                let backed_up_before = about(&mut self.rng, BACKUP_AGE);
                if devices.rivals {
                    self.return_with_rivals(at, who, new, backed_up_before);
                } else {
                    self.plan.push(Timed { at, step: Step::LoseAll { who, new, backed_up_before } });
                }
            }
        }
    }

    /// A person returns, as somebody else does at about the same time, or later; or somebody else returns as them, and they lost nothing.
    fn return_with_rivals(&mut self, at: u64, who: usize, new: usize, backed_up_before: u64) {
        let (step, second) = match self.rng.random_range(0..4) {
            0 => (Step::Usurp { who, new, backed_up_before }, None),
            1 => (Step::LoseAll { who, new, backed_up_before }, Some(self.rng.random_range(0..6 * HOUR))),
            2 => (Step::LoseAll { who, new, backed_up_before }, Some(self.rng.random_range(6 * HOUR..2 * DAY))),
            _ => (Step::LoseAll { who, new, backed_up_before }, None),
        };
        self.plan.push(Timed { at, step });
        // The password is entered when there are queues (KE-66).
        let unlocked = |at, who| Timed { at: at + 1000 * QUEUES_AFTER, step: Step::Unlock { who } };
        self.plan.push(unlocked(at, new));
        if let Some(later) = second {
            let at = at + 1000 * later;
            self.plan.push(Timed { at, step: Step::RestoreAgain { first: new, new: rival(new) } });
            self.plan.push(unlocked(at, rival(new)));
        }
    }

    /// Draws one of a person's devices.
    fn device_of(&mut self, person: usize) -> usize {
        match self.n_devices[person] {
            1 => person,
            n => of_person(person, self.rng.random_range(0..n)),
        }
    }

    fn meetings(&mut self) -> Vec<(usize, usize)> {
        let n = self.scenario.people;
        let all = (0..n).flat_map(|one| (one + 1..n).map(move |other| (one, other)));
        let pairs: Vec<(usize, usize)> = match self.scenario.meetings {
            Meetings::All | Meetings::Late => all.collect(),
            Meetings::Ring => (0..n).map(|one| (one, (one + 1) % n)).collect(),
        };
        for (one, other) in &pairs {
            let latest = match self.scenario.meetings {
                Meetings::Late => self.scenario.seconds * 500,
                _ => MEETING_MS,
            };
            let at = self.rng.random_range(0..latest);
            let (giver, answerer) = if self.rng.random() { (*one, *other) } else { (*other, *one) };
            let (giver, answerer) = (self.device_of(giver), self.device_of(answerer));
            self.plan.push(Timed { at, step: Step::Meet { giver, answerer } });
        }
        pairs
    }

    /// Adds what one person does towards another.
    fn talk(&mut self, from: usize, to: usize) {
        let habits = self.scenario.habits;
        for at in self.times(habits.say) {
            for n in 0..self.rng.random_range(1..=habits.burst.max(1)) {
                let length = if self.rng.random_ratio(1, 20) { 6_000 } else { self.rng.random_range(1..300) };
                let at = at + self.rng.random_range(0..5_000) * n as u64;
                let from = self.device_of(from);
                self.plan.push(Timed { at, step: Step::Say { from, to, length } });
            }
        }
        let back = |rng: &mut StdRng| rng.random_range(0..4);
        self.add(habits.answer, from, |from, _| Step::Answer { from, to });
        self.add(habits.react, from, |from, _| Step::React { from, to });
        self.add(habits.edit, from, |from, rng| Step::Edit { from, to, back: back(rng) });
        self.add(habits.delete, from, |from, rng| Step::Delete { from, to, back: back(rng) });
        self.add(habits.attach, from, |from, rng| Step::Attach { from, to, bytes: rng.random_range(1..200_000) });
        self.add(habits.read, from, |who, _| Step::Read { who, of: to });
        self.add(habits.rotate, from, |who, _| Step::Rotate { who, of: to });
        self.add(habits.block, from, |who, rng| Step::Block { who, of: to, seconds: about(rng, HOUR) });
        self.add(habits.disappear, from, |who, rng| {
            let seconds = rng.random_bool(0.7).then(|| rng.random_range(60..7_200));
            Step::Disappear { who, of: to, seconds }
        });
        let devices = self.scenario.devices;
        self.add(devices.forget, from, |who, _| Step::Forget { who, of: to });
        self.add(devices.pin, from, |who, rng| Step::Pin { who, of: to, on: rng.random() });
        self.add(devices.rename, from, |who, rng| Step::Rename { who, of: to, number: rng.random_range(0..1_000) });
    }

    fn add(&mut self, every: Option<u64>, person: usize, step: impl Fn(usize, &mut StdRng) -> Step) {
        for at in self.times(every) {
            let who = self.device_of(person);
            let step = step(who, &mut self.rng);
            self.plan.push(Timed { at, step });
        }
    }

    /// Draws the times of something that happens on average every so many seconds, independently of the last time.
    fn times(&mut self, every: Option<u64>) -> Vec<u64> {
        let Some(every) = every else { return Vec::new() };
        let mut times = Vec::new();
        let mut at = MEETING_MS as f64;
        loop {
            let uniform: f64 = self.rng.random_range(f64::EPSILON..1.0);
            at -= uniform.ln() * every as f64 * 1000.0;
            if at >= self.scenario.seconds as f64 * 1000.0 {
                return times;
            }
            times.push(at as u64);
        }
    }

    fn faults(&mut self, fault: Fault, every: u64) {
        for at in self.times(Some(every)) {
            let person = self.rng.random_range(0..self.scenario.people);
            let who = self.device_of(person);
            let server = self.rng.random_range(0..self.scenario.servers);
            let rng = &mut self.rng;
            let outputs = rng.random_range(0..4);
            let minutes = about(rng, 5 * MINUTE);
            let step = match fault {
                Fault::Away(seconds) => Step::Leave { who, seconds: about(rng, seconds) },
                Fault::Vanish => Step::Vanish { who },
                Fault::Cut => Step::Cut { who },
                Fault::CrashPerson => Step::CrashPerson { who, outputs, seconds: about(rng, MINUTE) },
                Fault::CrashServer => Step::CrashServer { server, outputs, seconds: about(rng, MINUTE) },
                Fault::DiskFails => Step::DiskFails { who, seconds: minutes },
                Fault::DiskFull => Step::DiskFull { who, seconds: minutes },
                Fault::ServerDiskFails => Step::ServerDiskFails { server, seconds: minutes },
                Fault::ServerDiskFull => {
                    // Now and then it fills up faster than anybody looks.
                    if rng.random_ratio(2, 3) {
                        let seconds = 3 * minutes;
                        let at = at.saturating_sub(minutes * 1000);
                        self.plan.push(Timed { at, step: Step::ServerDiskScarce { server, seconds } });
                    }
                    Step::ServerDiskFull { server, seconds: minutes }
                }
                Fault::RestoreServer => {
                    let later = about(rng, 8 * HOUR) * 1000;
                    self.plan.push(Timed { at: at.saturating_sub(later), step: Step::BackUp { server } });
                    Step::RestoreServer { server }
                }
                Fault::RestorePerson(age) => Step::RestorePerson { who, copied_before: about(rng, age) },
                Fault::Partition(seconds) => Step::Partition { who, seconds: about(rng, seconds) },
                Fault::NameLeads(seconds) => {
                    let to = other_server(server, self.scenario.servers, rng);
                    Step::NameLeads { server, to, seconds: about(rng, seconds) }
                }
                Fault::NewName => Step::NewName { server },
                Fault::PartitionServers(seconds) => {
                    let to = other_server(server, self.scenario.servers, rng);
                    Step::PartitionServers { from: server, to, seconds: about(rng, seconds) }
                }
                Fault::OneWay(seconds) => Step::OneWay { who, up: rng.random(), seconds: about(rng, seconds) },
                Fault::Throttle => Step::Throttle { seconds: minutes, width: rng.random_range(2_000..20_000) },
                Fault::ClockJump(most) => {
                    let most = i64::try_from(most).unwrap_or(i64::MAX);
                    Step::ClockJump { who, seconds: rng.random_range(-most..=most) }
                }
                Fault::ServerClockJump(most) => {
                    let most = i64::try_from(most).unwrap_or(i64::MAX);
                    Step::ServerClockJump { server, seconds: rng.random_range(-most..=most) }
                }
                Fault::Vice(vice) => Step::Vice { server, vice },
            };
            self.plan.push(Timed { at, step });
        }
    }
}

/// Draws a duration between a fifth of and twice what is usual.
fn about(rng: &mut impl Rng, usual: u64) -> u64 {
    rng.random_range(usual / 5..=usual * 2)
}

fn other_server(server: usize, n_servers: usize, rng: &mut impl Rng) -> usize {
    (server + rng.random_range(1..n_servers.max(2))) % n_servers
}
