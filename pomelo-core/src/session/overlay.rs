//! The overlay of a session: changes that a server has made to it, laid over older snapshots that still arrive there.
//!
//! A frontend forwards each message with a snapshot of its session. A handler elsewhere that changes the session asks the frontend,
//! which answers with the version that has the change. Messages that the frontend had forwarded before carry older snapshots, and their
//! handlers run after that one. The overlay makes them see the change all the same; what others have changed since is newer than the
//! overlay, and stays.
//!
//! It is needed only as long as such messages may come. The frontend answers on the same ordered link on which it forwards: when the
//! answer is there, all messages with older snapshots are, too, and when none of them waits, the overlay is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::value::{Settings, Uid};
use crate::wire::envelope::Snapshot;

/// A change that the frontend of a session has taken over.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The session was bound to a user, or to none any more.
    User(Option<Uid>),
    /// Settings; those that are `null` were removed.
    Settings(Settings),
}

/// Changes to one session, each with the session's version that has it first.
#[derive(Default)]
pub(crate) struct Overlay {
    uid: Option<(u64, Option<Uid>)>,
    settings: HashMap<String, (u64, Value), RandomState>,
}

impl Overlay {
    /// Lays a change over snapshots that are older than `version`.
    pub(crate) fn note(&mut self, change: Change, version: u64) {
        match change {
            Change::User(uid) => self.uid = Some((version, uid)),
            Change::Settings(changes) => {
                self.settings.extend(changes.into_iter().map(|(key, value)| (key, (version, value))));
            }
        }
    }

