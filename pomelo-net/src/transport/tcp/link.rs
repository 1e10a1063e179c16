//! A link that is up: two tasks, one that reads and hands over, one that writes what is queued.
//!
//! ```text
//!  LinkSender::send ─▶ Queue ─▶ writer: takes all, one vectored write, after `interval` if there is one
//!                                 └ nothing to send for `keepalive`: Ping
//!  socket ─▶ reader: frames ─▶ LinkEvents::receive, in order
//!                                 └ nothing for `dead_after`: the link ends
//! ```
//!
//! Either task ends the other. How the link ended decides what the peer counts as: a goodbye says that its
//! process is over, everything else that it may be back.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use pomelo_core::cluster::LinkEvents;
use pomelo_core::outbox::turn;
use pomelo_core::value::Incarnation;
use pomelo_core::wire::envelope::Envelope;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::greet::Connection;
use super::options::TcpOptions;
use super::peer::Peer;
use super::queue::{Batch, Queue};
use super::wire::{self, Control, Frame};
use crate::link::liveness::{Heard, Hearing, Speaking};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// How long an ending link may take to write what is queued, and the other side to read it.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The other side said that this incarnation of it is over.
    Goodbye(Incarnation),
    /// Nothing came for too long.
    Silence,
    /// This side closed it.
    Closed,
    /// The connection failed, or the other side closed it without a word.
    Broken,
}

/// Serves a link until it ends; returns how, and how many envelopes were queued and not sent.
pub(super) async fn run(
    link_events: Arc<dyn LinkEvents>,
    peer: Arc<Peer>,
    queue: Arc<Queue>,
    connection: Connection,
    options: Arc<TcpOptions>,
) -> (End, usize) {
    let Connection { stream, input } = connection;
    let (mut read, write) = stream.into_split();
    let writer = tokio::spawn(write_to_end(queue.clone(), write, options.clone()));
    let _writing = AbortOnDrop(writer.abort_handle());
    let reader = Reader { link_events, peer, queue: queue.clone(), options };
    let end = reader.run(&mut read, input).await;
    queue.close();
    let ended = async {
        // Why it failed is how the link ended.
        let _ = writer.await;
        if end == End::Closed {
            tokio::select! {
                () = heard_out(&mut read) => {}
                () = queue.abandoned() => {}
            }
        }
    };
    if end != End::Silence {
        // Who doesn't take its last words in time is not waited for.
        let _ = timeout(LINGER_TIMEOUT, ended).await;
    }
    (end, queue.abandon())
}

/// A task that ends with who started it, however that ends.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A queue that is closed with its writer, however that ends: a link without one takes nothing.
struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits until the other side has read to the end, and so closed too: what comes after the last word of a link, such as
/// a master's news that this server is gone, must not overtake that.
async fn heard_out(read: &mut OwnedReadHalf) {
    let mut rest = [0; 1 << 10];
    while read.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
}

struct Reader {
    /// Takes envelopes in.
    link_events: Arc<dyn LinkEvents>,
    /// Whose link it is.
    peer: Arc<Peer>,
    /// For answers about the link itself.
    queue: Arc<Queue>,
    /// How long silence may last, and how long a frame may be.
    options: Arc<TcpOptions>,
}

impl Reader {
    async fn run(&self, read: &mut OwnedReadHalf, mut input: BytesMut) -> End {
        let mut hearing = Hearing::new(self.options.dead_after, Instant::now().into_std());
        loop {
            if let Some(end) = self.hand_over(&mut input).await {
                return end;
            }
            input.reserve(READ_BYTES);
            hearing.heard(Instant::now().into_std());
            let silent_at = Instant::from_std(hearing.silent_at());
            let bytes = tokio::select! {
                bytes = timeout_at(silent_at, read.read_buf(&mut input)) => bytes,
                () = self.queue.closed() => return End::Closed,
            };
            match bytes {
                // Clients must not hear what was meant for sessions that count as gone.
                Ok(Ok(_)) if hearing.judge(Instant::now().into_std()) == Heard::TooLate => {
                    return End::Broken;
                }
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return End::Broken,
                Err(_) => return End::Silence,
            }
        }
    }

