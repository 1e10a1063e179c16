//! A lossy link between two sides, on virtual time, for tests of what servers say to each other.
//!
//! It does what a [`Transport`](super::Transport) may do: it keeps the order of what one side sends, delays it, refuses what it has
//! no room for, and loses what is on the way when it is cut. A side that was not told of the cut goes on sending to nobody.

use std::collections::VecDeque;

use super::Unsent;

/// Numbers that are as good as random, by a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64: also neighbouring seeds give other numbers from the first on.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of several.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        self.roll(count as u64) as usize
    }
}

/// Runs a test with the dice of each of so many seeds; the seed of one that fails is printed.
pub(crate) fn for_seeds(seeds: std::ops::Range<u64>, test: impl Fn(&mut Dice)) {
    for seed in seeds {
        let seed = Seed(seed);
        test(&mut Dice::new(seed.0));
    }
}

/// Says which seed it was, if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

/// The link as one side knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Up,
    /// It was cut, and this side was not told.
    Unaware,
    Down,
}

/// A link between side 0 and side 1.
pub(crate) struct Link<T> {
    ends: [End; 2],
    /// What is on the way to each side, in order, with when it arrives.
    on_the_way: [VecDeque<(u64, T)>; 2],
    now: u64,
    /// How much may be on the way to a side.
    room: usize,
    slowest: u64,
}

impl<T> Link<T> {
    /// A link that is not up; it has room for so many messages each way, and one takes at most `slowest` ticks.
    pub(crate) fn new(room: usize, slowest: u64) -> Self {
        Self { ends: [End::Down; 2], on_the_way: Default::default(), now: 0, room, slowest }
    }

    /// Whether both sides have the link.
    pub(crate) fn is_up(&self) -> bool {
        self.ends == [End::Up; 2]
    }

    /// Whether a side knows that there is no link.
    pub(crate) fn is_down(&self, side: usize) -> bool {
        self.ends[side] == End::Down
    }

    /// Makes the link; false if a side still believes in the one before.
    pub(crate) fn open(&mut self) -> bool {
        let can_open = self.ends == [End::Down; 2];
        if can_open {
            self.ends = [End::Up; 2];
        }
        can_open
    }

    /// Cuts the link: what is on the way is lost.
    pub(crate) fn cut(&mut self) {
        if self.is_up() {
            self.ends = [End::Unaware; 2];
            self.on_the_way.iter_mut().for_each(VecDeque::clear);
        }
    }

    /// A side learns that the link was cut; false if it wasn't, or that side knows.
    pub(crate) fn notice(&mut self, side: usize) -> bool {
        let is_news = self.ends[side] == End::Unaware;
        if is_news {
            self.ends[side] = End::Down;
        }
        is_news
    }

    /// Sends something to the other side.
    pub(crate) fn send(&mut self, from: usize, message: T, dice: &mut Dice) -> Result<(), Unsent> {
        let way = &mut self.on_the_way[1 - from];
        match self.ends[from] {
            End::Down => Err(Unsent::NoLink),
            End::Unaware => Ok(()),
            End::Up if way.len() >= self.room => Err(Unsent::Full),
            End::Up => {
                let earliest = way.back().map_or(0, |(arrives, _)| *arrives);
                way.push_back((earliest.max(self.now + dice.roll(self.slowest + 1)), message));
                Ok(())
            }
        }
    }

    /// The next message that has arrived at a side.
    pub(crate) fn receive(&mut self, side: usize) -> Option<T> {
        let now = self.now;
        self.on_the_way[side].pop_front_if(|(arrives, _)| *arrives <= now).map(|(_, message)| message)
    }

    /// Time goes on.
    pub(crate) fn tick(&mut self) {
        self.now += 1;
    }

    /// Whether nothing is on the way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.on_the_way.iter().all(VecDeque::is_empty)
    }
}
