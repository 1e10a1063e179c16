//! Two sides of a link on a network and a clock of their own: whatever is delayed, split, torn or corrupted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::frame;
use super::handshake::{Exchange, Hail};
use super::liveness::{Heard, Hearing, Speaking};
use super::secret::{Nonce, Proof, Secret};

const BEAT: Duration = Duration::from_millis(1_000);
const SILENCE: Duration = Duration::from_millis(3_000);
/// How long bytes are on their way at most, where there is no hole.
const DELAY_MS: u64 = 200;
/// The clock goes in steps of this.
const TICK: Duration = Duration::from_millis(10);
/// How many schedules each test runs.
const SCHEDULES: u64 = 2_000;
const MAX_FRAME: usize = 1 << 10;

/// Tags of what the sides say.
const BEATING: u8 = 0;
const NUMBER: u8 = 1;
const NONCE: u8 = 2;
const PROOF: u8 = 3;

/// Xorshift: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// One direction, as tcp is one: bytes come in order, late, and in pieces of any length.
#[derive(Default)]
struct Way {
    bytes: VecDeque<(Instant, BytesMut)>,
    /// Nothing passes any more.
    is_cut: bool,
    /// What is on its way is kept until then, and comes after all: what is lost is sent again.
    hole_until: Option<Instant>,
}

impl Way {
    fn send(&mut self, out: &mut BytesMut, now: Instant, random: &mut Random) {
        while !out.is_empty() {
            let piece = out.split_to((random.below(20) as usize + 1).min(out.len()));
            let arrives = now + Duration::from_millis(random.below(DELAY_MS));
            let arrives = self.bytes.back().map_or(arrives, |(last, _)| arrives.max(*last));
            self.bytes.push_back((arrives, piece));
        }
    }

    fn arrived(&mut self, now: Instant) -> Vec<BytesMut> {
        if self.is_cut || self.hole_until.is_some_and(|until| now < until) {
            return vec![];
        }
        let count = self.bytes.iter().take_while(|(arrives, _)| *arrives <= now).count();
        self.bytes.drain(..count).map(|(_, bytes)| bytes).collect()
    }
}

/// One side of a link that is up.
struct Side {
    hearing: Hearing,
    speaking: Speaking,
    input: BytesMut,
    out: BytesMut,
    said: u32,
    heard: Vec<u32>,
    last_heard: Instant,
    /// When it gave the other side up.
    lost: Option<Instant>,
}

fn put(out: &mut BytesMut, tag: u8, body: &[u8]) {
    let start = frame::begin(out, [tag]);
    out.extend_from_slice(body);
    let length = frame::length::<1>(out, start);
    frame::end(out, start, length);
}

impl Side {
    fn new(now: Instant) -> Self {
        Self {
            hearing: Hearing::new(SILENCE, now),
            speaking: Speaking::new(BEAT, now),
            input: BytesMut::new(),
            out: BytesMut::new(),
            said: 0,
            heard: vec![],
            last_heard: now,
            lost: None,
        }
    }

    fn receive(&mut self, bytes: &BytesMut, now: Instant) {
        assert_eq!(self.hearing.judge(now), Heard::InTime, "the clock was looked at each tick");
        self.input.extend_from_slice(bytes);
        while let Some(([tag], body)) = frame::take(&mut self.input, MAX_FRAME).unwrap() {
            if tag == NUMBER {
                self.heard.push(u32::from_be_bytes(body[..].try_into().unwrap()));
            }
        }
        self.hearing.heard(now);
        self.last_heard = now;
    }

    fn tick(&mut self, now: Instant, random: &mut Random) {
        if self.lost.is_none() && self.hearing.is_silent(now) {
            self.lost = Some(now);
        }
        if self.lost.is_some() {
            return;
        }
        if random.below(100) < 2 {
            put(&mut self.out, NUMBER, &self.said.to_be_bytes());
            self.said += 1;
            self.speaking.said(now);
        } else if now >= self.speaking.beat_at() {
            put(&mut self.out, BEATING, &[]);
            self.speaking.said(now);
        }
    }
}

struct Pair {
    now: Instant,
    random: Random,
    sides: [Side; 2],
    ways: [Way; 2],
}

impl Pair {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            sides: [Side::new(now), Side::new(now)],
            ways: Default::default(),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            for to in 0..2 {
                for bytes in self.ways[1 - to].arrived(self.now) {
                    if self.sides[to].lost.is_none() {
                        self.sides[to].receive(&bytes, self.now);
                    }
                }
            }
            for from in 0..2 {
                self.sides[from].tick(self.now, &mut self.random);
                let Side { out, .. } = &mut self.sides[from];
                self.ways[from].send(out, self.now, &mut self.random);
            }
        }
    }

    /// What each has heard is what the other has said, in order, and nothing else.
    fn check_order(&self, seed: u64) {
        for to in 0..2 {
            let (heard, said) = (&self.sides[to].heard, self.sides[1 - to].said);
            assert!(heard.iter().copied().eq(0..heard.len() as u32), "seed {seed}: {heard:?}");
            assert!(heard.len() as u32 <= said, "seed {seed}: more was heard than said");
        }
    }
}

#[test]
fn a_link_on_which_nothing_is_lost_is_never_silent_and_in_order() {
    for seed in 0..SCHEDULES {
        let mut pair = Pair::new(seed);
        let time = Duration::from_millis(5_000 + pair.random.below(5_000));
        pair.run(time);
        assert!(pair.sides.iter().all(|side| side.lost.is_none()), "seed {seed}: given up");
        pair.check_order(seed);
    }
}

