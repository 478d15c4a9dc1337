//! From what was allowed in which situation to the name of a cell.

use std::fmt::Write as _;

use super::column::Kit;
use super::place::Place;

/// Where a question was asked: by whom, about what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Situation {
    pub kit: Kit,
    pub place: Place,
}

/// Situations and whether they were allowed.
pub type Seen = [(Situation, bool)];

/// Whether an outcome allows in a situation.
type Allows = fn(Situation) -> bool;

/// The names of outcomes besides `yes` and `-`, each with the situations in which it allows.
const NAMES: &[(&str, Allows)] = &[
    ("own", |at| at.place == Place::Mine),
    ("member", |at| at.kit == Kit::Member && at.place == Place::Inside),
    ("owned", |at| at.kit.owns() && at.place == Place::Inside),
    ("granted", |at| at.kit.is_listed() && at.place == Place::Inside),
    ("listed", |at| at.kit == Kit::Bare || at.kit == Kit::Listed && at.place == Place::Inside),
    ("own_extension", |at| at.kit == Kit::Extension && at.place == Place::Mine),
    ("needs_extension", |at| at.kit == Kit::Extension),
    ("others", |at| at.place != Place::Mine),
];

/// What the names in a golden file mean.
pub const LEGEND: &[(&str, &str)] = &[
    ("yes", "everywhere in the account"),
    ("-", "nowhere"),
    ("own", "on one's own"),
    ("others", "on everything but one's own"),
    ("member", "in faxboxes that the person belongs to"),
    ("owned", "on the faxbox or group that the person owns"),
    ("granted", "on what the person's lists name"),
    ("listed", "on what the person's lists name, and everywhere while no list is set"),
    ("own_extension", "on one's own, while one holds an extension"),
    ("needs_extension", "everywhere, while one holds an extension"),
    ("if_set", "only a number that an administrator has preset"),
    ("toggle", "nowhere, until an administrator switches it on for the person"),
    ("explicit", "nowhere, until the role has it; it cannot be switched on for a person"),
];

/// The cell of one action.
pub fn of_action(seen: &Seen) -> String {
    assert!(!seen.is_empty(), "nothing was asked");
    if seen.iter().all(|(_, allowed)| *allowed) {
        return "yes".into();
    }
    if seen.iter().all(|(_, allowed)| !*allowed) {
        return "-".into();
    }
    let fits = |is: fn(Situation) -> bool| seen.iter().all(|(at, allowed)| is(*at) == *allowed);
    match NAMES.iter().find(|(_, is)| fits(*is)) {
        Some((name, _)) => (*name).into(),
        None => {
            let mut told = String::from("mix");
            for (at, allowed) in seen {
                let mark = if *allowed { '+' } else { '-' };
                write!(told, "{mark}{:?}.{:?}", at.kit, at.place).unwrap();
            }
            told
        }
    }
}

/// The cell of a row: its actions agree, or all their names are shown.
pub fn of_row(names: impl IntoIterator<Item = String>) -> String {
    let mut told: Vec<String> = Vec::new();
    for name in names {
        if !told.contains(&name) {
            told.push(name);
        }
    }
    told.join("+")
}

#[test]
fn outcomes_have_names_and_mixtures_are_shown() {
    let at = |kit, place| Situation { kit, place };
    let places = [at(Kit::Bare, Place::Mine), at(Kit::Bare, Place::Elsewhere)];
    let cell = |allowed: [bool; 2]| {
        of_action(&std::array::from_fn::<_, 2, _>(|i| (places[i], allowed[i])))
    };
    assert_eq!(cell([true, true]), "yes");
    assert_eq!(cell([false, false]), "-");
    assert_eq!(cell([true, false]), "own");
    assert_eq!(cell([false, true]), "others");
    let strange = [
        (at(Kit::Member, Place::Inside), true),
        (at(Kit::Member, Place::Mine), true),
        (at(Kit::Bare, Place::Mine), false),
    ];
    assert_eq!(of_action(&strange), "mix+Member.Inside+Member.Mine-Bare.Mine");
    assert_eq!(of_row(["own".into(), "yes".into(), "own".into()]), "own+yes");
}
