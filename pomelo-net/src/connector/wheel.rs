//! Wheel: the deadlines of all connections of a connector, at the price of one timer.
//!
//! ```text
//!  tick   41   42   43   44 …          an alarm set for tick 44 lies in slot 44 mod n
//!  slots  [ ]  [a]  [ ]  [b, c] …      heartbeats move b's deadline: one store; the wheel looks again at 44
//! ```

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use pomelo_core::runtime::Supervisor;
use tokio::time::{Instant, MissedTickBehavior};

use super::alarm::{Alarm, Visit};

/// A finer wheel would wake up more often than heartbeats are worth.
const FINEST: Duration = Duration::from_millis(50);
/// A coarser one would let a dead client stay noticeably longer than was asked for.
const COARSEST: Duration = Duration::from_millis(500);

/// A timing wheel: a ring of slots, one per tick, turned by one task.
///
/// An alarm stays where it is when its deadline moves away, so moving it costs one atomic store. In return none is set
/// for less than `shortest`, and each is looked at at least that often.
pub(super) struct Wheel {
    /// When tick 0 was.
    started: Instant,
    /// How long a tick is.
    resolution: Duration,
    /// How many ticks ahead of the last turn an alarm may lie; one less than there are slots.
    reach: u64,
    ring: Mutex<Ring>,
}

struct Ring {
    /// The alarms by their tick, modulo the number of slots.
    slots: Box<[Vec<Arc<Alarm>>]>,
    /// The last tick that was turned.
    turned: u64,
}

impl Wheel {
    /// A wheel for deadlines that lie at least `shortest` ahead, turned by a task that ends when the wheel is dropped.
    ///
    /// An alarm rings up to a sixteenth of that late (an eighth of a heartbeat, by default), at most half a second, and
    /// never early.
    pub(super) fn spawn(tasks: &Supervisor, shortest: Duration) -> Arc<Self> {
        let wheel = Arc::new(Self::new(shortest));
        let last = LastTurn(Arc::downgrade(&wheel));
        tasks.spawn("wheel", move || turn(last.0.clone()));
        wheel
    }

    fn new(shortest: Duration) -> Self {
        let resolution = (shortest / 16).clamp(FINEST, COARSEST);
        let reach = (shortest.as_nanos() / resolution.as_nanos()).clamp(1, 4096) as u64;
        let slots = (0..=reach).map(|_| Vec::new()).collect();
        Self { started: Instant::now(), resolution, reach, ring: Mutex::new(Ring { slots, turned: 0 }) }
    }

    /// Makes the alarm ring at `deadline`, and no longer at the one it was set to.
    pub(super) fn set(&self, alarm: &Arc<Alarm>, deadline: Instant) {
        let after = deadline.saturating_duration_since(self.started);
        let tick = after.as_nanos().div_ceil(self.resolution.as_nanos()) as u64;
        if alarm.set(tick) {
            self.ring().put(alarm.clone(), tick, self.reach);
        }
    }

    /// Rings what is due by `now`.
    fn turn(&self, now: Instant) {
        let now =
            (now.saturating_duration_since(self.started).as_nanos() / self.resolution.as_nanos()) as u64;
        loop {
            let next = self.ring().next(now);
            let Some(alarms) = next else { return };
            let mut slot = Slot { wheel: self, alarms: alarms.into_iter(), later: Vec::new() };
            for alarm in slot.alarms.by_ref() {
                if let Visit::Later(tick) = alarm.visit(now) {
                    slot.later.push((alarm, tick));
                }
            }
        }
    }

    /// Rings all alarms, due or not.
    fn ring_all(&self) {
        let slots: Vec<_> = self.ring().slots.iter_mut().map(std::mem::take).collect();
        for alarm in slots.iter().flatten() {
            alarm.ring();
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The alarms of a slot that is being turned. Those that aren't done return to the wheel, also if the turn is cut off.
struct Slot<'a> {
    wheel: &'a Wheel,
    /// Not looked at yet.
    alarms: std::vec::IntoIter<Arc<Alarm>>,
    later: Vec<(Arc<Alarm>, u64)>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut ring = self.wheel.ring();
        for (alarm, tick) in self.later.drain(..) {
            ring.put(alarm, tick, self.wheel.reach);
        }
        for alarm in self.alarms.by_ref() {
            ring.put(alarm, 0, self.wheel.reach);
        }
    }
}

/// Rings all alarms when the task is gone, since nobody turns the wheel any more: connections of a server that has ended don't
/// wait for a deadline that never comes.
struct LastTurn(Weak<Wheel>);

impl Drop for LastTurn {
    fn drop(&mut self) {
        if let Some(wheel) = self.0.upgrade() {
            wheel.ring_all();
        }
    }
}

/// Turns a wheel until that is dropped.
async fn turn(wheel: Weak<Wheel>) {
    let Some(resolution) = wheel.upgrade().map(|wheel| wheel.resolution) else { return };
    let mut ticks = tokio::time::interval(resolution);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match wheel.upgrade() {
            Some(wheel) => wheel.turn(Instant::now()),
            None => return,
        }
    }
}

impl Ring {
    fn put(&mut self, alarm: Arc<Alarm>, tick: u64, reach: u64) {
        let tick = tick.clamp(self.turned + 1, self.turned + reach);
        self.slot(tick).push(alarm);
    }