    /// Makes the changes that are newer than a snapshot in it.
    pub(crate) fn apply(&self, snapshot: &mut Snapshot) {
        if let Some((version, uid)) = &self.uid
            && *version > snapshot.version
        {
            snapshot.uid = uid.clone();
        }
        for (key, (version, value)) in &self.settings {
            if *version > snapshot.version {
                Arc::make_mut(&mut snapshot.settings).change(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Incarnation, SessionId};
    use std::collections::VecDeque;

    fn settings(pairs: &[(&str, u64)]) -> Settings {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
    }

    fn snapshot(version: u64, pairs: &[(&str, u64)]) -> Snapshot {
        Snapshot {
            id: SessionId { incarnation: Incarnation::from_bits(1), serial: 1 },
            frontend: "gate-1".into(),
            uid: None,
            settings: Arc::new(settings(pairs)),
            version,
        }
    }

    #[test]
    fn a_change_is_laid_over_older_snapshots_and_not_over_newer_ones() {
        let mut overlay = Overlay::default();
        overlay.note(Change::Settings(settings(&[("score", 7)])), 5);
        overlay.note(Change::User(Some("ann".into())), 6);
        let laid = |version| {
            let mut snapshot = snapshot(version, &[("score", 1), ("level", 2)]);
            overlay.apply(&mut snapshot);
            let number = |key: &str| snapshot.settings.get(key).and_then(Value::as_u64);
            (number("score"), number("level"), snapshot.uid.as_deref().map(str::to_owned))
        };
        let ann = || Some("ann".to_owned());
        assert_eq!(laid(4), (Some(7), Some(2), ann()));
        assert_eq!(laid(5), (Some(1), Some(2), ann()));
        assert_eq!(laid(6), (Some(1), Some(2), None));
    }

    #[test]
    fn a_setting_that_was_removed_is_removed_from_older_snapshots() {
        let mut overlay = Overlay::default();
        let removed = [("score".to_owned(), Value::Null)].into_iter().collect();
        overlay.note(Change::Settings(removed), 5);
        let mut snapshot = snapshot(4, &[("score", 1)]);
        overlay.apply(&mut snapshot);
        assert_eq!(snapshot.settings.get("score"), None);
    }

    /// What travels on the ordered link from the frontend to the backend.
    enum ToBackend {
        Forward(Snapshot),
        Changed { version: u64 },
    }

    /// A frontend with one session, a backend that handles its messages, and the two directions of the link between them, each of
    /// which delivers in order and after any time.
    struct Pair {
        version: u64,
        settings: Settings,
        forwarded: VecDeque<ToBackend>,
        asked: VecDeque<Settings>,
        /// The messages of the session that wait at the backend, and the overlay as long as one of them runs or waits.
        queue: Option<(VecDeque<Snapshot>, Overlay)>,
        /// The snapshot of the message that runs, and the change that it waits for.
        running: Option<(Snapshot, Option<Settings>)>,
        /// The version that had each value first. No value comes twice.
        written: HashMap<u64, u64>,
        /// For each key the version of the value that the backend's handlers have seen or set last.
        known: HashMap<String, u64>,
    }

    impl Pair {
        fn new() -> Self {
            Self {
                version: 0,
                settings: settings(&[]),
                forwarded: VecDeque::new(),
                asked: VecDeque::new(),
                queue: None,
                running: None,
                written: HashMap::new(),
                known: HashMap::new(),
            }
        }

        fn change(&mut self, changes: Settings) {
            self.version += 1;
            for (key, value) in changes {
                self.written.insert(value.as_u64().unwrap(), self.version);
                self.settings.change(key, value);
            }
        }

        fn forward(&mut self) {
            let mut snapshot = snapshot(self.version, &[]);
            snapshot.settings = Arc::new(self.settings.clone());
            self.forwarded.push_back(ToBackend::Forward(snapshot));
        }

        /// The frontend takes a change of the backend's over.
        fn answer(&mut self) {
            let Some(changes) = self.asked.pop_front() else { return };
            self.change(changes);
            self.forwarded.push_back(ToBackend::Changed { version: self.version });
        }

        /// The backend takes in what the link brings.
        fn deliver(&mut self) {
            match self.forwarded.pop_front() {
                None => {}
                Some(ToBackend::Forward(snapshot)) => match &mut self.queue {
                    Some((waiting, _)) => waiting.push_back(snapshot),
                    None => {
                        self.queue = Some((VecDeque::new(), Overlay::default()));
                        self.begin(snapshot);
                    }
                },
                Some(ToBackend::Changed { version }) => {
                    let Some((_, waits_for)) = &mut self.running else { panic!("its handler waits") };
                    let changes = waits_for.take().expect("it has asked");
                    self.known.extend(changes.clone().into_iter().map(|(key, _)| (key, version)));
                    let Some((_, overlay)) = &mut self.queue else { panic!("a message runs") };
                    overlay.note(Change::Settings(changes), version);
                }
            }
        }

        /// A handler begins, and sees nothing that is older than what a handler before it knew.
        fn begin(&mut self, snapshot: Snapshot) {
            for (key, known) in &mut self.known {
                let value = snapshot.settings.get(key).and_then(Value::as_u64).expect("it was set");
                let seen = self.written[&value];
                assert!(seen >= *known, "{key} is of version {seen}, and was known of {known}");
                *known = seen;
            }
            self.running = Some((snapshot, None));
        }

        /// The running handler changes something, or ends if it doesn't wait for that.
        fn step(&mut self, ends: bool, changes: Settings) {
            let Some((_, waits_for @ None)) = &mut self.running else { return };
            if !ends {
                *waits_for = Some(changes.clone());
                return self.asked.push_back(changes);
            }
            self.running = None;
            let (waiting, overlay) = self.queue.as_mut().expect("a message ran");
            match waiting.pop_front() {
                Some(mut next) => {
                    overlay.apply(&mut next);
                    self.begin(next);
                }
                None => self.queue = None,
            }
        }
    }

    #[test]
    fn handlers_of_one_backend_see_what_those_before_them_have_changed_however_messages_meet() {
        for seed in 0..5_000_u64 {
            println!("seed {seed}");
            let (mut random, mut pair, mut serial) = (random_of(seed), Pair::new(), 0);
            for _ in 0..60 {
                serial += 1;
                let key = ["score", "level"][random(2)];
                match random(6) {
                    // The frontend, or another backend, changes something.
                    0 => pair.change(settings(&[(key, serial)])),
                    1 | 2 => pair.forward(),
                    3 => pair.answer(),
                    4 => pair.deliver(),
                    _ => pair.step(random(2) == 0, settings(&[(key, serial)])),
                }
            }
        }
    }

    /// A generator of numbers below a bound: the same for the same seed.
    fn random_of(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        move |bound| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % bound
        }
    }
}
