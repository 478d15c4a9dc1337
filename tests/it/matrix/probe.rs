//! Asks for cells.

use std::collections::BTreeMap;

use lineguard::wire::pb;
use lineguard_core::change::OverrideValue;
use lineguard_core::model::reach::Direction;
use lineguard_core::model::{Permission, PermissionKind, built_in_vocabulary};
use lineguard_core::vocabulary::{Action, SendChannel};

use super::bench::Bench;
use super::cell::{self, Situation};
use super::column::{Column, Kit, adjust, override_of};
use super::place::{Inside, Place, Spot};
use super::products::{Product, Refine, actions_of, routed, routed_number};
use crate::ask::user;

/// Cells by row and column.
pub type Table = BTreeMap<(String, &'static str), String>;

/// What an answer must be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Allow,
    Obligation,
}

/// One question for one cell.
struct Probe {
    action: usize,
    at: Situation,
    wanted: Wanted,
    question: pb::CheckRequest,
}

impl Product {
    /// The whole matrix, as the service answers it now.
    pub async fn matrix(&self, bench: &mut Bench) -> Table {
        let rows: Vec<_> = self.model.permissions.iter().collect();
        let columns: Vec<_> = self.columns.iter().collect();
        let mut table = self.cells(bench, &rows, &columns).await;
        self.refine(bench, &mut table).await;
        table
    }

    /// The cells of one row.
    pub async fn row_cells(&self, bench: &mut Bench, row: &Permission) -> Table {
        let columns: Vec<_> = self.columns.iter().collect();
        self.cells(bench, &[row], &columns).await
    }

    /// Some cells, without looking twice at those that are denied.
    pub async fn cells(&self, bench: &Bench, rows: &[&Permission], columns: &[&Column]) -> Table {
        let (mut table, mut probes, mut ends) = (Table::new(), Vec::new(), Vec::new());
        for row in rows {
            for column in columns {
                if row.kind == PermissionKind::Routing {
                    let cell = self.routing(bench, column).await;
                    table.insert((row.key.to_string(), column.key), cell);
                    continue;
                }
                probes.extend(self.probes(row, column));
                ends.push(((row.key.to_string(), column.key), probes.len()));
            }
        }
        let asked = probes.iter().map(|probe| probe.question.clone()).collect();
        let counts: Vec<_> = bench.ask(asked).await.iter().zip(&probes).map(counts).collect();
        let mut start = 0;
        for (key, end) in ends {
            let mut by_action = BTreeMap::<usize, Vec<(Situation, bool)>>::new();
            for (probe, counts) in probes[start..end].iter().zip(&counts[start..end]) {
                by_action.entry(probe.action).or_default().push((probe.at, *counts));
            }
            assert!(start < end, "no question for {key:?}");
            let names = by_action.into_values().map(|seen| cell::of_action(&seen));
            let name = self.preset(bench, &key, cell::of_row(names)).await;
            table.insert(key, name);
            start = end;
        }
        table
    }

    fn probes(&self, row: &Permission, column: &Column) -> Vec<Probe> {
        let channels: Vec<_> = match &row.kind {
            // Whatever the person may do at all is closed on these channels.
            PermissionKind::Channel(_) => {
                [pb::Channel::Web, pb::Channel::Desktop, pb::Channel::Mobile].into()
            }
            _ => vec![pb::Channel::Unspecified],
        };
        let actions = match &row.kind {
            PermissionKind::Grant(_) => actions_of(row),
            PermissionKind::Channel(_) => actions_of(self.row("nav.access")),
            // What no row of the product gives cannot be narrowed or obliged either.
            _ => {
                let given = |action: &Action| !self.model.permissions_for(*action).is_empty();
                actions_of(row).into_iter().filter(given).collect()
            }
        };
        let narrows = !matches!(row.kind, PermissionKind::Grant(_));
        let wanted = match row.kind {
            PermissionKind::Obligation { .. } => Wanted::Obligation,
            _ => Wanted::Allow,
        };
        let mut probes = Vec::new();
        for (position, action) in actions.into_iter().enumerate() {
            for (at, spot) in self.situations(row, column, action, narrows) {
                for channel in &channels {
                    let who = self.person(row, column, at.kit);
                    let mut question = self.question(&who, action, &Spot { who: &who, ..spot });
                    question.context.get_or_insert_default().channel = (*channel).into();
                    probes.push(Probe { action: position, at, wanted, question });
                }
            }
        }
        probes
    }

    /// The situations in which an action is asked for. What narrows is the same everywhere.
    fn situations(
        &self,
        row: &Permission,
        column: &Column,
        action: Action,
        narrows: bool,
    ) -> Vec<(Situation, Spot<'static>)> {
        let shape = (self.shape)(row.key.as_str(), column);
        let vocabulary = built_in_vocabulary();
        let def = vocabulary.def(action).unwrap();
        let is_fax = &*vocabulary.resource(def.resource).unwrap().name == "fax";
        let stored_fax = is_fax && (def.sends.is_none() || def.sees.is_some());
        let mut situations = Vec::new();
        for kit in column.kits {
            let mut places = vec![Place::Elsewhere];
            if shape.mine && !narrows {
                places.push(Place::Mine);
            }
            if shape.inside.is_some() && *kit != Kit::Bare {
                places.push(Place::Inside);
            }
            for place in places {
                let directions: Vec<_> = if !stored_fax {
                    vec![Direction::Inbound]
                } else if place == Place::Mine {
                    // What one received has no sender.
                    let outbound = |direction: &Direction| *direction == Direction::Outbound;
                    shape.directions.iter().copied().filter(outbound).collect()
                } else {
                    shape.directions.to_vec()
                };
                for direction in directions {
                    let inside = shape.inside.unwrap_or(Inside::All);
                    let spot = Spot { who: "", place, inside, direction, state: shape.state };
                    situations.push((Situation { kit: *kit, place }, spot));
                }
            }
        }
        situations
    }

