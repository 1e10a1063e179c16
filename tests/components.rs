//! Components: when they start and stop, and what they can rely on.

use std::future::{Ready, pending, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo::app::Builder;
use pomelo::error::ErrorKind;
use pomelo::{Component, Error, Hybrid, Result, remote, to};

pomelo::servers! {
    connector: {},
    /// Calls and is called.
    area: { remotes: [AreaRemote] },
}

const SERVERS: &str = r#"{
    "connector": [{ "id": "connector-1", "frontend": true }],
    "area": [{ "id": "area-1" }, { "id": "area-2" }]
}"#;

/// What components note, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl ToString) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct AreaRemote;

#[remote]
impl AreaRemote {
    pub async fn name_of(part: &Part) -> Result<String> {
        Ok(part.name.to_owned())
    }
}

/// Notes its steps, and does in one of them what it is told.
struct Part {
    name: &'static str,
    log: Log,
    fault: Option<(&'static str, Fault)>,
}

#[derive(Clone, Copy)]
enum Fault {
    Fails,
    Panics,
    Hangs,
}

impl Part {
    fn new(name: &'static str, log: &Log) -> Self {
        Self { name, log: log.clone(), fault: None }
    }

    fn with(self, step: &'static str, fault: Fault) -> Self {
        Self { fault: Some((step, fault)), ..self }
    }

    async fn step(&self, app: &App, step: &'static str) -> Result<()> {
        self.log.note(format_args!("{} {} {step}", app.server_id(), self.name));
        match self.fault.filter(|(at, _)| *at == step) {
            None => Ok(()),
            Some((_, Fault::Fails)) => Err(Error::new(500, "out of luck")),
            Some((_, Fault::Panics)) => panic!("a component of the test"),
            Some((_, Fault::Hangs)) => pending().await,
        }
    }
}

impl Component<App> for Part {
    fn name(&self) -> &str {
        self.name
    }

    async fn start(&self, app: &App) -> Result<()> {
        self.step(app, "start").await
    }

    async fn after_start(&self, app: &App) -> Result<()> {
        self.step(app, "after_start").await
    }

