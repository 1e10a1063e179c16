//! The registry, through everything that servers and processes do.

use super::*;
use crate::status::ServerState;
use crate::wire::server::Occupant;

fn info(id: &str) -> Arc<ServerInfo> {
    Arc::new(
        serde_json::from_value(serde_json::json!({ "id": id, "serverType": "chat", "port": 1 })).unwrap(),
    )
}

fn member(id: &str) -> Member {
    let member = serde_json::json!({
        "info": info(id), "incarnation": Incarnation::begin(id), "methods": {}, "encodings": []
    });
    serde_json::from_value(member).unwrap()
}

fn gap(id: &str) -> MissingLink {
    MissingLink::new(id.into(), 5_000, Some("refused".into()))
}

struct Cluster(Registry);

impl Cluster {
    fn new(ids: &[&str]) -> Self {
        Self(Registry::new(ids.iter().map(|id| info(id))))
    }

    fn register(&mut self, member: &Member, pid: u32, link: u64) -> Result<(), Denial> {
        self.replace(None, member, pid, link)
    }

    /// As [`register`](Self::register), by a server that lacks links to these.
    fn come(&mut self, member: &Member, link: u64, missing: &[&str]) {
        let missing: Vec<_> = missing.iter().map(|id| gap(id)).collect();
        let (pid, missing_links) = (100 + u32::try_from(link).unwrap(), Some(&*missing));
        let (link, silent) = (LinkId(link), None);
        let newcomer = Newcomer { member, pid, process: None, link, missing_links, silent };
        self.0.register(newcomer, Instant::now()).unwrap();
    }

    /// A server says that it lacks links to these.
    fn say(&mut self, id: &str, link: u64, missing: &[&str]) {
        let missing: Vec<_> = missing.iter().map(|id| gap(id)).collect();
        self.0.say_links(&id.into(), LinkId(link), &missing, Instant::now());
    }

    /// The ids of the links for want of which it isn't up.
    fn missing(&self, id: &str) -> Vec<ServerId> {
        let links = self.0.missing_links(self.0.get(id).unwrap(), Instant::now());
        links.into_iter().map(|link| link.server).collect()
    }

    /// As [`register`](Self::register), after the process of that incarnation didn't answer.
    fn replace(
        &mut self,
        silent: Option<Incarnation>,
        member: &Member,
        pid: u32,
        link: u64,
    ) -> Result<(), Denial> {
        let process = Some(Process::new(pid));
        let (link, missing_links) = (LinkId(link), Some(&[][..]));
        let newcomer = Newcomer { member, pid, process, link, missing_links, silent };
        self.0.register(newcomer, Instant::now())
    }

    /// Why it is refused, and after which incarnation it may begin.
    fn refused(&mut self, member: &Member, pid: u32, link: u64) -> (String, Option<Incarnation>) {
        match self.register(member, pid, link) {
            Err(Denial::Refused(refusal)) => (refusal.reason, refusal.begin_after),
            other => panic!("{other:?}"),
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.0.poll_event()).collect()
    }

    fn state(&self, id: &str) -> ServerState {
        self.0.state(self.0.get(id).unwrap())
    }

    fn listed(&self) -> Vec<ServerId> {
        self.0.entries().map(|entry| entry.info.id.clone()).collect()
    }

    fn expected(&self) -> Vec<ServerId> {
        self.0.expected().iter().map(|info| info.id.clone()).collect()
    }
}

#[test]
fn a_server_goes_through_its_states() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    assert_eq!(cluster.state("chat-1"), ServerState::Down);
    cluster.0.started("chat-1", Process::new(7));
    assert_eq!(cluster.state("chat-1"), ServerState::Starting);
    cluster.register(&chat, 7, 1).unwrap();
    assert_eq!(cluster.state("chat-1"), ServerState::Up);
    cluster.0.unlink("chat-1", LinkId(1), Instant::now());
    assert_eq!(cluster.state("chat-1"), ServerState::Lost);
    cluster.register(&chat, 7, 2).unwrap();
    assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Up, vec![]));
    cluster.0.goodbye("chat-1", LinkId(2));
    assert_eq!(cluster.state("chat-1"), ServerState::Stopping);
    assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
    cluster.0.exited("chat-1", &Process::new(7), "");
    assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Down, vec![]));
}

