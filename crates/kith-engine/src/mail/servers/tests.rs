//! What is believed of a descriptor.

use kith_crypto::sealed::EpochSecret;
use kith_crypto::sign::ServerSecret;
use kith_wire::descriptor::ServerLimits;
use kith_wire::ext::Ext;
use kith_wire::time::EpochId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(2_950 * 7 * 86_400 + 3 * 86_400);

struct Known {
    db: Connection,
    server: ServerId,
    secret: ServerSecret,
    rng: StdRng,
}

impl Known {
    fn new() -> Self {
        let db = Connection::open_in_memory().unwrap();
        crate::ground::schema::migrate(&db).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let secret = ServerSecret::generate(&mut rng);
        let url = ServerUrl::parse("https://home.example").unwrap();
        let server = add(&db, &ServerAddress { url, key: secret.public() }).unwrap();
        Self { db, server, secret, rng }
    }

    fn descriptor(&mut self, serial: u64, week: u32) -> Descriptor {
        Descriptor {
            versions: VersionRange::OURS,
            server_key: self.secret.public(),
            serial,
            urls: vec![ServerUrl::parse("https://home.example").unwrap()],
            epochs: vec![EpochSecret::generate(EpochId(week), &mut self.rng).public()],
            limits: ServerLimits { retention_hours: 504, max_blob_bytes: 1 << 27, invite_only: false },
            successor: None,
            ext: Ext::new(),
        }
    }

    fn learn(&mut self, descriptor: &Descriptor) -> Result<(), DescriptorError> {
        learn(&self.db, self.server, &self.secret.sign(descriptor).to_bytes(), NOW)
    }
}

#[test]
fn ke_3_only_the_pinned_key_is_believed() {
    let mut known = Known::new();
    let good = known.descriptor(1, NOW.epoch().0);
    let other = ServerSecret::generate(&mut known.rng);
    let forged = other.sign(&good).to_bytes();
    assert!(matches!(learn(&known.db, known.server, &forged, NOW), Err(DescriptorError::NotSigned)));
    let own = Descriptor { server_key: other.public(), ..good.clone() };
    let other_key = other.sign(&own).to_bytes();
    assert!(matches!(learn(&known.db, known.server, &other_key, NOW), Err(DescriptorError::NotSigned)));
    assert!(matches!(learn(&known.db, known.server, b"noise", NOW), Err(DescriptorError::NotSigned)));
    assert!(epoch(&known.db, known.server, NOW).unwrap().is_none());
    known.learn(&good).unwrap();
    assert!(epoch(&known.db, known.server, NOW).unwrap().is_some());
}

#[test]
fn ke_4_an_older_serial_is_refused() {
    let mut known = Known::new();
    let (old, new) = (known.descriptor(4, NOW.epoch().0), known.descriptor(5, NOW.epoch().0));
    known.learn(&new).unwrap();
    assert!(matches!(known.learn(&old), Err(DescriptorError::Older { found: 4, seen: 5 })));
    known.learn(&new).unwrap();
}

#[test]
fn ke_5_an_epoch_of_another_time_is_refused() {
    for (week, fits) in [(-2, false), (-1, false), (0, true), (1, false)] {
        let mut known = Known::new();
        let week = NOW.epoch().0.saturating_add_signed(week);
        let descriptor = known.descriptor(1, week);
        let learnt = known.learn(&descriptor);
        assert_eq!(learnt.is_ok(), fits, "week {week}");
        assert_eq!(matches!(learnt, Err(DescriptorError::NoEpoch)), !fits, "week {week}");
    }
}

#[test]
fn last_weeks_keys_are_good_for_two_days_and_known_to_be_ageing() {
    let mut known = Known::new();
    let descriptor = known.descriptor(1, NOW.epoch().0);
    known.learn(&descriptor).unwrap();
    let end = NOW.epoch().end();
    let at = |known: &Known, now| epoch(&known.db, known.server, now).unwrap().map(|epoch| epoch.freshness);
    assert_eq!(at(&known, NOW), Some(Freshness::Current));
    assert_eq!(at(&known, end.plus_seconds(86_400)), Some(Freshness::Ageing));
    assert_eq!(at(&known, end.plus_seconds(3 * 86_400)), None);
}

#[test]
fn a_descriptor_that_came_back_is_kept_for_its_server_only() {
    let mut known = Known::new();
    let other = ServerSecret::generate(&mut known.rng);
    let url = ServerUrl::parse("https://other.example").unwrap();
    let second = add(&known.db, &ServerAddress { url, key: other.public() }).unwrap();
    let descriptor = known.descriptor(1, NOW.epoch().0);
    learn_anywhere(&known.db, &known.secret.sign(&descriptor).to_bytes(), NOW).unwrap();
    learn_anywhere(&known.db, &other.sign(&descriptor).to_bytes(), NOW).unwrap();
    learn_anywhere(&known.db, b"noise", NOW).unwrap();
    assert!(epoch(&known.db, known.server, NOW).unwrap().is_some());
    assert!(epoch(&known.db, second, NOW).unwrap().is_none());
}
