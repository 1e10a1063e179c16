//! The outbound task: publishes what the endpoint has to say.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::Engine;

/// The longest message: longer ones keep others waiting, and the client holds up to sixty-four of them.
const MAX_MESSAGE_BYTES: usize = 256 << 10;

/// Starts the task.
pub(super) fn start(engine: &Arc<Engine>) {
    let weak = Arc::downgrade(engine);
    engine.tasks.spawn("NATS outbound", move || {
        let weak = weak.clone();
        async move {
            let Some(engine) = weak.upgrade() else { return };
            run(&engine).await;
        }
    });
}

async fn run(engine: &Engine) {
    loop {
        while publish_next(engine).await {}
        engine.drained.notify_waiters();
        engine.outbound.notified().await;
        // What others have to say to the same server now leaves in the same message.
        ready_tasks().await;
    }
}

/// Publishes the next message, if there is one.
async fn publish_next(engine: &Engine) -> bool {
    let limit = engine.client.max_payload().min(MAX_MESSAGE_BYTES);
    let Some(outbound) = engine.lock().transmit(limit) else { return false };
    let bytes = outbound.payload.len();
    let to = outbound.subject.clone();
    // It waits while the client has more than it can write. What can't be published is missing in its link, which breaks by that.
    if let Err(error) = engine.client.publish(outbound.subject, outbound.payload).await
        && let Some(left_out) = engine.complaints.admit(to.as_str())
    {
        tracing::warn!(server = %engine.id, %to, %error, bytes, left_out, "a message can't be published");
    }
    true
}

/// Lets the tasks run that are ready now. A runtime runs a task that was just woken before those that have waited for longer, so without
/// this each envelope of a burst is a message of its own.
async fn ready_tasks() {
    let mut was_queued = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut was_queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