#[test]
fn a_hole_that_is_shorter_than_silence_costs_nothing_but_time() {
    for seed in 0..SCHEDULES {
        let mut pair = Pair::new(seed);
        let before = Duration::from_millis(pair.random.below(3_000));
        pair.run(before);
        let longest = (SILENCE - BEAT).as_millis() as u64 - DELAY_MS - 2 * TICK.as_millis() as u64;
        let hole = pair.now + Duration::from_millis(pair.random.below(longest));
        for way in &mut pair.ways {
            way.hole_until = Some(hole);
        }
        pair.run(Duration::from_secs(6));
        assert!(pair.sides.iter().all(|side| side.lost.is_none()), "seed {seed}: given up");
        pair.check_order(seed);
        let said = pair.sides.each_ref().map(|side| side.said);
        // What is still on its way comes, too.
        pair.run(Duration::from_secs(1));
        for (to, said) in [(1, said[0]), (0, said[1])] {
            assert!(pair.sides[to].heard.len() as u32 >= said, "seed {seed}: something was lost");
        }
    }
}

#[test]
fn whoever_is_cut_off_is_given_up_after_silence_and_not_before() {
    for seed in 0..SCHEDULES {
        let mut pair = Pair::new(seed);
        let before = Duration::from_millis(pair.random.below(5_000));
        pair.run(before);
        // One direction or both: each side sees what it hears.
        let cut = pair.random.below(3);
        pair.ways[0].is_cut = cut != 1;
        pair.ways[1].is_cut = cut != 0;
        pair.run(SILENCE + Duration::from_secs(1));
        for to in 0..2 {
            let side = &pair.sides[to];
            if pair.ways[1 - to].is_cut {
                let lost = side.lost.unwrap_or_else(|| panic!("seed {seed}: side {to} waits for ever"));
                let silence = lost - side.last_heard;
                assert!(silence >= SILENCE && silence <= SILENCE + TICK, "seed {seed}: {silence:?}");
            }
        }
        pair.check_order(seed);
    }
}

/// One side of a handshake by frames: it says its nonce, then its proof, and says what it makes of the other's.
struct Guard {
    hail: Option<Hail>,
    peer_role: &'static str,
    exchange: Option<Exchange>,
    secret: Secret,
    input: BytesMut,
    out: BytesMut,
    /// Whether the other side has proved itself; none while that isn't known.
    trusts: Option<bool>,
}

impl Guard {
    fn new(role: &'static str, peer_role: &'static str, secret: &str) -> Self {
        let hail = Hail::new(role).unwrap();
        let mut out = BytesMut::new();
        put(&mut out, NONCE, &serde_json::to_vec(&hail.nonce()).unwrap());
        let secret = Secret::new(secret).unwrap();
        Self {
            hail: Some(hail),
            peer_role,
            exchange: None,
            secret,
            input: BytesMut::new(),
            out,
            trusts: None,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.trusts.is_none() {
            match frame::take(&mut self.input, MAX_FRAME) {
                Ok(None) => return,
                Ok(Some(([tag], body))) => {
                    if self.hear(tag, &body).is_none() {
                        self.trusts = Some(false);
                    }
                }
                Err(_) => self.trusts = Some(false),
            }
        }
    }

    /// None if that doesn't belong here.
    fn hear(&mut self, tag: u8, body: &[u8]) -> Option<()> {
        match tag {
            NONCE => {
                let peer: Nonce = serde_json::from_slice(body).ok()?;
                let exchange = self.hail.take()?.meet(self.peer_role, peer, b"context".to_vec());
                put(&mut self.out, PROOF, &serde_json::to_vec(&exchange.prove(&self.secret)).ok()?);
                self.exchange = Some(exchange);
            }
            PROOF => {
                let proof: Proof = serde_json::from_slice(body).ok()?;
                self.trusts = Some(self.exchange.as_ref()?.verify(&self.secret, &proof).is_ok());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Runs a handshake over a network that does `harm` to what each side sends, the first side's first.
fn shake(secrets: [&str; 2], mut harm: impl FnMut(usize, BytesMut) -> BytesMut) -> [Option<bool>; 2] {
    let mut guards =
        [Guard::new("dialer", "listener", secrets[0]), Guard::new("listener", "dialer", secrets[1])];
    loop {
        let sent = [0, 1].map(|from| {
            let out = std::mem::take(&mut guards[from].out);
            if out.is_empty() { out } else { harm(from, out) }
        });
        if sent.iter().all(|bytes| bytes.is_empty()) {
            return guards.map(|guard| guard.trusts);
        }
        guards[1].receive(&sent[0]);
        guards[0].receive(&sent[1]);
    }
}

#[test]
fn sides_trust_each_other_if_they_know_the_same_secret_and_nothing_was_changed() {
    assert_eq!(shake(["known", "known"], |_, bytes| bytes), [Some(true); 2]);
    assert_eq!(shake(["known", "guess"], |_, bytes| bytes), [Some(false); 2]);
}

#[test]
fn a_handshake_in_which_a_bit_was_changed_or_the_end_is_missing_trusts_nobody_on_that_side() {
    for seed in 0..SCHEDULES {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (victim, message) = (random.below(2) as usize, random.below(2));
        let mut seen = 0;
        let verdicts = shake(["known", "known"], |from, mut bytes| {
            if from != victim {
                return bytes;
            }
            if seen == message {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes.truncate(at),
                    _ => bytes[at] ^= 1 << random.below(8),
                }
            }
            seen += 1;
            bytes
        });
        assert_ne!(verdicts[1 - victim], Some(true), "seed {seed}: it trusts what was changed");
    }
}

#[test]
fn who_sends_back_what_it_gets_is_not_trusted() {
    let mut guard = Guard::new("dialer", "listener", "known");
    for _ in 0..3 {
        let own = std::mem::take(&mut guard.out);
        guard.receive(&own);
    }
    assert_eq!(guard.trusts, Some(false));
}
