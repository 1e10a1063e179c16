//! The deadlines of all connections of a connector, at the price of one timer.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

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
    started: Instant,
    resolution: Duration,
    /// How many ticks ahead of the last turn an alarm may lie; one less than there are slots.
    reach: u64,
    ring: Mutex<Ring>,
}

struct Ring {
    slots: Box<[Vec<Arc<Alarm>>]>,
    /// The last tick that was turned.
    turned: u64,
}

impl Wheel {
    /// A wheel for deadlines that lie at least `shortest` ahead, turned by a task that ends when the wheel is dropped.
    ///
    /// An alarm rings up to a sixteenth of that late (an eighth of a heartbeat, by default), at most half a second, and
    /// never early.
    pub(super) fn spawn(shortest: Duration) -> Arc<Self> {
        let wheel = Arc::new(Self::new(shortest));
        let (weak, resolution) = (Arc::downgrade(&wheel), wheel.resolution);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(resolution);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                match weak.upgrade() {
                    Some(wheel) => wheel.turn(Instant::now()),
                    None => return,
                }
            }
        });
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
            let mut later = Vec::new();
            for alarm in alarms {
                if let Visit::Later(tick) = alarm.visit(now) {
                    later.push((alarm, tick));
                }
            }
            let mut ring = self.ring();
            for (alarm, tick) in later {
                ring.put(alarm, tick, self.reach);
            }
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn alarm_at(wheel: &Wheel, after: Duration) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm::new());
        wheel.set(&alarm, Instant::now() + after);
        alarm
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_never_early_and_hardly_late() {
        let wheel = Wheel::spawn(SECOND);
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
        let wheel = Wheel::spawn(SECOND);
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
        let wheel = Wheel::spawn(SECOND);
        let alarm = alarm_at(&wheel, SECOND * 60);
        tokio::time::sleep(SECOND / 3).await;
        wheel.set(&alarm, Instant::now() + SECOND);
        tokio::time::sleep(SECOND + wheel.resolution * 2).await;
        assert!(alarm.has_rung());
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_rang_can_be_set_again() {
        let wheel = Wheel::spawn(SECOND);
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
        let wheel = Wheel::spawn(SECOND);
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
}
