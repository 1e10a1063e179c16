//! The rules of floors, and what is said of each place that breaks one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::arrows::{Arrows, Top, Use};
use crate::resolve::House;
use crate::source::Crate;

/// Modules or crates by floor, the highest first.
pub type Floors<'a> = &'a [&'a [&'a str]];

/// The floors of one crate's top-level modules.
pub struct Plan<'a> {
    /// The crate's name.
    pub krate: &'a str,
    /// All its top-level modules.
    pub floors: Floors<'a>,
    /// Whether no floor may hold over a quarter of the crate's lines.
    pub weighed: bool,
}

/// What is wrong in a house, a text for each finding.
pub fn findings(house: &House, crates: Floors<'_>, plans: &[Plan<'_>]) -> Vec<String> {
    let arrows = Arrows::of(house);
    let mut findings = Vec::new();
    for krate in &house.crates {
        findings.extend(krate.astray.iter().cloned());
        match plans.iter().find(|plan| plan.krate == krate.name) {
            Some(plan) => in_crate(krate, plan, &arrows, &mut findings),
            None => findings.push(format!("{}: the crate has no plan of its floors", krate.name)),
        }
    }
    between_crates(&arrows, crates, &mut findings);
    findings.extend(arrows.strangers.iter().map(|(pair, places)| stranger(pair, places)));
    findings.extend(arrows.open.iter().map(open));
    findings.extend(arrows.included.iter().map(included));
    findings
}

fn in_crate(krate: &Crate, plan: &Plan<'_>, arrows: &Arrows, findings: &mut Vec<String>) {
    let own = |pair: &(Top, Top)| pair.0.krate == krate.name && pair.1.krate == krate.name;
    let pairs = arrows.uses.iter().filter(|(pair, _)| own(pair));
    let pairs: BTreeMap<&(Top, Top), &BTreeSet<Use>> = pairs.collect();
    housed(krate, plan, findings);
    for ((user, used), places) in &pairs {
        findings.extend(wrong_way(plan, user, used, places));
    }
    findings.extend(circles(&krate.name, &pairs));
    if plan.weighed {
        findings.extend(heavy(krate, plan));
    }
}

/// Every module has a floor, and every module of the plan exists.
fn housed(krate: &Crate, plan: &Plan<'_>, findings: &mut Vec<String>) {
    let tops = krate.tops();
    for top in tops.iter().filter(|top| floor(plan.floors, top).is_none()) {
        findings.push(format!("{}: the module `{top}` is on no floor; give it one in the plan", krate.name));
    }
    for planned in plan.floors.iter().copied().flatten().filter(|planned| !tops.contains(*planned)) {
        findings.push(format!("{}: `{planned}` is planned, but no such module is there", krate.name));
    }
}

fn wrong_way(plan: &Plan<'_>, user: &Top, used: &Top, places: &BTreeSet<Use>) -> Option<String> {
    // The root may use everything.
    let user = user.module.as_deref()?;
    let krate = plan.krate;
    let Some(used) = used.module.as_deref() else {
        return Some(format!(
            "{krate}: `{user}` uses what the crate's root defines or all its names; the root is above all floors\n{}  Move it to \
             a module of a floor below `{user}`, and name that.",
            listed(places)
        ));
    };
    let (from, to) = (floor(plan.floors, user)?, floor(plan.floors, used)?);
    let (relation, what_to_do) = match from.cmp(&to) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => (
            "a sibling on its floor",
            format!(
                "Move what both need to a floor below, or one of the two up if it stands on the other (`{user}` on `{used}`)."
            ),
        ),
        std::cmp::Ordering::Greater => (
            "which is above it",
            format!(
                "Move what `{user}` needs to its floor or below, hand it in as an argument, or have `{user}` define a trait that \
                 `{used}` implements."
            ),
        ),
    };
    Some(format!("{krate}: `{user}` uses `{used}`, {relation}\n{}  {what_to_do}", listed(places)))
}