#[test]
fn what_an_old_incarnation_does_late_never_removes_a_new_one() {
    let (mut cluster, old) = (Cluster::new(&["chat-1"]), member("chat-1"));
    cluster.register(&old, 7, 1).unwrap();
    let new = member("chat-1");
    cluster.replace(Some(old.incarnation), &new, 8, 2).unwrap();
    assert_eq!(
        cluster.events(),
        [Event::Superseded(LinkId(1), Some(new.incarnation)), Event::Gone("chat-1".into(), old.incarnation)]
    );
    cluster.0.goodbye("chat-1", LinkId(1));
    cluster.0.unlink("chat-1", LinkId(1), Instant::now());
    cluster.0.exited("chat-1", &Process::new(7), "");
    cluster.0.vanished("chat-1", old.incarnation);
    assert_eq!((cluster.state("chat-1"), cluster.events()), (ServerState::Up, vec![]));
    let (reason, begin_after) = cluster.refused(&old, 7, 3);
    assert_eq!(
        (&*reason, begin_after),
        ("a later process of chat-1 is registered, 8", Some(new.incarnation))
    );
    assert_eq!(cluster.0.get("chat-1").unwrap().link(), Some(LinkId(2)));
}

#[test]
fn a_second_process_must_wait_until_the_first_was_asked_in_vain() {
    let (mut cluster, first, second) = (Cluster::new(&["chat-1"]), member("chat-1"), member("chat-1"));
    cluster.register(&first, 7, 1).unwrap();
    let occupant = Occupant { host: "127.0.0.1".into(), pid: 7, incarnation: first.incarnation };
    for link in [2, 3] {
        assert_eq!(cluster.register(&second, 8, link), Err(Denial::Taken(occupant.clone())));
    }
    assert_eq!(cluster.events(), [], "nobody is told of it");
    let third = member("chat-1");
    cluster.replace(Some(first.incarnation), &third, 9, 4).unwrap();
    let taken = cluster.replace(Some(first.incarnation), &member("chat-1"), 10, 5);
    assert!(matches!(taken, Err(Denial::Taken(by)) if by.pid == 9), "it asked another process");
}

#[test]
fn whose_clock_was_set_back_is_told_after_what_to_begin() {
    let (mut cluster, early, late) = (Cluster::new(&["chat-1"]), member("chat-1"), member("chat-1"));
    cluster.register(&late, 7, 1).unwrap();
    cluster.0.exited("chat-1", &Process::new(7), "killed");
    let (reason, begin_after) = cluster.refused(&early, 8, 2);
    assert_eq!(reason, "a later process of chat-1 was there, and is over");
    let incarnation = Incarnation::begin_after("chat-1", begin_after.unwrap());
    cluster.register(&Member { incarnation, ..early }, 8, 2).unwrap();
    assert_eq!(cluster.state("chat-1"), ServerState::Up);
}

#[test]
fn a_process_that_was_given_up_and_is_there_is_taken_again() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    cluster.register(&chat, 7, 1).unwrap();
    cluster.0.unlink("chat-1", LinkId(1), Instant::now());
    cluster.0.vanished("chat-1", chat.incarnation);
    assert_eq!(cluster.state("chat-1"), ServerState::Starting);
    cluster.register(&chat, 7, 2).unwrap();
    assert_eq!(
        (cluster.state("chat-1"), cluster.0.gone()),
        (ServerState::Up, vec![]),
        "nobody is told that it is gone"
    );
}

#[test]
fn why_a_process_is_refused_is_news_once() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    let said =
        ["occupied", "occupied", "late", "late", "occupied"].map(|why| cluster.0.is_news("chat-1", why));
    assert_eq!(said, [true, false, true, false, true]);
    cluster.register(&chat, 7, 1).unwrap();
    assert!(cluster.0.is_news("chat-1", "occupied"));
}

#[test]
fn a_process_that_ends_ends_the_incarnation_in_it() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    cluster.register(&chat, 7, 1).unwrap();
    cluster.0.exited("chat-1", &Process::new(7), "exited with 1");
    assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
    assert_eq!(cluster.0.get("chat-1").unwrap().failures(), (1, Some("exited with 1")));
    assert_eq!(cluster.expected(), ["chat-1"], "it is expected all the same");
}

#[test]
fn a_server_that_an_operator_stopped_is_no_longer_expected() {
    let mut cluster = Cluster::new(&["chat-1", "chat-2"]);
    let chat = member("chat-1");
    cluster.register(&chat, 7, 1).unwrap();
    cluster.0.dismiss("chat-1", true);
    assert_eq!(cluster.events(), [Event::Expected]);
    assert_eq!(cluster.expected(), ["chat-2"]);
    assert_eq!(cluster.state("chat-1"), ServerState::Stopping);
    cluster.0.unlink("chat-1", LinkId(1), Instant::now());
    cluster.register(&chat, 7, 2).unwrap();
    assert_eq!(cluster.events(), [Event::Stop(LinkId(2))], "it was away when it was told");
    cluster.0.exited("chat-1", &Process::new(7), "");
    assert_eq!(cluster.listed(), ["chat-2"], "its end was wanted, and nothing is left of it");
    assert!(cluster.0.has_known("chat-1"));
    cluster.register(&member("chat-1"), 8, 3).unwrap();
    assert_eq!(cluster.expected(), ["chat-1", "chat-2"], "somebody started it again");
}

