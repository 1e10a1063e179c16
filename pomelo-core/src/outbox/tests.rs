//! The outbox over a sink that takes as many bytes as a test allows.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Wire {
    sent: Mutex<Vec<u8>>,
    room: AtomicUsize,
    waiting: Mutex<Option<Arc<Outbox>>>,
    closed: AtomicBool,
    writes: AtomicUsize,
}

impl Wire {
    fn text(&self) -> String {
        String::from_utf8(self.sent.lock().unwrap().clone()).unwrap()
    }

    async fn allow(&self, bytes: usize) {
        self.room.fetch_add(bytes, Ordering::SeqCst);
        if let Some(outbox) = self.waiting.lock().unwrap().take() {
            outbox.resume();
        }
        settle().await;
    }
}

struct TestSink(Arc<Wire>);

impl Sink for TestSink {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let room = self.0.room.load(Ordering::SeqCst);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        let all: Vec<u8> = frames.iter().flat_map(|frame| frame.iter().copied()).collect();
        let taken = room.min(all.len());
        self.0.sent.lock().unwrap().extend_from_slice(&all[..taken]);
        self.0.room.fetch_sub(taken, Ordering::SeqCst);
        Ok(taken)
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        *self.0.waiting.lock().unwrap() = Some(outbox);
    }

    fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }
}

async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn outbox(limit: usize) -> (Arc<Outbox>, Arc<Wire>) {
    let (wire, flusher) = (Arc::new(Wire::default()), Arc::new(Flusher::default()));
    flusher.spawn();
    (Outbox::new(TestSink(wire.clone()), flusher, FormatId(0), limit), wire)
}