/// Modules that can reach each other.
fn circles(krate: &str, pairs: &BTreeMap<&(Top, Top), &BTreeSet<Use>>) -> Vec<String> {
    let mut reach: BTreeMap<&Top, BTreeSet<&Top>> = BTreeMap::new();
    for (user, used) in pairs.keys() {
        reach.entry(user).or_default().insert(used);
    }
    loop {
        let before: usize = reach.values().map(BTreeSet::len).sum();
        for user in reach.keys().copied().collect::<Vec<_>>() {
            let next: Vec<&Top> =
                reach[user].iter().filter_map(|used| reach.get(used)).flatten().copied().collect();
            reach.entry(user).or_default().extend(next);
        }
        if reach.values().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    let circular = |user: &Top, used: &Top| reach.get(used).is_some_and(|reached| reached.contains(user));
    let mut circles: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for user in reach.keys().filter(|user| reach[**user].contains(**user)) {
        circles
            .insert(reach[*user].iter().filter(|used| circular(user, used)).map(|top| name(top)).collect());
    }
    circles.into_iter().map(|circle| circle_text(krate, &circle, pairs)).collect()
}

fn circle_text(
    krate: &str,
    circle: &BTreeSet<String>,
    pairs: &BTreeMap<&(Top, Top), &BTreeSet<Use>>,
) -> String {
    let mut text = format!("{krate}: these modules use each other in a circle: {circle:?}\n");
    for ((user, used), places) in pairs {
        if circle.contains(&name(user)) && circle.contains(&name(used)) {
            let first = places.first().expect("an arrow has a place");
            let (user, used) = (name(user), name(used));
            let _ = writeln!(text, "    {user} -> {used}: {}:{}  {}", first.file, first.line, first.path);
        }
    }
    text.push_str("  Cut the arrow that says the least about what its module is.");
    text
}

fn heavy(krate: &Crate, plan: &Plan<'_>) -> Vec<String> {
    let all: usize = krate.modules.iter().map(|module| module.lines).sum();
    let lines = |floor: &[&str]| floor.iter().map(|top| krate.lines(top)).sum::<usize>();
    let heavy = plan.floors.iter().filter(|floor| lines(floor) * 4 > all);
    heavy
        .map(|floor| {
            let lines = lines(floor);
            format!(
                "{}: the floor {floor:?} has {lines} of {all} lines, over a quarter; divide it into two",
                krate.name
            )
        })
        .collect()
}

fn between_crates(arrows: &Arrows, crates: Floors<'_>, findings: &mut Vec<String>) {
    let mut pairs: BTreeMap<(&str, &str), BTreeSet<Use>> = BTreeMap::new();
    for ((user, used), places) in arrows.uses.iter().filter(|((user, used), _)| user.krate != used.krate) {
        pairs.entry((&user.krate, &used.krate)).or_default().extend(places.iter().cloned());
    }
    for ((user, used), places) in pairs {
        if !below(crates, user, used) {
            findings.push(format!(
                "the crate {user} uses {used}, which isn't below it\n{}  Move what is used to a crate below both.",
                listed(&places)
            ));
        }
    }
}

/// Whether one may use the other: it stands on a floor above.
pub fn below(floors: Floors<'_>, user: &str, used: &str) -> bool {
    matches!((floor(floors, user), floor(floors, used)), (Some(user), Some(used)) if user < used)
}

fn stranger((user, owner): &(Top, Top), places: &BTreeSet<Use>) -> String {
    let (user, owner) = (name(user), name(owner));
    format!(
        "`{user}` has an inherent `impl` of a type of `{owner}`: who calls its methods uses `{user}` without naming it\n{}  Put \
         the methods beside the type, or make them functions or a trait of `{user}`.",
        listed(places)
    )
}

fn open(place: &Use) -> String {
    format!(
        "{}:{}: `{}::$…` hides in a macro what is used; write the path out, or take it whole as `$path:path`",
        place.file, place.line, place.path
    )
}

fn included(place: &Use) -> String {
    format!("{}:{}: `include!` hides code from whoever reads it; make it a module", place.file, place.line)
}

fn listed(places: &BTreeSet<Use>) -> String {
    let mut text = String::new();
    for Use { file, line, path, defined } in places {
        let _ = writeln!(text, "    {file}:{line}  {path}  (defined in {defined})");
    }
    text
}

fn name(top: &Top) -> String {
    top.module.clone().unwrap_or_else(|| "the root".to_owned())
}

/// Counted from above.
fn floor(floors: Floors<'_>, name: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&name))
}