#[test]
fn a_server_that_is_restarted_is_expected_all_the_time() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    cluster.register(&chat, 7, 1).unwrap();
    cluster.0.dismiss("chat-1", false);
    cluster.0.goodbye("chat-1", LinkId(1));
    cluster.0.exited("chat-1", &Process::new(7), "");
    cluster.0.keep("chat-1");
    assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
}

#[test]
fn a_server_that_nobody_expected_is_taken_in_and_an_id_has_one_type() {
    let mut cluster = Cluster::new(&[]);
    cluster.register(&member("chat-9"), 7, 1).unwrap();
    assert_eq!((cluster.expected(), cluster.events()), (vec!["chat-9".into()], vec![Event::Expected]));
    let mut gate = member("chat-9");
    gate.info = Arc::new(ServerInfo { server_type: "gate".into(), ..(*gate.info).clone() });
    assert_eq!(cluster.refused(&gate, 8, 2), ("chat-9 is of type `chat`".to_owned(), None));
}

#[test]
fn a_server_without_a_port_is_told_of_and_passes_for_leaving_while_nothing_is_heard_of_it() {
    let (mut cluster, mut gate) = (Cluster::new(&[]), member("gate-1"));
    gate.info = Arc::new(ServerInfo { port: None, ..(*gate.info).clone() });
    let leaving =
        |cluster: &Cluster| -> Vec<_> { cluster.0.portless().iter().map(|member| member.leaving).collect() };
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    cluster.register(&gate, 8, 2).unwrap();
    assert_eq!(leaving(&cluster), [false]);
    assert_eq!(cluster.events(), [Event::Expected, Event::Expected, Event::Up("gate-1".into())]);
    cluster.0.unlink("gate-1", LinkId(2), Instant::now());
    assert_eq!((leaving(&cluster), cluster.events()), (vec![true], vec![Event::Up("gate-1".into())]));
    cluster.register(&gate, 8, 3).unwrap();
    assert_eq!((leaving(&cluster), cluster.events()), (vec![false], vec![Event::Up("gate-1".into())]));
    cluster.0.goodbye("gate-1", LinkId(3));
    assert_eq!((leaving(&cluster), cluster.events().len()), (vec![], 1));
}

#[test]
fn another_incarnation_over_the_same_connection_ends_the_one_before() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    cluster.register(&chat, 7, 1).unwrap();
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    assert_eq!(cluster.events(), [Event::Gone("chat-1".into(), chat.incarnation)]);
    assert_eq!(cluster.state("chat-1"), ServerState::Up);
}

#[test]
fn a_server_that_is_added_is_expected_when_it_is_up_and_not_before() {
    let mut cluster = Cluster::new(&["chat-1"]);
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    assert!(cluster.0.add(info("chat-9")));
    cluster.0.keep("chat-9");
    cluster.0.started("chat-9", Process::new(8));
    assert_eq!((cluster.expected(), cluster.events()), (vec!["chat-1".into()], vec![]));
    cluster.come(&member("chat-9"), 2, &["chat-1"]);
    assert_eq!(
        (cluster.state("chat-9"), cluster.missing("chat-9")),
        (ServerState::Unreachable, vec!["chat-1".into()])
    );
    assert_eq!(
        (cluster.state("chat-1"), cluster.missing("chat-1").len()),
        (ServerState::Up, 0),
        "it was up before"
    );
    assert_eq!((cluster.expected(), cluster.events()), (vec!["chat-1".into()], vec![]));
    cluster.say("chat-9", 2, &[]);
    assert_eq!((cluster.state("chat-9"), cluster.events()), (ServerState::Up, vec![Event::Expected]));
    assert_eq!(cluster.expected(), ["chat-1", "chat-9"]);
    cluster.0.unlink("chat-9", LinkId(2), Instant::now());
    cluster.0.exited("chat-9", &Process::new(8), "killed");
    assert_eq!(
        (cluster.expected(), cluster.state("chat-9")),
        (vec!["chat-1".into(), "chat-9".into()], ServerState::Down)
    );
    assert!(!cluster.0.add(info("chat-9")), "it was up once, and its rooms are its own");
}

