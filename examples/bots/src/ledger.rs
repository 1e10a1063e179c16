//! The ledger of one bot: checks that it heard each speaker of its room exactly once and in order.

use std::collections::HashSet;

/// What a bot has heard.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// By the talker's place in the room.
    talkers: Vec<Heard>,
    /// Messages that had been heard before.
    pub twice: u64,
    /// Messages that came after a later one of the same talker.
    pub late: u64,
}

/// What was heard of one talker.
#[derive(Debug, Clone, Default)]
struct Heard {
    /// The number of the next message.
    next: u64,
    /// Earlier ones that have not come.
    skipped: Vec<u64>,
}

/// A skip longer than this is a broken server; what was skipped before counts as missing all the same.
const MOST_SKIPPED: u64 = 100_000;

impl Ledger {
    /// Nothing heard yet of so many.
    pub fn new(talkers: usize) -> Self {
        Self { talkers: vec![Heard::default(); talkers], ..Self::default() }
    }

    /// Notes message `serial` of the talker at that place; false if it is one that should not have come.
    pub fn hear(&mut self, talker: usize, serial: u64) -> bool {
        let Some(heard) = self.talkers.get_mut(talker) else { return false };
        if serial == heard.next {
            heard.next += 1;
            return true;
        }
        if serial > heard.next {
            if serial - heard.next > MOST_SKIPPED {
                return false;
            }
            heard.skipped.extend(heard.next..serial);
            heard.next = serial + 1;
            return true;
        }
        match heard.skipped.iter().position(|skipped| *skipped == serial) {
            Some(place) => {
                heard.skipped.swap_remove(place);
                self.late += 1;
                true
            }
            None => {
                self.twice += 1;
                false
            }
        }
    }

    /// How many messages of the talker at that place never came, of the `said` that it said, but for the `refused`.
    pub fn missing(&self, talker: usize, said: u64, refused: &HashSet<u64>) -> u64 {
        let Some(heard) = self.talkers.get(talker) else { return 0 };
        let skipped = heard.skipped.iter().copied().chain(heard.next..said);
        skipped.filter(|serial| !refused.contains(serial)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(serials: &[u64]) -> Ledger {
        let mut ledger = Ledger::new(1);
        serials.iter().for_each(|serial| {
            ledger.hear(0, *serial);
        });
        ledger
    }

    #[test]
    fn all_in_order_is_all_well() {
        let ledger = heard(&[0, 1, 2]);
        assert_eq!((ledger.twice, ledger.late, ledger.missing(0, 3, &HashSet::new())), (0, 0, 0));
    }

    #[test]
    fn a_gap_is_missing_unless_it_was_refused() {
        let ledger = heard(&[0, 3]);
        assert_eq!(ledger.missing(0, 4, &HashSet::new()), 2);
        assert_eq!(ledger.missing(0, 4, &HashSet::from([2])), 1);
        assert_eq!((ledger.twice, ledger.late), (0, 0));
    }

    #[test]
    fn what_was_said_last_can_be_missing_too() {
        assert_eq!(heard(&[0]).missing(0, 3, &HashSet::new()), 2);
        assert_eq!(heard(&[]).missing(0, 3, &HashSet::from([1])), 2);
    }

    #[test]
    fn what_comes_after_a_later_one_is_late_and_not_missing() {
        let ledger = heard(&[0, 2, 1]);
        assert_eq!((ledger.twice, ledger.late, ledger.missing(0, 3, &HashSet::new())), (0, 1, 0));
    }

    #[test]
    fn what_comes_again_is_twice() {
        let ledger = heard(&[0, 0, 2, 1, 1]);
        assert_eq!((ledger.twice, ledger.late, ledger.missing(0, 3, &HashSet::new())), (2, 1, 0));
    }

    #[test]
    fn a_number_out_of_this_world_takes_no_memory() {
        let mut ledger = Ledger::new(1);
        assert!(!ledger.hear(0, u64::MAX));
        assert!(!ledger.hear(7, 0));
        assert_eq!(ledger.missing(0, 1, &HashSet::new()), 1);
    }
}
