//! Faxes.

use std::collections::BTreeSet;

use lineguard_core::change::{AttachmentSource, NewFax, SourceSet, UserOrGroup, register};
use lineguard_core::id::{AccountId, ExternalId, FaxId, FaxboxId, GroupId, PhoneNumber, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::text::Fields;

use super::read;
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::{Assignee, Fax};

const FAX: &[&str] = &[
    "id",
    "account",
    "direction",
    "number",
    "faxbox",
    "unfiled",
    "sender",
    "assignee",
    "unassigned",
    "state",
    "labels",
    "attachment_sources",
    "at",
];

pub(super) const DIRECTIONS: [(Direction, &str); 2] =
    [(Direction::Inbound, "inbound"), (Direction::Outbound, "outbound")];

/// Left out is not known, and an empty list known to be none.
pub(super) fn attachment_sources(fields: &Fields<'_, '_>) -> Option<SourceSet> {
    fields.value("attachment_sources")?;
    Some(fields.choices("attachment_sources", &AttachmentSource::ALL).into_iter().collect())
}

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn faxes(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("fax", MAX_OBJECTS, FAX) {
            self.fax(&fields);
        }
    }

    fn fax(&mut self, fields: &Fields<'s, 't>) {
        let number = read::id(self.source, fields, "number", PhoneNumber::parse);
        let number = number.map(|(number, at)| {
            self.refer(at, "number", Target::AnyNumber(number.clone()));
            number
        });
        let account = self.account_of_fax(fields, number.as_ref());
        let direction = fields.required_choice("direction", &DIRECTIONS);
        let state = fields.choice("state", &FaxState::ALL).unwrap_or(FaxState::Active);
        if let Some(direction) = direction {
            let at = fields.key_at("state").unwrap_or_else(|| fields.at());
            self.check_state(direction, state, at);
            self.check_sender(state, fields.value("sender").is_some(), at);
        }
        let faxbox = read::id(self.source, fields, "faxbox", FaxboxId::parse);
        let faxbox = faxbox.map(|(faxbox, at)| {
            let to = Target::Faxbox { account: account.clone(), faxbox: faxbox.clone() };
            self.refer(at, "faxbox", to);
            faxbox
        });
        let unfiled = fields.bool("unfiled", false);
        if unfiled && faxbox.is_some() {
            fields.refuse(&["unfiled"], "cannot stand beside `faxbox`");
        }
        let creator = read::id(self.source, fields, "sender", read::subject);
        let labels = read::ids(self.source, fields, "labels", ExternalId::parse);
        let labels: BTreeSet<_> =
            labels.unwrap_or_default().into_iter().map(|(label, _)| label).collect();
        let assignee = self.assignee(fields, &account);
        let received_at = read::required_time(self.source, fields, "at");
        let id = read::required_id(self.source, fields, "id", FaxId::parse);
        let (Some((id, at)), Some(direction)) = (id, direction) else { return };
        let new = NewFax {
            fax: id,
            account,
            direction,
            number,
            faxbox,
            creator: creator.map(|(creator, _)| creator),
            state,
            labels: labels.into_iter().collect(),
            at: received_at.unwrap_or(Timestamp(0)),
            attachment_sources: attachment_sources(fields),
        };
        self.keep_fax(Fax { new, assignee, unfiled }, at);
    }

    pub(super) fn keep_fax(&mut self, fax: Fax, at: usize) {
        if self.first("fax", fax.new.fax.as_str(), at) {
            self.world.faxes.insert(fax.new.fax.clone(), fax);
        }
    }

    pub(super) fn check_state(&self, direction: Direction, state: FaxState, at: usize) {
        if let Err(problem) = register::check_state(direction, state) {
            self.source.error(at, format!("`state`: {problem}"));
        }
    }

    pub(super) fn check_sender(&self, state: FaxState, known: bool, at: usize) {
        if register::check_creator(state, known).is_err() {
            self.source.error(at, "`state`: a fax is not pending without somebody who sends it");
        }
    }

    /// The account that a fax names, else that of its number, else the root.
    pub(super) fn account_of_fax(
        &mut self,
        fields: &Fields<'s, 't>,
        number: Option<&PhoneNumber>,
    ) -> AccountId {
        if fields.value("account").is_some() {
            return self.account(fields);
        }
        let of_number = number.and_then(|number| self.world.account_of_number(number));
        of_number.unwrap_or(&self.world.root).clone()
    }

    fn assignee(&mut self, fields: &Fields<'s, 't>, account: &AccountId) -> Assignee {
        let nobody = fields.bool("unassigned", false);
        let Some(item) = fields.item("assignee") else {
            return if nobody { Assignee::Nobody } else { Assignee::Routed };
        };
        if nobody {
            fields.refuse(&["unassigned"], "cannot stand beside `assignee`");
        }
        if let Some(group) = item.text.strip_prefix("group:") {
            let group = lineguard_core::text::Item { text: group, at: item.at };
            let Some((group, at)) = read::parse(self.source, "assignee", group, GroupId::parse)
            else {
                return Assignee::Routed;
            };
            let to = Target::Group { account: account.clone(), group: group.clone() };
            self.refer(at, "assignee", to);
            return Assignee::To(UserOrGroup::Group(group));
        }
        let Some((user, at)) = read::parse(self.source, "assignee", item, read::subject) else {
            return Assignee::Routed;
        };
        let to = Target::Member { account: account.clone(), subject: user.clone() };
        self.refer(at, "assignee", to);
        Assignee::To(UserOrGroup::User(user))
    }
}