fn frame(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn everything_queued_leaves_in_one_write() {
    let (outbox, wire) = outbox(100);
    wire.room.store(100, Ordering::SeqCst);
    for text in ["one ", "two ", "three"] {
        outbox.send(frame(text));
    }
    settle().await;
    assert_eq!((wire.text().as_str(), wire.writes.load(Ordering::SeqCst)), ("one two three", 1));
    assert_eq!(outbox.queued_bytes(), 0);
}

#[tokio::test]
async fn a_socket_that_would_block_gets_the_rest_later_and_in_order() {
    let (outbox, wire) = outbox(100);
    outbox.send(frame("hello "));
    settle().await;
    for _ in 0..3 {
        wire.allow(2).await;
    }
    outbox.send(frame("world"));
    wire.allow(100).await;
    assert_eq!(wire.text(), "hello world");
}

#[tokio::test]
async fn more_than_the_limit_is_refused() {
    let (outbox, wire) = outbox(10 + PLACE);
    assert_eq!(outbox.send(frame("123456")), Appended::NeedsFlush);
    settle().await;
    assert_eq!(outbox.send(frame("78901")), Appended::Overflow);
    assert_eq!(outbox.send(frame("7890")), Appended::Queued);
    wire.allow(100).await;
    assert_eq!((wire.text().as_str(), outbox.queued_bytes()), ("1234567890", 0));
}

#[tokio::test]
async fn frames_that_are_all_but_empty_count_their_places() {
    let (outbox, _) = outbox(1_000);
    let queued = (0..1_000).take_while(|_| outbox.append(frame("x")) != Appended::Overflow).count();
    assert_eq!(queued, (1_000 - 1) / (PLACE + 1) + 1);
}

#[tokio::test]
async fn a_cut_finishes_the_half_written_frame_and_discards_the_rest() {
    let (outbox, wire) = outbox(100);
    outbox.send(frame("half-written "));
    outbox.send(frame("lost "));
    wire.allow(5).await;
    outbox.cut(frame("kick"));
    assert_eq!(outbox.send(frame("late")), Appended::Closed);
    wire.allow(100).await;
    assert_eq!(wire.text(), "half-written kick");
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn finishing_sends_all_that_is_queued_first() {
    let (outbox, wire) = outbox(100);
    outbox.send(frame("one "));
    outbox.finish(frame("last"));
    wire.allow(2).await;
    assert!(!wire.closed.load(Ordering::SeqCst));
    wire.allow(100).await;
    assert_eq!(wire.text(), "one last");
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn finishing_without_last_frames_sends_all_that_is_queued_and_closes() {
    for text in ["", "queued"] {
        let (outbox, wire) = outbox(100);
        if !text.is_empty() {
            outbox.send(frame(text));
            wire.allow(2).await;
        }
        outbox.finish(Bytes::new());
        wire.allow(100).await;
        assert_eq!(wire.text(), text);
        assert!(wire.closed.load(Ordering::SeqCst));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_closed_after_a_second() {
    let (outbox, wire) = outbox(100);
    outbox.send(frame("unread"));
    outbox.cut(frame("kick"));
    tokio::time::sleep(LINGER * 2).await;
    assert!(wire.closed.load(Ordering::SeqCst));
    assert_eq!(outbox.queued_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_second_to_close_in_begins_with_the_first_attempt_to_write() {
    let (wire, flusher) = (Arc::new(Wire::default()), Arc::new(Flusher::default()));
    let outbox = Outbox::new(TestSink(wire.clone()), flusher.clone(), FormatId(0), 100);
    wire.room.store(100, Ordering::SeqCst);
    outbox.cut(frame("kick"));
    // All workers are busy with something else: the flusher gets no turn.
    tokio::time::sleep(LINGER * 2).await;
    assert!(!wire.closed.load(Ordering::SeqCst));
    flusher.spawn();
    settle().await;
    assert_eq!(wire.text(), "kick");
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stops_taking_its_last_frames_is_closed_a_second_later() {
    let (outbox, wire) = outbox(100);
    wire.room.store(2, Ordering::SeqCst);
    outbox.finish(frame("last"));
    settle().await;
    assert_eq!(wire.text(), "la");
    // A little room later on buys no more time.
    tokio::time::sleep(LINGER / 2).await;
    wire.allow(1).await;
    tokio::time::sleep(LINGER * 3 / 4).await;
    assert_eq!(wire.text(), "las");
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_flusher_that_ends_closes_what_it_had_still_to_write() {
    let (wire, flusher) = (Arc::new(Wire::default()), Arc::new(Flusher::default()));
    let outbox = Outbox::new(TestSink(wire.clone()), flusher.clone(), FormatId(0), 100);
    let tasks = flusher.spawn();
    settle().await;
    outbox.cut(frame("kick"));
    tasks.iter().for_each(|task| task.abort());
    settle().await;
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_burst_does_not_stay_as_memory() {
    const BURST: usize = 1024 * 1024;
    let (outbox, wire) = outbox(BURST * 2);
    let frame = Bytes::from_static(&[b'x'; 64]);
    (0..BURST / frame.len()).for_each(|_| assert_ne!(outbox.send(frame.clone()), Appended::Overflow));
    let capacity = || outbox.lock().queue.capacity();
    // However slowly it leaves.
    for _ in 0..4 {
        wire.allow(BURST / 4 - 1).await;
        assert!(outbox.queued_bytes() > 0 && capacity() > KEEP_CAPACITY);
    }
    wire.allow(BURST).await;
    assert_eq!(outbox.queued_bytes(), 0);
    assert!(capacity() * PLACE <= 512, "{} places are kept", capacity());
}

#[tokio::test]
async fn memory_for_a_queue_stays_only_as_long_as_it_is_needed() {
    let (outbox, wire) = outbox(10_000);
    wire.room.store(1000, Ordering::SeqCst);
    let keeps = || outbox.lock().queue.spilled();
    outbox.send(frame("one"));
    settle().await;
    assert!(!keeps());
    for _ in 0..BURST {
        outbox.send(frame("many"));
    }
    settle().await;
    assert!(keeps());
    outbox.send(frame("one"));
    settle().await;
    assert!(!keeps());
    for _ in 0..100 {
        outbox.send(frame("more"));
    }
    settle().await;
    assert!(outbox.lock().queue.capacity() <= KEEP_CAPACITY);
    assert_eq!(wire.text().len(), 3 + 16 + 3 + 400);
}
