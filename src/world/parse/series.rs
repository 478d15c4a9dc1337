//! Series of faxes: a few lines that stand for thousands, always the same ones.

use lineguard_core::change::{NewFax, SourceSet};
use lineguard_core::id::{AccountId, ExternalId, FaxId, FaxboxId, PhoneNumber, Subject, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::text::{Fields, Item};

use super::fax::{DIRECTIONS, attachment_sources};
use super::read;
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::{Assignee, Fax, time};

const SERIES: &[&str] = &[
    "prefix",
    "count",
    "direction",
    "numbers",
    "accounts",
    "faxboxes",
    "senders",
    "states",
    "labels",
    "attachment_sources",
    "start",
    "every",
];

/// What a series says, each list to be gone through again and again.
struct Series {
    direction: Direction,
    numbers: Vec<PhoneNumber>,
    accounts: Vec<AccountId>,
    faxboxes: Vec<FaxboxId>,
    senders: Vec<Subject>,
    states: Vec<FaxState>,
    labels: Vec<Vec<ExternalId>>,
    attachment_sources: Option<SourceSet>,
    start: Timestamp,
    every: i64,
}

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn series(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("fax_series", MAX_OBJECTS, SERIES) {
            let series = self.read_series(&fields);
            let count = self.count(&fields);
            let prefix = read::required_id(self.source, &fields, "prefix", FaxId::parse);
            let (Some(series), Some(count), Some((prefix, at))) = (series, count, prefix) else {
                continue;
            };
            for position in 0..count {
                let Some(id) = self.nth_id(&prefix, position, at) else { break };
                let new = series.nth(id, position, &self.world);
                if let Some(faxbox) = self.misplaced(&new) {
                    let at = fields.key_at("faxboxes").unwrap_or(at);
                    let problem =
                        format!("`faxboxes`: `{faxbox}` is not in the account of `{}`", new.fax);
                    self.source.error(at, problem);
                    break;
                }
                let fax = Fax { new, assignee: Assignee::Routed, unfiled: false };
                self.keep_fax(fax, at);
            }
        }
    }

    /// The faxbox of a fax, if it lies in another account.
    fn misplaced<'f>(&self, fax: &'f NewFax) -> Option<&'f FaxboxId> {
        let faxbox = fax.faxbox.as_ref()?;
        let of = &self.world.faxboxes.get(faxbox)?.account;
        (*of != fax.account).then_some(faxbox)
    }

    fn nth_id(&self, prefix: &FaxId, position: usize, at: usize) -> Option<FaxId> {
        let id = FaxId::parse(&format!("{prefix}{:05}", position + 1));
        if id.is_err() {
            self.source.error(at, "`prefix` is too long for ids of at most 128 bytes");
        }
        id.ok()
    }

    fn count(&self, fields: &Fields<'s, 't>) -> Option<usize> {
        let Some(value) = fields.value("count") else {
            fields.missing("count");
            return None;
        };
        let count = value.get_ref().as_integer();
        let count = count.filter(|count| count.radix() == 10);
        let count = count.and_then(|count| count.as_str().parse().ok());
        let count = count.filter(|count| (1..=MAX_OBJECTS).contains(count));
        if count.is_none() {
            let problem = format!("`count` must be a number from 1 to {MAX_OBJECTS}");
            self.source.error(value.span().start, problem);
        }
        count
    }

    fn read_series(&mut self, fields: &Fields<'s, 't>) -> Option<Series> {
        let direction = fields.required_choice("direction", &DIRECTIONS);
        let numbers = self.cycle(fields, "numbers", PhoneNumber::parse, Target::AnyNumber);
        let accounts = self.cycle(fields, "accounts", AccountId::parse, Target::Account);
        let senders = self.cycle(fields, "senders", read::subject, Target::Anyone);
        let (of_faxbox, root) = (self.world.faxboxes.clone(), self.world.root.clone());
        let to = |faxbox| {
            let account = of_faxbox.get(&faxbox).map_or(&root, |of| &of.account).clone();
            Target::Faxbox { account, faxbox }
        };
        let faxboxes = self.cycle(fields, "faxboxes", FaxboxId::parse, to);
        let states = fields.value("states").map(|_| self.states(fields));
        let states = states.filter(|states| !states.is_empty()).unwrap_or(vec![FaxState::Active]);
        let start = read::required_time(self.source, fields, "start");
        let every = fields.required("every").and_then(|item| self.every(item));
        let labels = self.label_sets(fields);
        let (direction, start, every) = (direction?, start?, every?);
        let at = fields.key_at("states").unwrap_or_else(|| fields.at());
        if let Some(wrong) = states.iter().find(|state| {
            direction == Direction::Inbound && matches!(state, FaxState::Draft | FaxState::Pending)
        }) {
            self.check_state(direction, *wrong, at);
        }
        if states.contains(&FaxState::Pending) {
            self.check_sender(FaxState::Pending, !senders.is_empty(), at);
        }
        if direction == Direction::Inbound && !senders.is_empty() {
            fields.refuse(&["senders"], "means nothing for received faxes");
        }
        let series = Series {
            direction,
            numbers,
            accounts,
            faxboxes,
            senders,
            states,
            labels,
            attachment_sources: attachment_sources(fields),
            start,
            every,
        };
        Some(series)
    }

    /// A pattern may name a state several times.
    fn states(&self, fields: &Fields<'s, 't>) -> Vec<FaxState> {
        let mut states = Vec::new();
        for value in fields.array("states").into_iter().flat_map(|array| array.iter()) {
            let word = value.get_ref().as_str().unwrap_or_default();
            match FaxState::ALL.iter().find(|(_, one)| *one == word) {
                Some((state, _)) => states.push(*state),
                None => {
                    let words = FaxState::ALL.map(|(_, word)| word);
                    self.source.unknown(value.span().start, "value of `states`:", word, words);
                }
            }
        }
        states
    }

    fn every(&self, item: Item<'_>) -> Option<i64> {
        match time::parse_span(item.text) {
            Ok(ms) => Some(ms),
            Err(problem) => {
                self.source.error(item.at, format!("`every`: {problem}"));
                None
            }
        }
    }

    /// A list of lists: the labels of the first fax, of the second, …
    fn label_sets(&self, fields: &Fields<'s, 't>) -> Vec<Vec<ExternalId>> {
        let mut sets = Vec::new();
        for value in fields.array("labels").into_iter().flat_map(|array| array.iter()) {
            let Some(set) = value.get_ref().as_array() else {
                fields.wrong_type("labels", value, "a list of lists, like [[\"urgent\"], []]");
                continue;
            };
            let mut labels = std::collections::BTreeSet::new();
            for label in set.iter() {
                let text = label.get_ref().as_str().unwrap_or_default();
                let item = Item { text, at: label.span().start };
                let parsed = read::parse(self.source, "labels", item, ExternalId::parse);
                labels.extend(parsed.map(|(label, _)| label));
            }
            sets.push(labels.into_iter().collect());
        }
        sets
    }

    /// A list of names, each of which must exist. A pattern may name one several times.
    fn cycle<T: Clone>(
        &mut self,
        fields: &Fields<'s, 't>,
        name: &'static str,
        parser: impl Fn(&str) -> Result<T, lineguard_core::id::IdError>,
        target: impl Fn(T) -> Target,
    ) -> Vec<T> {
        let mut cycle = Vec::new();
        for value in fields.array(name).into_iter().flat_map(|array| array.iter()) {
            let text = value.get_ref().as_str().unwrap_or_default();
            let item = Item { text, at: value.span().start };
            if let Some((value, at)) = read::parse(self.source, name, item, &parser) {
                self.refer(at, name, target(value.clone()));
                cycle.push(value);
            }
        }
        cycle
    }
}

fn nth<T>(list: &[T], position: usize) -> Option<&T> {
    list.get(position.checked_rem(list.len())?)
}

impl Series {
    fn nth(&self, id: FaxId, position: usize, world: &crate::world::TenantWorld) -> NewFax {
        let number = nth(&self.numbers, position);
        let of_number = number.and_then(|number| world.account_of_number(number));
        let account = nth(&self.accounts, position).or(of_number).unwrap_or(&world.root);
        let passed = i64::try_from(position).unwrap_or(i64::MAX).saturating_mul(self.every);
        NewFax {
            fax: id,
            account: account.clone(),
            direction: self.direction,
            number: number.cloned(),
            faxbox: nth(&self.faxboxes, position).cloned(),
            creator: nth(&self.senders, position).cloned(),
            state: nth(&self.states, position).copied().unwrap_or(FaxState::Active),
            labels: nth(&self.labels, position).cloned().unwrap_or_default(),
            at: Timestamp(self.start.0.saturating_add(passed)),
            attachment_sources: self.attachment_sources,
        }
    }
}
