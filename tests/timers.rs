//! Timers of a server, on a clock that the tests move: when they run, what they are told, and when they end.

#[path = "support/log.rs"]
mod log;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::Log;
use pomelo::app::{Builder, Tick, Timer};
use pomelo::testing::{Servers, start};
use pomelo::{Component, Error, Result, remote, to};
use support::until;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

pomelo::servers! {
    /// Has timers.
    area: { remotes: [AreaRemote] },
}

const SECOND: Duration = Duration::from_secs(1);

struct AreaRemote;

#[remote]
impl AreaRemote {
    pub async fn threads() -> Result<String> {
        Ok(format!("{:?}", std::thread::current().id()))
    }
}

fn area() -> Builder<Rpc> {
    App::builder().servers(r#"{ "area": [{ "id": "area-1" }] }"#)
}

async fn started() -> Servers<Rpc> {
    start(area()).await.unwrap()
}

/// When runs began, in milliseconds since the test began.
#[derive(Clone)]
struct Times(Instant, Arc<Mutex<Vec<u64>>>);

impl Times {
    fn new() -> Self {
        Self(Instant::now(), Arc::default())
    }

    fn note(&self) {
        self.1.lock().unwrap().push(self.0.elapsed().as_millis() as u64);
    }

    fn noted(&self) -> Vec<u64> {
        self.1.lock().unwrap().clone()
    }
}

/// A timer that notes when it runs.
fn noting(app: &App, interval: Duration) -> (Times, Timer) {
    let times = Times::new();
    let noted = times.clone();
    let timer = app.every(interval, move |_| {
        noted.note();
        async { Ok(()) }
    });
    (times, timer)
}

#[tokio::test(start_paused = true)]
async fn one_runs_at_each_interval_until_it_is_cancelled_and_one_runs_once() {
    let servers = started().await;
    let app = servers.app("area-1");
    let once = Arc::new(AtomicUsize::new(0));
    let counted = once.clone();
    app.after(SECOND * 2, move |app| async move {
        assert_eq!(app.server_id().as_str(), "area-1");
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let never = app.after(SECOND * 3, |_| async { panic!("it was cancelled") });
    let (times, timer) = noting(app, SECOND);
    sleep(SECOND * 5 / 2).await;
    never.cancel();
    assert_eq!((times.noted(), once.load(Ordering::SeqCst)), (vec![1000, 2000], 1));
    timer.cancel();
    sleep(SECOND * 10).await;
    assert_eq!((times.noted(), once.load(Ordering::SeqCst)), (vec![1000, 2000], 1));
    assert_eq!(app.report().panics, 0);
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn runs_never_overlap_and_what_they_miss_is_merged_and_counted() {
    let servers = started().await;
    let ticks = Arc::new(Mutex::new(Vec::<Tick>::new()));
    let noted = ticks.clone();
    servers.app("area-1").tick(SECOND, move |_, tick| {
        noted.lock().unwrap().push(tick);
        // The second run takes three and a half seconds.
        async move {
            sleep(if tick.number == 1 { SECOND * 7 / 2 } else { SECOND / 10 }).await;
            Ok(())
        }
    });
    sleep(SECOND * 13 / 2).await;
    let ticks = ticks.lock().unwrap().clone();
    let told = |tick: &Tick| (tick.number, tick.elapsed.as_secs(), tick.missed, tick.lag.as_secs());
    assert_eq!(ticks.iter().map(told).collect::<Vec<_>>(), [(0, 1, 0, 0), (1, 1, 0, 0), (2, 4, 3, 0)]);
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_error_costs_one_run_and_the_log_names_the_line() {
    let log = Log::start();
    let servers = started().await;
    let app = servers.app("area-1");
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let line = line!() + 1;
    app.every(SECOND, move |_| {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        assert_ne!(run, 0, "the first run");
        async move {
            assert_ne!(run, 1, "the second run");
            if run == 2 { Err(Error::new(500, "the third run")) } else { Ok(()) }
        }
    });
    sleep(SECOND * 9 / 2).await;
    assert_eq!((runs.load(Ordering::SeqCst), app.report().panics), (4, 2));
    for what in ["the first run", "the second run", "the third run"] {
        let place = format!("tests/timers.rs:{line}");
        assert_eq!(log.with(&[what, &place]).len(), 1, "{what}: {}", log.lines().join("\n"));
    }
    servers.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_may_cancel_itself_and_an_interval_of_nothing_is_a_millisecond() {
    let servers = started().await;
    let own = Arc::new(Mutex::new(None::<Timer>));
    let (times, cancelled) = (Times::new(), own.clone());
    let noted = times.clone();
    let timer = servers.app("area-1").every(Duration::ZERO, move |_| {
        noted.note();
        let timer = (noted.noted().len() == 3).then(|| cancelled.lock().unwrap().take()).flatten();
        async move {
            timer.inspect(Timer::cancel);
            Ok(())
        }
    });
    *own.lock().unwrap() = Some(timer);
    sleep(SECOND).await;
    assert_eq!(times.noted(), [1, 2, 3]);
    servers.app("area-1").after(Duration::MAX, |_| async { Ok(()) });
    servers.stop().await;
}

/// A component that says whether it runs.
struct Store(Arc<AtomicUsize>);

impl Component<App> for Store {
    fn name(&self) -> &str {
        "store"
    }

    async fn stop(&self, _: &App) -> Result<()> {
        self.0.store(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_run_that_has_begun_before_components_stop_and_no_other_begins() {
    let stopped = Arc::new(AtomicUsize::new(0));
    let (store, at_hook) = (stopped.clone(), Arc::new(AtomicUsize::new(0)));
    let hook = at_hook.clone();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let builder = area().configure("all", "area", move |app| {
        app.component(Store(store.clone()));
        let (hook, counted) = (hook.clone(), counted.clone());
        app.before_shutdown(move |_| {
            let (hook, counted) = (hook.clone(), counted.clone());
            async move {
                // Timers go on while hooks run.
                let before = counted.load(Ordering::SeqCst);
                until(|| counted.load(Ordering::SeqCst) > before).await;
                hook.store(counted.load(Ordering::SeqCst), Ordering::SeqCst);
                Ok(())
            }
        });
    });
    let servers = start(builder).await.unwrap();
    let app = servers.app("area-1").clone();
    let (open, seen) = (Arc::new(Semaphore::new(0)), stopped.clone());
    let door = open.clone();
    let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (beginning, ending) = (begun.clone(), ended.clone());
    app.after(SECOND, move |_| async move {
        beginning.fetch_add(1, Ordering::SeqCst);
        drop(door.acquire().await);
        assert_eq!(seen.load(Ordering::SeqCst), 0, "the store has stopped");
        ending.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    app.every(SECOND, move |_| {
        runs.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    until(|| begun.load(Ordering::SeqCst) == 1).await;
    let stop = tokio::spawn(servers.stop());
    until(|| at_hook.load(Ordering::SeqCst) > 0).await;
    sleep(SECOND * 5).await;
    assert_eq!((stopped.load(Ordering::SeqCst), stop.is_finished()), (0, false));
    open.add_permits(1);
    stop.await.unwrap();
    assert_eq!((ended.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(app.report().panics, 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_never_ends_is_named_and_cut_off() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let log = Log::start();
    let servers = started().await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(dropped.clone());
    let line = line!() + 1;
    servers.app("area-1").after(SECOND, move |_| async move {
        let _guard = guard;
        std::future::pending().await
    });
    sleep(SECOND * 2).await;
    servers.stop().await;
    until(|| dropped.load(Ordering::SeqCst) == 1).await;
    let place = format!("timer tests/timers.rs:{line}");
    assert_eq!(log.with(&["took too long", &place]).len(), 1, "{}", log.lines().join("\n"));
}

#[tokio::test]
async fn timers_of_a_server_with_one_thread_run_on_it() {
    let builder = area().configure("all", "area", |app| app.one_thread());
    let servers = start(builder).await.unwrap();
    let app = servers.app("area-1");
    let thread = Arc::new(Mutex::new(None));
    let noted = thread.clone();
    app.every(Duration::from_millis(1), move |_| {
        *noted.lock().unwrap() = Some(format!("{:?}", std::thread::current().id()));
        async { Ok(()) }
    });
    until(|| thread.lock().unwrap().is_some()).await;
    let of_methods = app.rpc.area.area_remote.threads(to("area-1")).await.unwrap();
    assert_eq!(*thread.lock().unwrap(), Some(of_methods));
    servers.stop().await;
}
