//! Owed answers: errors for questions whose answer found a full link.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use foldhash::fast::RandomState;

use crate::cluster::Unsent;
use crate::value::{Error, ServerId};
use crate::wire::envelope::Message;

/// How many questions of one server may be owed an error; more wait for their deadline. It is what a peer may have out by
/// default (`pending_calls`), six times over: about 20 MB.
const MAX_OWED: usize = 1 << 16;

/// By the server that asked: the numbers of its questions, with what they are answered as soon as the link has room.
type Errors = HashMap<ServerId, Vec<(u64, Error)>, RandomState>;

/// What this server owes others.
#[derive(Default)]
pub(crate) struct Owed(Mutex<Errors>);

impl Owed {
    pub(crate) fn add(&self, server: &ServerId, seq: u64, error: Error) {
        let mut owed = self.lock();
        let answers = match owed.get_mut(server) {
            Some(answers) => answers,
            None => owed.entry(server.clone()).or_default(),
        };
        if answers.len() < MAX_OWED {
            answers.push((seq, error));
        }
    }

    /// Sends what is owed. What finds a full link again stays; without a link nobody waits any more.
    pub(crate) fn pay(&self, send: impl Fn(&ServerId, Message) -> Result<(), Unsent>) {
        let owed = std::mem::take(&mut *self.lock());
        for (server, answers) in owed {
            let mut answers = answers.into_iter();
            while let Some((seq, error)) = answers.next() {
                let message = Message::Reply { seq, result: Err(error.clone()) };
                if send(&server, message) == Err(Unsent::Full) {
                    let rest = std::iter::once((seq, error)).chain(answers);
                    self.lock().entry(server).or_default().extend(rest);
                    break;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Errors> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::value::ErrorKind;

    #[test]
    fn what_is_owed_is_sent_once_as_soon_as_there_is_room() {
        let (owed, sent) = (Owed::default(), RefCell::new(vec![]));
        for (server, seq) in [("chat-1", 1), ("chat-1", 2), ("chat-1", 3), ("chat-2", 4)] {
            owed.add(&server.into(), seq, Error::of(ErrorKind::Overloaded, "full"));
        }
        let send = |room: usize| {
            let sent = &sent;
            move |server: &ServerId, message: Message| {
                let Message::Reply { seq, result: Err(_) } = message else { panic!("{message:?}") };
                if **server == *"chat-2" {
                    return Err(Unsent::NoLink);
                }
                if sent.borrow().len() >= room {
                    return Err(Unsent::Full);
                }
                sent.borrow_mut().push(seq);
                Ok(())
            }
        };
        owed.pay(send(0));
        assert_eq!(*sent.borrow(), [0; 0]);
        owed.pay(send(2));
        owed.pay(send(9));
        owed.pay(send(9));
        assert_eq!(*sent.borrow(), [1, 2, 3]);
    }
}