    async fn stop(&self, app: &App) -> Result<()> {
        self.step(app, "stop").await
    }
}

fn builder() -> Builder<Rpc> {
    App::builder().servers(SERVERS).configure("all", "connector", |app| {
        app.connector(Hybrid::new().address(([127, 0, 0, 1], 0)));
    })
}

/// As [`builder`], and every area server has a `Part`, which its remote is lent.
fn with_areas() -> Builder<Rpc> {
    builder().configure("all", "area", |app| app.component(Part::new("world", &Log::default())))
}

#[tokio::test]
async fn they_start_in_load_order_around_the_cluster_and_stop_in_reverse() {
    let log = Log::default();
    let own = log.clone();
    let running = with_areas()
        .configure("all", "connector", move |app| {
            app.component(Part::new("db", &own));
            app.component(Part::new("clock", &own));
            let (before, after, down) = (own.clone(), own.clone(), own.clone());
            app.before_startup(move |_| noted(&before, "before_startup"));
            app.after_startup(move |_| noted(&after, "after_startup"));
            app.before_shutdown(move |_| noted(&down, "before_shutdown"));
        })
        .start()
        .await
        .unwrap();
    let up = [
        "before_startup",
        "connector-1 db start",
        "connector-1 clock start",
        "connector-1 db after_start",
        "connector-1 clock after_start",
        "after_startup",
    ];
    assert_eq!(log.read(), up);
    running.stop().await;
    assert_eq!(log.read()[up.len()..], ["before_shutdown", "connector-1 clock stop", "connector-1 db stop"]);
}

fn noted(log: &Log, what: &str) -> Ready<Result<()>> {
    log.note(what);
    ready(Ok(()))
}

#[tokio::test]
async fn the_first_that_cannot_start_ends_the_start_and_what_was_started_is_stopped() {
    for (fault, why) in
        [(Fault::Fails, "out of luck"), (Fault::Panics, "component world panicked at tests/components.rs:")]
    {
        let log = Log::default();
        let own = log.clone();
        let started = builder()
            .configure("all", "area", move |app| {
                app.component(Part::new("db", &own));
                if &*app.server().id == "area-2" {
                    app.component(Part::new("world", &own).with("start", fault));
                }
                app.component(Part::new("clock", &own));
            })
            .start()
            .await;
        let error = started.err().expect("an error");
        let said = error.message();
        assert!(said.starts_with(&format!("area-2: component world (Start): {why}")), "{said}");
        let noted = log.read();
        let of = |server: &str| noted.iter().filter_map(|n| n.strip_prefix(server)).collect::<Vec<_>>();
        assert_eq!(of("area-1 "), ["db start", "clock start", "clock stop", "db stop"]);
        assert_eq!(of("area-2 "), ["db start", "world start", "world stop", "db stop"]);
    }
}

#[tokio::test]
async fn one_that_fails_after_the_start_ends_it_too() {
    let log = Log::default();
    let own = log.clone();
    let started = with_areas()
        .configure("all", "connector", move |app| {
            app.component(Part::new("db", &own).with("after_start", Fault::Fails));
            app.component(Part::new("clock", &own));
        })
        .start()
        .await;
    assert_eq!(started.err().unwrap().message(), "connector-1: component db (AfterStart): out of luck");
    let steps = ["db start", "clock start", "db after_start", "clock stop", "db stop"];
    assert_eq!(log.read(), steps.map(|step| format!("connector-1 {step}")));
}

#[tokio::test]
async fn one_that_cannot_be_stopped_does_not_keep_the_others() {
    let log = Log::default();
    let own = log.clone();
    let running = with_areas()
        .configure("all", "connector", move |app| {
            app.limits().stop_timeout = Duration::from_millis(20);
            app.component(Part::new("db", &own));
            app.component(Part::new("hangs", &own).with("stop", Fault::Hangs));
            app.component(Part::new("panics", &own).with("stop", Fault::Panics));
            app.component(Part::new("fails", &own).with("stop", Fault::Fails));
        })
        .start()
        .await
        .unwrap();
    running.stop().await;
    let noted = log.read();
    assert_eq!(noted[8..], ["fails", "panics", "hangs", "db"].map(|name| format!("connector-1 {name} stop")));
}

#[tokio::test]
async fn methods_are_lent_them_and_one_name_is_loaded_once() {
    let log = Log::default();
    let own = log.clone();
    let running = builder()
        .configure("all", "area", move |app| app.component(Part::new("world", &own)))
        .configure("all", "area", move |app| app.component(Part::new("world", &Log::default())))
        .start()
        .await
        .unwrap();
    let app = running.app("connector-1").unwrap();
    assert_eq!(app.rpc.area.area_remote.name_of(to("area-1")).await.unwrap(), "world");
    assert_eq!(log.read().iter().filter(|noted| *noted == "area-1 world start").count(), 1);
    assert!(running.app("area-1").unwrap().state::<Part>().is_some());
    running.stop().await;
}

/// Calls the other area server whenever it can.
struct Caller(Log);

impl Caller {
    async fn call(&self, app: &App, step: &str) -> Result<()> {
        let other = if app.server_id() == "area-1" { "area-2" } else { "area-1" };
        let answer = app.rpc.area.area_remote.name_of(to(other)).await;
        let kind = answer.err().map(|error: Error| error.kind());
        self.0.note(format_args!("{} {step} {kind:?}", app.server_id()));
        Ok(())
    }
}

impl Component<App> for Caller {
    async fn start(&self, app: &App) -> Result<()> {
        self.call(app, "start").await
    }

    async fn after_start(&self, app: &App) -> Result<()> {
        self.call(app, "after_start").await
    }

    async fn stop(&self, app: &App) -> Result<()> {
        self.call(app, "stop").await
    }
}

#[tokio::test]
async fn other_servers_can_be_called_from_after_start_until_stop() {
    let log = Log::default();
    let own = log.clone();
    let mut running = with_areas()
        .configure("all", "area", move |app| app.component(Caller(own.clone())))
        .start()
        .await
        .unwrap();
    running.stop_server("area-1").await;
    let refused = Some(ErrorKind::Refused);
    assert_eq!(log.read()[0], format!("area-1 start {refused:?}"));
    assert_eq!(log.read()[2..], ["area-1 after_start None", "area-2 after_start None", "area-1 stop None"]);
    running.stop().await;
}
