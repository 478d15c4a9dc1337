//! Numbers, extensions and queues.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::facts::Capabilities;
use lineguard_core::id::{AccountId, ExtensionId, FaxboxId, GroupId, PhoneNumber, QueueId};
use lineguard_core::model::{Fallback, TargetKind};
use lineguard_core::text::Fields;

use super::read;
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::{Listed, Number};

const NUMBER: &[&str] =
    &["number", "numbers", "account", "capabilities", "active", "groups", "faxboxes"];
const RETIRED_NUMBER: &[&str] = &["number", "numbers", "account"];
const EXTENSION: &[&str] = &["id", "ids", "account"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Capability {
    Voice,
    Fax,
    Message,
}

const CAPABILITIES: [(Capability, &str); 3] =
    [(Capability::Voice, "voice"), (Capability::Fax, "fax"), (Capability::Message, "message")];

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn numbers(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("number", MAX_OBJECTS, NUMBER) {
            let account = self.account(&fields);
            let number = Number {
                capabilities: capabilities(&fields),
                active: read::flag(&fields, "active"),
                groups: self.receiving_groups(&fields, &account),
                faxboxes: self.receiving_faxboxes(&fields, &account),
                account,
            };
            for item in self.one_or_many(&fields, "number", "numbers") {
                let parsed = read::parse(self.source, "number", item, PhoneNumber::parse);
                let Some((id, at)) = parsed else { continue };
                if self.first("number", id.as_str(), at) {
                    self.world.numbers.insert(id, number.clone());
                }
            }
        }
    }

    /// Numbers that were given back: only faxes name them.
    pub(super) fn retired_numbers(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("retired_number", MAX_OBJECTS, RETIRED_NUMBER) {
            let account = self.account(&fields);
            for item in self.one_or_many(&fields, "number", "numbers") {
                let parsed = read::parse(self.source, "number", item, PhoneNumber::parse);
                let Some((id, at)) = parsed else { continue };
                if self.first("number", id.as_str(), at) {
                    self.world.retired_numbers.insert(id, account.clone());
                }
            }
        }
    }

    fn receiving_groups(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> BTreeSet<GroupId> {
        let groups = read::ids(self.source, fields, "groups", GroupId::parse).unwrap_or_default();
        if let Some(model) = &self.model
            && !groups.is_empty()
            && !model.auto_assign.targets.contains(&TargetKind::Group)
        {
            let at = fields.key_at("groups").unwrap_or_else(|| fields.at());
            self.source.error(at, "`groups`: the product model assigns no faxes to groups");
        }
        for (group, at) in &groups {
            let to = Target::ReceivingGroup { number: account.clone(), group: group.clone() };
            self.refer(*at, "groups", to);
        }
        groups.into_iter().map(|(group, _)| group).collect()
    }

    fn receiving_faxboxes(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> BTreeSet<FaxboxId> {
        let faxboxes =
            read::ids(self.source, fields, "faxboxes", FaxboxId::parse).unwrap_or_default();
        if let Some(model) = &self.model {
            let rules = &model.auto_assign;
            let allowed =
                rules.targets.contains(&TargetKind::Faxbox) || rules.fallback == Fallback::Faxbox;
            if !faxboxes.is_empty() && !allowed {
                let at = fields.key_at("faxboxes").unwrap_or_else(|| fields.at());
                self.source.error(at, "`faxboxes`: the product model assigns no faxes to faxboxes");
            }
        }
        for (faxbox, at) in &faxboxes {
            let to = Target::ReceivingFaxbox { number: account.clone(), faxbox: faxbox.clone() };
            self.refer(*at, "faxboxes", to);
        }
        faxboxes.into_iter().map(|(faxbox, _)| faxbox).collect()
    }

    pub(super) fn extensions_and_queues(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("extension", MAX_OBJECTS, EXTENSION) {
            let account = self.account(&fields);
            for item in self.one_or_many(&fields, "id", "ids") {
                let parsed = read::parse(self.source, "id", item, ExtensionId::parse);
                let Some((id, at)) = parsed else { continue };
                if self.first("extension", id.as_str(), at) {
                    self.world.extensions.insert(id, account.clone());
                }
            }
        }
        for fields in fields.subs("queue", MAX_OBJECTS, EXTENSION) {
            let account = self.account(&fields);
            for item in self.one_or_many(&fields, "id", "ids") {
                let parsed = read::parse(self.source, "id", item, QueueId::parse);
                let Some((id, at)) = parsed else { continue };
                if self.first("queue", id.as_str(), at) {
                    self.world.queues.insert(id, account.clone());
                }
            }
        }
    }

    /// Refuses a second receiver of a number's faxes where the model allows one (rulings R18).
    pub(super) fn targets(&self) {
        let Some(model) = self.model.as_ref().filter(|model| !model.auto_assign.several) else {
            return;
        };
        let mut people: BTreeMap<&PhoneNumber, Vec<&str>> = BTreeMap::new();
        for ((account, subject), member) in &self.world.members {
            let numbers = member.lists.auto_assign_numbers.as_ref();
            for (number, of) in &self.world.numbers {
                let named = match numbers {
                    None => false,
                    Some(Listed::All) => of.account == *account,
                    Some(Listed::These(these)) => these.contains(number),
                };
                if named {
                    people.entry(number).or_default().push(subject.id());
                }
            }
        }
        for (number, of) in &self.world.numbers {
            let mut receivers = people.remove(number).unwrap_or_default();
            receivers.extend(of.groups.iter().map(GroupId::as_str));
            let faxboxes = of.faxboxes.iter().map(FaxboxId::as_str);
            // The faxbox that receives what nobody else does stands beside a target.
            if model.auto_assign.fallback == Fallback::Faxbox && of.faxboxes.len() <= 1 {
                drop(faxboxes);
            } else {
                receivers.extend(faxboxes);
            }
            if receivers.len() > 1 {
                let at = self.seen.get(&("number", number.as_str().to_owned())).copied();
                let receivers = receivers.join("`, `");
                let problem = format!(
                    "`number`: the faxes of `{}` have more than one receiver: `{receivers}`; the \
                     product model allows one",
                    number.as_str()
                );
                self.source.error(at.unwrap_or_default(), problem);
            }
        }
    }
}

fn capabilities(fields: &Fields<'_, '_>) -> Option<Capabilities> {
    fields.value("capabilities")?;
    let listed = fields.choices("capabilities", &CAPABILITIES);
    Some(Capabilities {
        voice: listed.contains(&Capability::Voice),
        fax: listed.contains(&Capability::Fax),
        message: listed.contains(&Capability::Message),
    })
}
