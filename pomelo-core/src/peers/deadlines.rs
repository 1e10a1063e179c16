//! Deadlines of questions: one task of a server ends those that nobody answers in time.
//!
//! A timer for each question would be made and taken down by every call, and all workers share the timers of their runtime. Nearly
//! no question meets its deadline, and most of a server's have the same time; so one timer rings for the first that is due.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::Peers;
use crate::value::{Error, ErrorKind};

impl Peers {
    /// Starts the task that ends questions at their deadlines; it lives as long as the server's other tasks.
    pub(crate) fn watch_deadlines(self: &Arc<Self>) {
        let (peers, sooner) = (Arc::downgrade(self), self.pending.sooner().clone());
        self.tasks.spawn("deadlines", move || {
            let (peers, sooner) = (peers.clone(), sooner.clone());
            async move {
                while let Some(next) = peers.upgrade().map(|peers| peers.pending.next_look()) {
                    let Some(at) = next else {
                        sooner.notified().await;
                        continue;
                    };
                    if timeout_at(at, sooner.notified()).await.is_err() {
                        peers.upgrade().into_iter().for_each(|peers| peers.end_late());
                    }
                }
            }
        });
    }

    /// Ends the questions whose deadline has passed.
    fn end_late(&self) {
        for (server, seq, waiter) in self.pending.remove_late() {
            let why = format_args!("no answer from {server} in time");
            self.settle(seq, waiter, Err(Error::of(ErrorKind::Deadline, why)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::peers::Question;
    use crate::peers::testing::peers;
    use crate::value::ServerId;
    use crate::wire::envelope::Answer;

    async fn kind(question: &mut Question<'_>) -> Option<ErrorKind> {
        question.answer().await.and_then(|answer| answer.err()).map(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn each_question_ends_at_its_own_deadline_in_whatever_order_they_were_asked() {
        let (peers, _) = peers("gate-1", &["chat-1"]);
        let (chat, began) = (ServerId::from("chat-1"), Instant::now());
        let seconds = [5, 3, 9, 3, 1];
        let asked = seconds.map(|after| {
            let deadline = began + Duration::from_secs(after);
            (after, peers.pending.add_task(&chat, deadline).unwrap())
        });
        let ended = futures::future::join_all(asked.into_iter().map(|(after, mut question)| async move {
            (kind(&mut question).await, after, began.elapsed().as_secs())
        }));
        for (kind, after, ended) in ended.await {
            assert_eq!((kind, ended), (Some(ErrorKind::Deadline), after));
        }
        assert_eq!(peers.pending.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_before_the_deadline_is_the_end_and_one_after_it_is_late() {
        let (peers, _) = peers("gate-1", &["chat-1"]);
        let chat = ServerId::from("chat-1");
        let soon = || Instant::now() + Duration::from_secs(2);
        let mut answered = peers.pending.add_task(&chat, soon()).unwrap();
        let mut late = peers.pending.add_task(&chat, soon()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        peers.complete(answered.seq(), Ok(Answer::Done(7)));
        assert!(matches!(answered.answer().await, Some(Ok(Answer::Done(7)))));
        let seq = late.seq();
        assert_eq!(kind(&mut late).await, Some(ErrorKind::Deadline));
        peers.complete(seq, Ok(Answer::Done(8)));
        assert_eq!(peers.counters.dropped(crate::metrics::Dropped::LateReply), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_goes_on_after_a_panic_and_ends_with_the_peers() {
        let (peers, _) = peers("gate-1", &["chat-1"]);
        assert_eq!(peers.tasks.trip("deadlines"), 1);
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut question = peers.pending.add_task(&"chat-1".into(), deadline).unwrap();
        assert_eq!(kind(&mut question).await, Some(ErrorKind::Deadline));
        drop(question);
        let weak = Arc::downgrade(&peers);
        drop(peers);
        assert!(weak.upgrade().is_none());
    }
}