    /// Hands over all that has come, and lets others have their turn where that makes much work; says how the link ended if
    /// that is among it.
    async fn hand_over(&self, input: &mut BytesMut) -> Option<End> {
        loop {
            match wire::take(input, self.options.max_frame) {
                Ok(None) => return None,
                Ok(Some(Frame::Envelope(bytes))) => match Envelope::decode(bytes) {
                    Ok(envelope) => {
                        self.link_events.receive(&self.peer.id, envelope);
                        if turn::is_over() {
                            yield_now().await;
                        }
                    }
                    Err(error) => return Some(self.wrong(&error)),
                },
                Ok(Some(Frame::Control(control))) => {
                    if let Some(end) = self.control(control) {
                        return Some(end);
                    }
                }
                Err(error) => return Some(self.wrong(&error)),
            }
        }
    }

    fn control(&self, control: Control) -> Option<End> {
        match control {
            Control::Ping => None,
            Control::Ask => {
                self.queue.say_first(&Control::Here);
                None
            }
            Control::Here => {
                self.queue.heard();
                None
            }
            Control::Changed { member } => {
                self.link_events.changed(member);
                None
            }
            Control::Goodbye { incarnation } => Some(End::Goodbye(incarnation)),
            Control::Refused(refusal) => {
                tracing::warn!(peer = %self.peer.id, "the link is refused: {refusal}");
                if let Some(refused) = refusal.for_server() {
                    self.link_events.refused(&self.peer.id, refused);
                }
                Some(End::Broken)
            }
            other => {
                tracing::warn!(peer = %self.peer.id, ?other, "this doesn't belong here");
                Some(End::Broken)
            }
        }
    }

