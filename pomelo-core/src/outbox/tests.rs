//! The outbox over a sink that takes as many bytes as a test allows.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use super::backlog::STALL_TIMEOUT;
use super::closing::LINGER_TIMEOUT;
use super::writer::KEEP_CAPACITY;
use super::*;
use crate::runtime::Supervisor;

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
    start(&flusher);
    (Outbox::new(TestSink(wire.clone()), flusher, FormatId(0), limit), wire)
}

fn start(flusher: &Arc<Flusher>) -> Supervisor {
    let tasks = Supervisor::new(Handle::current(), "connector-1", |_| {});
    flusher.start(&tasks);
    tasks
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
async fn only_volatile_frames_are_refused_beyond_the_limit() {
    let (outbox, wire) = outbox(10);
    assert_eq!(outbox.send(frame("123456")), Appended::NeedsFlush);
    settle().await;
    assert_eq!(outbox.send_volatile(frame("78901")), Appended::Overflow);
    assert_eq!(outbox.send_volatile(frame("7890")), Appended::Queued);
    assert_eq!(outbox.send(frame("12345")), Appended::Queued);
    wire.allow(100).await;
    assert_eq!((wire.text().as_str(), outbox.queued_bytes()), ("123456789012345", 0));
}

#[tokio::test]
async fn nothing_but_an_error_in_its_place_is_queued_beyond_sixteen_times_the_limit() {
    let (outbox, wire) = outbox(10);
    assert_eq!(outbox.send(Bytes::from(vec![b'x'; 161])), Appended::TooLong);
    assert_eq!(outbox.send(Bytes::from(vec![b'x'; 160])), Appended::NeedsFlush);
    settle().await;
    assert_eq!(outbox.send(frame("1")), Appended::Overflow);
    assert_eq!(outbox.send_instead(frame("1")), Appended::Queued);
    wire.allow(1_000).await;
    assert_eq!(wire.text().len(), 161);
}

#[tokio::test]
async fn places_count_what_they_take() {
    let (outbox, _) = outbox(10_000);
    let queued = (0..1_000).take_while(|_| outbox.append_volatile(frame("x")) != Appended::Overflow).count();
    let taken = outbox.lock().queue.capacity() * PLACE_BYTES;
    assert!(queued < 1_000 && taken + queued + 1 > 10_000, "{queued} in {taken} bytes");
    assert!(taken <= 2 * 10_000, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_too_slow_if_its_socket_takes_nothing_for_a_second() {
    let (outbox, wire) = outbox(10);
    let is_too_slow = || !outbox.flusher.too_slow().is_empty();
    outbox.send(frame("more than the limit"));
    settle().await;
    for _ in 0..5 {
        tokio::time::sleep(STALL_TIMEOUT * 9 / 10).await;
        assert!(!is_too_slow());
        wire.allow(1).await;
    }
    tokio::time::sleep(STALL_TIMEOUT * 9 / 10).await;
    assert!(!is_too_slow());
    tokio::time::sleep(STALL_TIMEOUT / 5).await;
    assert!(is_too_slow());
}

#[tokio::test(start_paused = true)]
async fn a_client_within_the_limit_may_read_nothing_for_as_long_as_it_likes() {
    let (outbox, _wire) = outbox(100);
    outbox.send(frame("less than the limit"));
    settle().await;
    tokio::time::sleep(STALL_TIMEOUT * 60).await;
    assert!(outbox.flusher.too_slow().is_empty());
}

/// The system tells of room only when there is much.
#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_something_when_it_is_asked_is_not_too_slow() {
    let (outbox, wire) = outbox(10);
    outbox.send(frame("more than the limit"));
    settle().await;
    tokio::time::sleep(STALL_TIMEOUT * 2).await;
    wire.room.store(4, Ordering::SeqCst);
    assert!(outbox.flusher.too_slow().is_empty());
    assert_eq!(wire.text(), "more");
    tokio::time::sleep(STALL_TIMEOUT / 2).await;
    assert!(outbox.flusher.too_slow().is_empty());
    tokio::time::sleep(STALL_TIMEOUT).await;
    assert_eq!(outbox.flusher.too_slow().len(), 1);
    wire.allow(100).await;
    assert_eq!(wire.text(), "more than the limit");
    assert!(outbox.flusher.too_slow().is_empty());
}

/// Outboxes that share a bound, and what each may write.
fn outboxes(count: usize, bound: usize) -> Vec<(Arc<Outbox>, Arc<Wire>)> {
    let flusher = Arc::new(Flusher::new(bound));
    start(&flusher);
    let one = |_| {
        let wire = Arc::new(Wire::default());
        (Outbox::new(TestSink(wire.clone()), flusher.clone(), FormatId(0), 1_000_000), wire)
    };
    (0..count).map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn together_they_take_the_slowest_clients_that_hold_most_first() {
    const KIB: usize = 1024;
    let all = outboxes(4, 80 * KIB);
    let flusher = all[0].0.flusher.clone();
    let send = |nth: usize, size: usize| all[nth].0.send(Bytes::from(vec![b'x'; size]));
    for (nth, size) in [(0, 10 * KIB), (1, 40 * KIB), (2, 15 * KIB)] {
        assert_eq!(send(nth, size), Appended::NeedsFlush);
    }
    settle().await;
    tokio::time::sleep(STALL_TIMEOUT / 2).await;
    assert!(flusher.too_slow().is_empty());
    // One that began to wait later, and is nearly full.
    assert_eq!(send(3, 14 * KIB), Appended::NeedsFlush);
    settle().await;
    tokio::time::sleep(STALL_TIMEOUT / 2).await;
    let slow = flusher.too_slow();
    assert!(slow.len() == 1 && Arc::ptr_eq(&slow[0], &all[1].0), "the one that holds most");
    // Until it is gone, what goes to those that are blocked is dropped; who reads gets all.
    assert_eq!(send(0, 10 * KIB), Appended::OutboxesFull);
    all[3].1.allow(1_000_000).await;
    assert_eq!(send(3, 100 * KIB), Appended::NeedsFlush);
    settle().await;
    assert_eq!(all[3].1.text().len(), 114 * KIB);
    all[1].0.close();
    assert_eq!(send(0, 10 * KIB), Appended::Queued);
    assert!(flusher.too_slow().is_empty());
}

#[tokio::test]
async fn what_is_written_closed_or_forgotten_counts_no_more() {
    let all = outboxes(3, 100_000);
    let flusher = all[0].0.flusher.clone();
    for (outbox, _) in &all {
        for _ in 0..100 {
            outbox.send(frame("x"));
        }
    }
    settle().await;
    let held = || flusher.backlog.held();
    assert!(held() >= 3 * 100 * PLACE_BYTES, "{}", held());
    all[0].1.allow(1_000).await;
    all[1].0.close();
    assert!(held() >= 100 * PLACE_BYTES && held() < 2 * 100 * PLACE_BYTES, "{}", held());
    all[2].1.waiting.lock().unwrap().take();
    drop(all);
    assert_eq!(held(), 0);
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
    tokio::time::sleep(LINGER_TIMEOUT * 2).await;
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
    tokio::time::sleep(LINGER_TIMEOUT * 2).await;
    assert!(!wire.closed.load(Ordering::SeqCst));
    start(&flusher);
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
    tokio::time::sleep(LINGER_TIMEOUT / 2).await;
    wire.allow(1).await;
    tokio::time::sleep(LINGER_TIMEOUT * 3 / 4).await;
    assert_eq!(wire.text(), "las");
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_flusher_that_ends_closes_what_it_had_still_to_write() {
    let (wire, flusher) = (Arc::new(Wire::default()), Arc::new(Flusher::default()));
    let outbox = Outbox::new(TestSink(wire.clone()), flusher.clone(), FormatId(0), 100);
    let tasks = start(&flusher);
    settle().await;
    outbox.cut(frame("kick"));
    tasks.end();
    flusher.end();
    settle().await;
    assert!(wire.closed.load(Ordering::SeqCst));
    let (wire, late) = (Arc::new(Wire::default()), frame("late"));
    Outbox::new(TestSink(wire.clone()), flusher, FormatId(0), 100).send(late);
    assert!(wire.closed.load(Ordering::SeqCst), "nobody would write it");
}

/// A sink that panics so many times before it writes.
struct Cursed(Arc<Wire>, AtomicUsize);

impl Sink for Cursed {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let panics = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(panics.is_err(), "a sink panics");
        TestSink(self.0.clone()).try_write(frames)
    }

    fn wait_writable(&self, outbox: Arc<Outbox>) {
        TestSink(self.0.clone()).wait_writable(outbox);
    }

    fn close(&self) {
        TestSink(self.0.clone()).close();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_costs_no_frame_of_its_own_and_none_of_the_others() {
    let flusher = Arc::new(Flusher::default());
    let tasks = start(&flusher);
    let wires: Vec<_> = (0..3).map(|_| Arc::new(Wire::default())).collect();
    let mut outboxes: Vec<_> = wires
        .iter()
        .zip([0, 1, 0])
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(wire, panics)| {
            wire.room.store(100, Ordering::SeqCst);
            Outbox::new(Cursed(wire.clone(), AtomicUsize::new(panics)), flusher.clone(), FormatId(0), 100)
        })
        .collect();
    assert!(outboxes.iter().all(|outbox| outbox.append(frame("news")) == Appended::NeedsFlush));
    let all = outboxes.clone();
    flusher.mark_all(&mut outboxes);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(wires.iter().all(|wire| wire.text() == "news"));
    // And it is told only once.
    assert_eq!(wires.iter().map(|wire| wire.writes.load(Ordering::SeqCst)).sum::<usize>(), 3);
    assert!(tasks.trip("flusher") > 0);
    assert!(all.iter().all(|outbox| outbox.send(frame("!")) == Appended::NeedsFlush));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(wires.iter().all(|wire| wire.text() == "news!"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_sink_always_panics_is_closed_and_the_others_go_on() {
    let flusher = Arc::new(Flusher::default());
    let _tasks = start(&flusher);
    let [cursed, fine] = [usize::MAX, 0].map(|panics| {
        let wire = Arc::new(Wire::default());
        wire.room.store(100, Ordering::SeqCst);
        let sink = Cursed(wire.clone(), AtomicUsize::new(panics));
        (Outbox::new(sink, flusher.clone(), FormatId(0), 100), wire)
    });
    cursed.0.send(frame("news"));
    fine.0.send(frame("news"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(cursed.1.closed.load(Ordering::SeqCst) && !fine.1.closed.load(Ordering::SeqCst));
    assert_eq!((cursed.1.text(), fine.1.text()), (String::new(), "news".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_last_second_of_a_blocked_connection_may_begin_in_a_thread_without_a_runtime() {
    let (outbox, wire) = outbox(100);
    outbox.send(frame("news"));
    settle().await;
    let kicking = outbox.clone();
    std::thread::spawn(move || kicking.cut(frame("kick"))).join().unwrap();
    assert!(!wire.closed.load(Ordering::SeqCst));
    tokio::time::sleep(LINGER_TIMEOUT * 2).await;
    assert!(wire.closed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_burst_does_not_stay_as_memory() {
    const BURST_BYTES: usize = 1024 * 1024;
    let (outbox, wire) = outbox(BURST_BYTES * 2);
    let frame = Bytes::from_static(&[b'x'; 64]);
    (0..BURST_BYTES / frame.len()).for_each(|_| assert_ne!(outbox.send(frame.clone()), Appended::Overflow));
    let capacity = || outbox.lock().queue.capacity();
    // However slowly it leaves.
    for _ in 0..4 {
        wire.allow(BURST_BYTES / 4 - 1).await;
        assert!(outbox.queued_bytes() > 0 && capacity() > KEEP_CAPACITY);
    }
    wire.allow(BURST_BYTES).await;
    assert_eq!(outbox.queued_bytes(), 0);
    assert!(capacity() * PLACE_BYTES <= 512, "{} places are kept", capacity());
}

#[tokio::test]
async fn memory_for_a_queue_stays_only_as_long_as_it_is_needed() {
    let (outbox, wire) = outbox(10_000);
    wire.room.store(1000, Ordering::SeqCst);
    let keeps = || outbox.lock().queue.spilled();
    outbox.send(frame("one"));
    settle().await;
    assert!(!keeps());
    for _ in 0..BURST_CAPACITY {
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