#[test]
fn a_server_that_was_added_and_never_up_is_replaced_or_forgotten() {
    let mut cluster = Cluster::new(&["chat-1"]);
    cluster.0.add(info("chat-9"));
    cluster.0.keep("chat-9");
    cluster.0.failed("chat-9", "its port is taken");
    let other = Arc::new(ServerInfo { port: Some(7), ..(*info("chat-9")).clone() });
    assert!(cluster.0.add(other.clone()));
    assert_eq!(cluster.0.get("chat-9").unwrap().info, other);
    assert!(cluster.0.add(info("chat-9")), "it is down still");
    cluster.0.keep("chat-9");
    cluster.0.started("chat-9", Process::new(8));
    assert!(!cluster.0.add(other), "it is being started");
    cluster.0.dismiss("chat-9", true);
    assert_eq!(cluster.state("chat-9"), ServerState::Stopping);
    cluster.0.exited("chat-9", &Process::new(8), "");
    assert_eq!((cluster.listed(), cluster.events()), (vec!["chat-1".into()], vec![]));
}

#[test]
fn a_server_of_the_configuration_that_cannot_start_is_not_expected_until_it_is_up() {
    let mut cluster = Cluster::new(&["chat-1", "chat-2", "chat-3"]);
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    assert_eq!(cluster.expected(), ["chat-1", "chat-2", "chat-3"], "nobody has tried the others");
    cluster.0.failed("chat-2", "its port is taken");
    cluster.0.give_up("chat-3");
    assert_eq!((cluster.expected(), cluster.listed().len()), (vec!["chat-1".into()], 3));
    assert_eq!(cluster.events(), [Event::Expected, Event::Expected]);
    cluster.0.failed("chat-1", "it was up");
    cluster.register(&member("chat-2"), 8, 2).unwrap();
    assert_eq!(cluster.expected(), ["chat-1", "chat-2"]);
}

#[test]
fn a_server_of_the_configuration_that_was_stopped_is_started_again_without_being_expected_first() {
    let mut cluster = Cluster::new(&["chat-1", "chat-2"]);
    cluster.0.dismiss("chat-2", true);
    assert_eq!((cluster.listed(), cluster.expected()), (vec!["chat-1".into()], vec!["chat-1".into()]));
    assert!(cluster.0.is_known("chat-2") && cluster.0.keep("chat-2") && !cluster.0.keep("chat-3"));
    assert_eq!((cluster.listed().len(), cluster.expected()), (2, vec!["chat-1".into()]));
    cluster.register(&member("chat-2"), 8, 2).unwrap();
    assert_eq!(cluster.expected(), ["chat-1", "chat-2"]);
}

#[test]
fn a_stranger_that_nobody_can_reach_leaves_nothing_behind() {
    let mut cluster = Cluster::new(&["chat-1"]);
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    cluster.come(&member("chat-9"), 2, &["chat-1"]);
    assert_eq!((cluster.expected(), cluster.listed().len()), (vec!["chat-1".into()], 2));
    cluster.0.goodbye("chat-9", LinkId(2));
    assert_eq!(cluster.listed(), ["chat-1"]);
    assert!(!cluster.events().contains(&Event::Expected));
}

#[test]
fn up_is_who_has_a_link_to_all_that_can_be_reached() {
    let mut cluster = Cluster::new(&["chat-1", "chat-2", "chat-3", "chat-4"]);
    for (link, id) in (1..).zip(["chat-1", "chat-2", "chat-3", "chat-4"]) {
        cluster.come(&member(id), link, &[]);
    }
    let states = |cluster: &Cluster| cluster.listed().iter().map(|id| cluster.state(id)).collect::<Vec<_>>();
    let (up, partly, unreachable) = (ServerState::Up, ServerState::PartlyLinked, ServerState::Unreachable);
    // One of the two says so.
    cluster.say("chat-1", 1, &["chat-2"]);
    assert_eq!(states(&cluster), [partly, partly, up, up]);
    assert_eq!(
        (cluster.missing("chat-1"), cluster.missing("chat-2")),
        (vec!["chat-2".into()], vec!["chat-1".into()])
    );
    // chat-2 has no link at all: that is not the fault of the others.
    cluster.say("chat-2", 2, &["chat-1", "chat-3", "chat-4"]);
    assert_eq!(states(&cluster), [up, unreachable, up, up]);
    assert_eq!((cluster.missing("chat-1").len(), cluster.missing("chat-2").len()), (0, 3));
    // Nobody misses one of which nothing is heard.
    cluster.0.unlink("chat-2", LinkId(2), Instant::now());
    assert_eq!(states(&cluster), [up, ServerState::Lost, up, up]);
    // None has a link to any other.
    for (link, id, others) in [
        (1, "chat-1", ["chat-3", "chat-4"]),
        (3, "chat-3", ["chat-1", "chat-4"]),
        (4, "chat-4", ["chat-1", "chat-3"]),
    ] {
        cluster.say(id, link, &others);
    }
    assert_eq!(states(&cluster), [unreachable, ServerState::Lost, unreachable, unreachable]);
    for (link, id) in [(1, "chat-1"), (3, "chat-3"), (4, "chat-4")] {
        cluster.say(id, link, &[]);
    }
    assert_eq!(states(&cluster), [up, ServerState::Lost, up, up]);
}