    fn wrong(&self, error: &(dyn std::error::Error + 'static)) -> End {
        tracing::error!(peer = %self.peer.id, error, "the link is closed for what came");
        End::Broken
    }
}

/// Writes until the queue is closed and empty, or writing fails in any way; the queue is closed then.
async fn write_to_end(
    queue: Arc<Queue>,
    write: impl AsyncWrite + Unpin,
    options: Arc<TcpOptions>,
) -> io::Result<()> {
    let closing = CloseOnDrop(queue);
    write_all(closing.0.clone(), write, options).await
}

/// Writes what is queued until the queue is closed and empty; says that it is there when there is nothing to write.
async fn write_all(
    queue: Arc<Queue>,
    mut write: impl AsyncWrite + Unpin,
    options: Arc<TcpOptions>,
) -> io::Result<()> {
    let mut batch = Batch::default();
    let has_one_worker = Handle::current().metrics().num_workers() == 1;
    let mut was_burst = false;
    loop {
        queue.take(&mut batch);
        if batch.is_empty() {
            if queue.is_closed() {
                return write.shutdown().await;
            }
            let speaking = Speaking::new(options.keepalive, Instant::now().into_std());
            if timeout_at(Instant::from_std(speaking.beat_at()), queue.ready()).await.is_err() {
                queue.say(&Control::Ping);
            } else {
                if has_one_worker || was_burst {
                    ready_tasks().await;
                }
                collect(&queue, options.interval).await;
            }
            continue;
        }
        was_burst = batch.envelopes() > 1;
        write_batch(&mut write, &mut batch).await?;
        collect(&queue, options.interval).await;
    }
}

/// Lets the tasks run that are ready now: what they send leaves in the same write.
///
/// The runtime runs a task that was just woken before those that have waited for longer, so without this each message of a
/// burst has a write of its own. On one worker it costs nothing where no other task is ready; of several, another one may be
/// woken for it. [`tokio::task::yield_now`] would also ask the system for more that is ready: a system call.
async fn ready_tasks() {
    let mut queued = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Lets more be queued before the next write; not on a link that ends.
async fn collect(queue: &Queue, interval: Duration) {
    if !interval.is_zero() && !queue.is_closed() {
        sleep(interval).await;
    }
}

async fn write_batch(write: &mut (impl AsyncWrite + Unpin), batch: &mut Batch) -> io::Result<()> {
    while !batch.is_empty() {
        let written = {
            let (slices, count) = batch.slices();
            write.write_vectored(&slices[..count]).await?
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        batch.advance(written);
    }
    Ok(())
}

#[cfg(test)]
mod writer_tests {
    use std::io::IoSlice;
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::Context;

    use bytes::Bytes;
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;

    /// What was written, one entry a write, and when.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<(Instant, usize)>>>);

    impl Writes {
        fn all(&self) -> Vec<(Instant, usize)> {
            self.0.lock().unwrap().clone()
        }
    }

    impl AsyncWrite for Writes {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().push((Instant::now(), bytes.len()));
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.poll_write(cx, &all)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A call of method 0 without arguments, as it is on the wire.
    fn call() -> Envelope {
        Envelope::decode(Bytes::from([&[1][..], &[0; 20], &[0x90]].concat())).unwrap()
    }

    fn writer(interval: Duration) -> (Arc<Queue>, Writes, JoinHandle<io::Result<()>>) {
        let mut options = TcpOptions::default();
        (options.interval, options.keepalive) = (interval, Duration::from_secs(3600));
        let (queue, writes) = (Arc::new(Queue::new(1 << 20, 1 << 20)), Writes::default());
        let task = tokio::spawn(write_to_end(queue.clone(), writes.clone(), Arc::new(options)));
        (queue, writes, task)
    }

    /// Queues 100 calls, each once the writer has seen the one before.
    async fn send_100(queue: &Queue) {
        for _ in 0..100 {
            queue.send(&call()).unwrap();
            tokio::task::yield_now().await;
        }
    }

    async fn end(queue: &Queue, writes: &Writes, task: JoinHandle<io::Result<()>>) -> usize {
        queue.close();
        task.await.unwrap().unwrap();
        let bytes: usize = writes.all().iter().map(|(_, length)| length).sum();
        assert_eq!(bytes, 100 * (5 + 22), "something was not written");
        writes.all().len()
    }

    #[tokio::test(start_paused = true)]
    async fn with_an_interval_100_calls_leave_in_few_writes() {
        let (queue, writes, task) = writer(Duration::from_millis(30));
        send_100(&queue).await;
        sleep(Duration::from_millis(100)).await;
        assert!(end(&queue, &writes, task).await <= 3);
    }

    #[tokio::test(start_paused = true)]
    async fn with_an_interval_no_two_writes_come_closer_than_that() {
        let interval = Duration::from_millis(30);
        let (queue, writes, task) = writer(interval);
        for _ in 0..100 {
            queue.send(&call()).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        sleep(interval).await;
        let seen = writes.all();
        assert!(seen.len() >= 2 && seen.windows(2).all(|pair| pair[1].0 - pair[0].0 >= interval), "{seen:?}");
        end(&queue, &writes, task).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_tasks_send_that_are_ready_together_leaves_in_one_write() {
        let (queue, writes, task) = writer(Duration::ZERO);
        let sending = queue.clone();
        let burst = async move {
            let senders = (0..100).map(|_| {
                let queue = sending.clone();
                tokio::spawn(async move { queue.send(&call()).unwrap() })
            });
            // All are ready before the first of them runs: there is one worker, and this task is on it.
            for sender in senders.collect::<Vec<_>>() {
                sender.await.unwrap();
            }
        };
        tokio::spawn(burst).await.unwrap();
        assert_eq!(end(&queue, &writes, task).await, 1);
    }

    /// A socket that panics.
    struct Broken;

    impl AsyncWrite for Broken {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            panic!("as it must");
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_whose_writer_panics_is_closed() {
        let queue = Arc::new(Queue::new(1 << 20, 1 << 20));
        let writer = tokio::spawn(write_to_end(queue.clone(), Broken, Arc::default()));
        queue.send(&call()).unwrap();
        timeout(Duration::from_secs(3600), queue.closed())
            .await
            .expect("it takes more, and writes none of it");
        assert!(writer.await.unwrap_err().is_panic());
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_interval_nothing_is_delayed() {
        let (queue, writes, task) = writer(Duration::ZERO);
        let began = Instant::now();
        send_100(&queue).await;
        // The clock stands still unless everything waits for it.
        assert!(writes.all().iter().all(|(at, _)| *at == began));
        assert_eq!(end(&queue, &writes, task).await, 100);
    }
}

#[cfg(test)]
mod reader_tests {
    use std::io::Write;
    use std::sync::Mutex;

    use pomelo_core::cluster::{Member, Superseded};
    use pomelo_core::value::ServerId;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// Counts how often the other side says that something changed.
    #[derive(Default)]
    struct Count(Mutex<usize>);

    impl LinkEvents for Count {
        fn receive(&self, _: &ServerId, _: Envelope) {}

        fn greeting(&self, _: &Member) -> Envelope {
            unreachable!("the link is made")
        }

        fn joined(&self, _: Member) -> Result<(), Superseded> {
            unreachable!("the link is made")
        }

        fn changed(&self, _: Member) {
            *self.0.lock().unwrap() += 1;
        }

        fn unlinked(&self, _: &ServerId, _: usize) {}

        fn left(&self, _: &ServerId, _: Incarnation) {}
    }

    /// A link, and the other side of its connection.
    struct Link {
        running: JoinHandle<(End, usize)>,
        queue: Arc<Queue>,
        link_events: Arc<Count>,
        far: std::net::TcpStream,
    }

    impl Link {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let (link_events, queue) = (Arc::new(Count::default()), Arc::new(Queue::new(1 << 20, 1 << 20)));
            let peer = Arc::new(Peer::new(member().info, true));
            let connection = Connection::new(stream);
            let running = run(link_events.clone(), peer, queue.clone(), connection, Arc::default());
            Self { running: tokio::spawn(running), queue, link_events, far }
        }
    }

    fn member() -> Member {
        let incarnation = Incarnation::begin("chat-1");
        serde_json::from_value(serde_json::json!({
            "info": { "id": "chat-1" }, "incarnation": incarnation, "methods": {}, "encodings": []
        }))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_is_closed_ends_when_the_other_side_has_read_to_the_end() {
        let Link { running, queue, far, .. } = Link::start().await;
        queue.say(&Control::Ping);
        queue.close();
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished());
        drop(far);
        assert_eq!(running.await.unwrap(), (End::Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_whether_it_is_there_says_so_ahead_of_all_that_waits() {
        let Link { running, queue, mut far, .. } = Link::start().await;
        let mut frame = BytesMut::new();
        wire::put_control(&mut frame, &Control::Ask);
        far.write_all(&frame).unwrap();
        let far = std::thread::spawn(move || {
            let mut first = BytesMut::new();
            loop {
                let mut bytes = [0; 64];
                let length = std::io::Read::read(&mut far, &mut bytes).unwrap();
                assert_ne!(length, 0, "it says nothing");
                first.extend_from_slice(&bytes[..length]);
                if let Some(frame) = wire::take(&mut first, 1 << 10).unwrap() {
                    return format!("{frame:?}");
                }
            }
        });
        while !far.is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(far.join().unwrap(), "Control(Here)");
        queue.close();
        running.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_while_the_process_was_suspended_is_not_handed_over() {
        let Link { running, link_events, mut far, .. } = Link::start().await;
        let mut frame = BytesMut::new();
        wire::put_control(&mut frame, &Control::Changed { member: member() });

        far.write_all(&frame).unwrap();
        while *link_events.0.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        // As after a suspension, the data and the time are there at once.
        far.write_all(&frame).unwrap();
        tokio::time::advance(TcpOptions::default().dead_after * 2).await;
        let (end, _) = running.await.unwrap();
        assert_eq!((end, *link_events.0.lock().unwrap()), (End::Broken, 1));
    }
}