    fn question(&self, who: &str, action: Action, spot: &Spot<'_>) -> pb::CheckRequest {
        let vocabulary = built_in_vocabulary();
        let def = vocabulary.def(action).unwrap();
        let conferred = (self.model.roles[0].key.as_str(), self.model.permissions[0].key.as_str());
        let target = def.target.map(|ty| spot.target(vocabulary.resource(ty).unwrap(), conferred));
        let mut resource = spot.resource(def, vocabulary.resource(def.resource).unwrap());
        // A call may name no number; then the cell is about the right to call alone.
        if self.model.outgoing.held.contains(&action)
            && def.sends == Some(SendChannel::Call)
            && let Some(call) = &mut resource.properties
        {
            call.number = None;
        }
        pb::CheckRequest {
            tenant: "t1".into(),
            subject: Some(user(who)),
            account: "home".into(),
            action: Some(pb::Action { name: def.name.to_string() }),
            resource: Some(resource),
            target,
            context: Some(pb::Context { recipient_verified: Some(true), ..Default::default() }),
            consistency: None,
        }
    }

    /// Whether a person of the column can be a target of auto-assign.
    async fn routing(&self, bench: &Bench, column: &Column) -> String {
        let position = self.columns.iter().position(|one| one.key == column.key).unwrap();
        let answer = bench.receivers(&routed_number(position)).await;
        let named = |target: &Option<pb::AutoAssignTarget>| {
            let kind = target.as_ref().and_then(|target| target.kind.clone());
            kind == Some(pb::auto_assign_target::Kind::User(user(&routed(column))))
        };
        if answer.recipients.iter().any(|one| named(&one.target)) {
            return "yes".into();
        }
        let skipped = answer.skipped.iter().find(|one| named(&one.target)).unwrap();
        assert_eq!(skipped.reason, "NOT_A_TARGET");
        "-".into()
    }

    /// A preset number is worth something only where one is set.
    async fn preset(
        &self,
        bench: &Bench,
        (row, column): &(String, &'static str),
        name: String,
    ) -> String {
        if row != "callerid.default" {
            return name;
        }
        let (row, column) = (self.row(row), self.column(column));
        let with = bench.caller_id(&self.person(row, column, Kit::Extension), None).await;
        let without = bench.caller_id(&self.person(row, column, Kit::NoExtension), None).await;
        assert_eq!(without.0, pb::CallerIdOutcome::None);
        let presented = (pb::CallerIdOutcome::Number, super::place::PRESET_NUMBER.to_owned());
        match (name.as_str(), with == presented) {
            ("yes", true) => "if_set".into(),
            ("-", false) => name,
            _ => format!("{name}, but presents {with:?}"),
        }
    }

    /// Looks at denied cells once more, where the product tells them apart.
    async fn refine(&self, bench: &mut Bench, table: &mut Table) {
        for row in &self.model.permissions {
            let denied = |column: &&Column| table[&(row.key.to_string(), column.key)] == "-";
            let columns: Vec<_> = self.columns.iter().filter(denied).collect();
            let (name, held) = match self.refine {
                Refine::Toggle if !row.role_only => {
                    ("toggle", self.switched_on(bench, row, &columns).await)
                }
                Refine::Explicit if row.role_only => {
                    ("explicit", self.added_to_roles(bench, row, &columns).await)
                }
                _ => continue,
            };
            for (key, _) in held.into_iter().filter(|(_, cell)| cell == "yes") {
                table.insert(key, name.into());
            }
        }
    }

    async fn switched_on(&self, bench: &mut Bench, row: &Permission, columns: &[&Column]) -> Table {
        bench.apply(self.overrides(row, columns, &OverrideValue::On)).await;
        let held = self.cells(bench, &[row], columns).await;
        bench.apply(self.overrides(row, columns, &OverrideValue::Unset)).await;
        held
    }

    /// What a role gives that a person cannot be given.
    async fn added_to_roles(
        &self,
        bench: &mut Bench,
        row: &Permission,
        columns: &[&Column],
    ) -> Table {
        for change in self.overrides(row, columns, &OverrideValue::On) {
            bench.try_apply(vec![change]).await.unwrap_err();
        }
        let roles = || columns.iter().filter_map(|column| column.role);
        bench.apply(roles().map(|role| adjust(role, &[row.key.as_str()], &[])).collect()).await;
        let held = self.cells(bench, &[row], columns).await;
        bench.apply(roles().map(|role| adjust(role, &[], &[])).collect()).await;
        held
    }

    /// One override for everybody who answers for a row in these columns.
    pub fn overrides(
        &self,
        row: &Permission,
        columns: &[&Column],
        value: &OverrideValue,
    ) -> Vec<lineguard_core::change::Change> {
        let people = columns.iter().flat_map(|column| self.people(row, column));
        people.map(|who| override_of(&who, row.key.as_str(), value.clone())).collect()
    }
}

fn counts((decision, probe): (&pb::Decision, &Probe)) -> bool {
    let allowed = decision.effect() == pb::Effect::Allow;
    let obliged = decision.obligations().any(|one| one == pb::Obligation::Approval);
    match probe.wanted {
        Wanted::Allow => allowed,
        Wanted::Obligation => obliged,
    }
}