#[test]
fn a_server_serves_once_it_has_said_that_it_has_all_links_by_its_present_connection() {
    let (mut cluster, chat) = (Cluster::new(&["chat-1"]), member("chat-1"));
    let serves = |cluster: &Cluster| cluster.0.serves(cluster.0.get("chat-1").unwrap());
    cluster.register(&chat, 7, 1).unwrap();
    assert!(!serves(&cluster));
    cluster.say("chat-1", 1, &[]);
    assert!(serves(&cluster));
    cluster.register(&chat, 7, 1).unwrap();
    assert!(serves(&cluster), "it told of a change of itself");
    cluster.register(&chat, 7, 2).unwrap();
    assert!(!serves(&cluster), "it may not know of all yet");
    assert_eq!(std::iter::from_fn(|| cluster.0.poll_risen()).count(), 1, "it was up all the time");
}

#[test]
fn once_all_are_to_end_none_is_started_or_added() {
    let mut cluster = Cluster::new(&["chat-1"]);
    assert_eq!(cluster.0.close().len(), 1);
    assert!(!cluster.0.keep("chat-1") && !cluster.0.add(info("chat-2")));
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    assert_eq!(cluster.state("chat-1"), ServerState::Stopping);
    assert!(cluster.events().contains(&Event::Stop(LinkId(1))), "who comes now is told");
}

#[test]
fn a_new_master_expects_what_the_one_before_had_others_expect() {
    let mut cluster = Cluster::new(&["chat-1", "chat-2", "chat-3"]);
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    let replaced = Arc::new(ServerInfo { port: Some(7), ..(*info("chat-3")).clone() });
    let added = vec![info("chat-1"), info("chat-8"), replaced.clone()];
    let told = ["chat-1", "chat-3", "chat-8"].map(ServerId::from);
    let learnt = cluster.0.inherit(&"chat-1".into(), added.clone(), Some(&told));
    assert_eq!(learnt, ["chat-8", "chat-3"]);
    assert_eq!((cluster.expected(), cluster.listed().len()), (told.to_vec(), 4));
    assert_eq!(cluster.0.get("chat-3").unwrap().info, replaced);
    cluster.0.failed("chat-3", "it was up under the master before");
    assert_eq!(cluster.expected(), told);
    cluster.0.dismiss("chat-8", true);
    assert_eq!(
        cluster.0.inherit(&"chat-1".into(), added, None),
        [] as [ServerId; 0],
        "it is stopped for good"
    );

    let mut fresh = Cluster::new(&["chat-1", "chat-2"]);
    fresh.register(&member("chat-1"), 7, 1).unwrap();
    fresh.0.inherit(&"chat-1".into(), vec![], None);
    assert_eq!(fresh.expected(), ["chat-1", "chat-2"], "no master has told it anything");
}

#[test]
fn a_server_that_is_added_is_expected_before_those_without_a_port_dial_it() {
    let (mut cluster, mut gate) = (Cluster::new(&["chat-1"]), member("gate-1"));
    gate.info = Arc::new(ServerInfo { port: None, ..(*gate.info).clone() });
    cluster.register(&member("chat-1"), 7, 1).unwrap();
    cluster.register(&gate, 8, 2).unwrap();
    assert!(cluster.0.add(info("chat-9")));
    cluster.come(&member("chat-9"), 3, &["chat-1", "gate-1"]);
    assert_eq!(cluster.state("chat-9"), ServerState::Unreachable);
    cluster.say("chat-9", 3, &["gate-1"]);
    assert!(cluster.expected().contains(&"chat-9".into()));
    assert_eq!(
        (cluster.state("chat-9"), cluster.state("gate-1")),
        (ServerState::PartlyLinked, ServerState::PartlyLinked)
    );
    cluster.say("chat-9", 3, &[]);
    assert!(cluster.0.serves(cluster.0.get("chat-9").unwrap()));
}