    /// The next slot to be turned, if `now` has come to it.
    fn next(&mut self, now: u64) -> Option<Vec<Arc<Alarm>>> {
        if self.turned >= now {
            return None;
        }
        self.turned += 1;
        let tick = self.turned;
        Some(std::mem::take(self.slot(tick)))
    }

    fn slot(&mut self, tick: u64) -> &mut Vec<Arc<Alarm>> {
        let count = self.slots.len() as u64;
        &mut self.slots[(tick % count) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::{Wake, Waker};

    use tokio::runtime::Handle;

    use super::*;

    fn tasks() -> Supervisor {
        Supervisor::new(Handle::current(), "connector-1", |_| {})
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn alarm_at(wheel: &Wheel, after: Duration) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm::new());
        wheel.set(&alarm, Instant::now() + after);
        alarm
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_never_early_and_hardly_late() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        tokio::time::sleep(Duration::from_millis(77)).await;
        for after in [SECOND, SECOND * 3, SECOND * 100] {
            let alarm = alarm_at(&wheel, after);
            tokio::time::sleep(after - Duration::from_millis(1)).await;
            assert!(!alarm.has_rung(), "{after:?}");
            tokio::time::sleep(wheel.resolution + Duration::from_millis(2)).await;
            assert!(alarm.has_rung(), "{after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_is_set_again_in_time_never_rings() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let alarm = alarm_at(&wheel, SECOND);
        for _ in 0..100 {
            tokio::time::sleep(SECOND * 9 / 10).await;
            assert!(!alarm.has_rung());
            wheel.set(&alarm, Instant::now() + SECOND);
        }
        assert_eq!(Arc::strong_count(&alarm), 2, "it is in the wheel once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_come_nearer_down_to_the_shortest() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let alarm = alarm_at(&wheel, SECOND * 60);
        tokio::time::sleep(SECOND / 3).await;
        wheel.set(&alarm, Instant::now() + SECOND);
        tokio::time::sleep(SECOND + wheel.resolution * 2).await;
        assert!(alarm.has_rung());
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_rang_can_be_set_again() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let alarm = alarm_at(&wheel, SECOND);
        tokio::time::sleep(SECOND * 2).await;
        assert!(alarm.has_rung());
        wheel.set(&alarm, Instant::now() + SECOND);
        assert!(!alarm.has_rung());
        tokio::time::sleep(SECOND * 2).await;
        assert!(alarm.has_rung());
    }

    #[tokio::test(start_paused = true)]
    async fn the_wheel_forgets_what_is_off() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let alarm = alarm_at(&wheel, SECOND);
        alarm.off();
        tokio::time::sleep(SECOND * 2).await;
        assert!(!alarm.has_rung());
        assert_eq!(Arc::strong_count(&alarm), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wheel_that_stood_still_rings_all_that_came_due() {
        let wheel = Wheel::new(SECOND);
        let alarms: Vec<_> = (1..=50).map(|n| alarm_at(&wheel, SECOND * n)).collect();
        wheel.turn(Instant::now() + SECOND * 50);
        assert!(alarms.iter().all(|alarm| alarm.has_rung()));
    }

    #[tokio::test(start_paused = true)]
    async fn all_alarms_ring_when_nobody_turns_the_wheel_any_more() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let (alarm, off) = (alarm_at(&wheel, SECOND * 60), alarm_at(&wheel, SECOND));
        off.off();
        tokio::time::sleep(SECOND * 2).await;
        assert!(!alarm.has_rung());
        tasks.end();
        tokio::time::sleep(SECOND).await;
        assert!(alarm.has_rung() && !off.has_rung());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wheel_whose_task_panics_rings_all_that_it_held() {
        let tasks = tasks();
        let wheel = Wheel::spawn(&tasks, SECOND);
        let alarms: Vec<_> = (1..=50).map(|n| alarm_at(&wheel, SECOND * n / 10)).collect();
        for _ in 0..5 {
            tokio::time::sleep(SECOND).await;
            assert_eq!(tasks.trip("wheel"), 1);
        }
        tokio::time::sleep(SECOND * 3).await;
        assert!(alarms.iter().all(|alarm| alarm.has_rung()));
    }

    /// A task that can't even be woken.
    struct Cursed;

    impl Wake for Cursed {
        fn wake(self: Arc<Self>) {
            panic!("a waker panics");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_panics_costs_the_others_of_its_slot_nothing() {
        let wheel = Wheel::new(SECOND);
        let (before, cursed) = (alarm_at(&wheel, SECOND), alarm_at(&wheel, SECOND));
        let (after, later) = (alarm_at(&wheel, SECOND), alarm_at(&wheel, SECOND));
        wheel.set(&later, Instant::now() + SECOND * 9);
        cursed.register(&Waker::from(Arc::new(Cursed)));
        let turn = |seconds| catch_unwind(AssertUnwindSafe(|| wheel.turn(Instant::now() + SECOND * seconds)));
        assert!(turn(2).is_err());
        assert!(turn(3).is_ok());
        assert!(before.has_rung() && after.has_rung() && !later.has_rung());
        assert!(turn(10).is_ok() && later.has_rung());
    }
}
