//! The lobby of a port: connections of strangers, who have not yet proved who they are.
//!
//! Strangers have a bounded number of seats, of all and of each address. When these are short, a stranger that came earlier
//! gives way to one that comes, first those who have not said anything yet: whoever has something to say says it at once, so
//! that operators and servers get in however many sockets idle.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::address::Origin;

/// The strangers at a port.
#[derive(Debug)]
pub struct Lobby {
    /// How many strangers there may be.
    seats: usize,
    /// How many of one address, or of one network of IPv6.
    seats_per_address: usize,
    /// Who is there.
    state: Mutex<Seating>,
}

#[derive(Debug, Default)]
struct Seating {
    /// By number, and so by age.
    strangers: BTreeMap<u64, Stranger>,
    /// The number of the next who comes.
    next: u64,
}

#[derive(Debug)]
struct Stranger {
    /// Where it comes from.
    origin: Origin,
    /// It has said what was due first.
    has_spoken: bool,
    /// Dropped when it gives way.
    _staying: oneshot::Sender<()>,
}

/// A stranger's seat, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    /// Whose seat it is.
    lobby: Arc<Lobby>,
    /// By age.
    number: u64,
    /// Resolves when it has to give way.
    ousted: oneshot::Receiver<()>,
}

/// What tells a lobby that a stranger has said something.
#[derive(Debug)]
pub struct Voice {
    lobby: Arc<Lobby>,
    number: u64,
}

impl Lobby {
    /// A lobby with so many seats, at least one.
    pub fn new(seats: usize, seats_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            seats: seats.max(1),
            seats_per_address: seats_per_address.max(1),
            state: Mutex::default(),
        })
    }

    /// A seat for who comes from there.
    pub fn seat(self: &Arc<Self>, ip: IpAddr) -> Seat {
        let origin = Origin::from(ip);
        let (staying, ousted) = oneshot::channel();
        let mut state = self.lock();
        let of_address = state.strangers.values().filter(|stranger| stranger.origin == origin).count();
        if of_address >= self.seats_per_address {
            state.oust(|stranger| stranger.origin == origin);
        } else if state.strangers.len() >= self.seats {
            state.oust(|_| true);
        }
        let number = state.next;
        state.next += 1;
        state.strangers.insert(number, Stranger { origin, has_spoken: false, _staying: staying });
        Seat { lobby: self.clone(), number, ousted }
    }

    /// Whether the next who comes may cost somebody the seat. Whoever lets them in gives those who are here a turn first.
    pub fn is_crowded(&self) -> bool {
        self.lock().strangers.len() >= self.seats.min(self.seats_per_address) / 2
    }

    /// Frees the seat of the one that would give way first, as when the system has no room for another connection.
    pub fn make_room(&self) {
        self.lock().oust(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, Seating> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Seating {
    /// Takes the seat of the oldest of these, of one that has not spoken if there is any.
    fn oust(&mut self, of: impl Fn(&Stranger) -> bool) {
        let those = self.strangers.iter().filter(|(_, stranger)| of(stranger));
        let first = those.min_by_key(|(number, stranger)| (stranger.has_spoken, **number));
        if let Some(number) = first.map(|(number, _)| *number) {
            self.strangers.remove(&number);
        }
    }
}

impl Seat {
    /// What tells that it has said something.
    pub fn voice(&self) -> Voice {
        Voice { lobby: self.lobby.clone(), number: self.number }
    }

    /// Does something with the stranger as long as the seat is its own; none if it had to give way.
    ///
    /// # Cancel safety
    /// The seat is free when it is dropped.
    pub async fn hold<T>(mut self, stay: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // Who is done when it must give way is done.
            biased;
            done = stay => Some(done),
            _ = &mut self.ousted => None,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lobby.lock().strangers.remove(&self.number);
    }
}

impl Voice {
    /// It has said what was due first.
    pub fn speak(&self) {
        if let Some(stranger) = self.lobby.lock().strangers.get_mut(&self.number) {
            stranger.has_spoken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::FutureExt;

    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// Whether it still has its seat.
    fn stays(seat: &mut Seat) -> bool {
        (&mut seat.ousted).now_or_never().is_none()
    }

    #[test]
    fn the_oldest_that_has_said_nothing_gives_way() {
        let lobby = Lobby::new(3, 9);
        let [mut spoke, mut first, mut second] = [1, 2, 3].map(|n| lobby.seat(ip(n)));
        spoke.voice().speak();
        let mut third = lobby.seat(ip(4));
        assert_eq!([&mut spoke, &mut first, &mut second, &mut third].map(stays), [true, false, true, true]);
        for seat in [&second, &third] {
            seat.voice().speak();
        }
        let _fourth = lobby.seat(ip(5));
        assert!(!stays(&mut spoke), "where all have spoken, the oldest of all");
    }

    #[test]
    fn an_address_with_all_its_seats_costs_only_itself() {
        let lobby = Lobby::new(100, 2);
        let mut other = lobby.seat(ip(1));
        let mut idle: Vec<_> = (0..50).map(|_| lobby.seat(ip(2))).collect();
        assert_eq!(idle.iter_mut().filter_map(|seat| stays(seat).then_some(())).count(), 2);
        assert!(stays(&mut other) && stays(idle.last_mut().unwrap()));
        drop((idle, other));
        assert!(lobby.lock().strangers.is_empty());
    }

    #[tokio::test]
    async fn who_gives_way_is_done_with() {
        let lobby = Lobby::new(1, 1);
        let seat = lobby.seat(ip(1));
        let waiting = seat.hold(pending::<()>());
        let next = lobby.seat(ip(2));
        assert_eq!(waiting.await, None);
        assert_eq!(next.hold(async { 7 }).await, Some(7));
    }
}
