//! The number that something goes out with, and what is attached to it.

use lineguard_core::facts::Fact;
use lineguard_core::id::Num;
use lineguard_core::model::{PermissionKind, RestrictionList};
use lineguard_core::request::{CallerIdQuestion, Presentation, Question};
use lineguard_core::row::LinkKind;
use lineguard_core::vocabulary::{ActionDef, FactName, SendChannel};

use super::caller_id::presents;
use super::matching::{all_in, any_in};
use super::person::{Person, Set};
use super::rows::{NumberRow, World};
use super::sides::{Side, outgoing};
use super::terms::permissions;
use super::truth::Truth;

/// Whether a number is active and can do what a channel needs.
pub(super) fn is_able(row: &NumberRow, channel: SendChannel) -> bool {
    let able = match channel {
        SendChannel::Call => row.body.voice,
        SendChannel::Fax => row.body.fax,
        SendChannel::Message => row.body.message,
    };
    able && row.body.active
}

/// Whether a number may be used at an account: it is set up there, or above it where numbers flow
/// down.
pub(super) fn serves(world: &World<'_>, row: &NumberRow, account: Num) -> bool {
    if world.model.tree.numbers_flow_down {
        world.lies_in(account, row.account)
    } else {
        row.account == account
    }
}

impl Person<'_> {
    /// The list that narrows, if one is in force.
    fn in_force(&self, list: RestrictionList, link: LinkKind) -> Option<Set> {
        match self.list(link) {
            Some(Set::These(these)) => Some(Set::These(these)),
            Some(_) => None,
            None => {
                let mut all = permissions(self.world.model);
                let lacking = all.any(|(ix, permission)| {
                    permission.kind == PermissionKind::Restriction(list) && !self.holds(ix)
                });
                lacking.then(|| Set::These(Vec::new()))
            }
        }
    }

    /// The numbers that a channel is narrowed to, if it is.
    pub(super) fn send_from(&self, channel: SendChannel) -> Option<Set> {
        let link = match channel {
            SendChannel::Fax => LinkKind::SendFromFax,
            SendChannel::Message => LinkKind::SendFromMessage,
            SendChannel::Call => LinkKind::SendFromCall,
        };
        self.in_force(RestrictionList::SendFrom(channel), link)
    }

    /// Whether the number that something goes out with may be used, by this person, for it.
    pub(super) fn number_fits(&self, def: &ActionDef, question: &Question) -> Truth {
        let Some(channel) = def.sends else { return Truth::True };
        let side = outgoing(def, question);
        let list = self.send_from(channel);
        let must_be_held = self.world.model.outgoing.held.contains(&question.action);
        match side.facts.number {
            Fact::Known(number) => {
                let listed = list.is_none_or(|list| list.has(FactName::Number, number));
                let held = if must_be_held {
                    self.could_present(number, channel, question)
                } else {
                    Truth::True
                };
                self.is_usable(number, channel, &side).and(held).and(listed.into())
            }
            Fact::Absent => (list.is_none() && !must_be_held).into(),
            Fact::Missing if channel == SendChannel::Call && list.is_none() => Truth::True,
            Fact::Missing => Truth::missing(side.of, Some(FactName::Number)),
        }
    }

    /// Whether anybody could send what goes out with this number.
    fn is_usable(&self, number: Num, channel: SendChannel, side: &Side<'_>) -> Truth {
        let Some(row) = self.world.number(number) else { return Truth::False };
        let there = match side.facts.account {
            Fact::Known(account) => serves(self.world, row, account).into(),
            Fact::Absent => Truth::False,
            Fact::Missing => Truth::missing(side.of, Some(FactName::Account)),
        };
        let routed = if channel == SendChannel::Fax && self.world.model.outgoing.by_faxbox {
            let boxes = self.world.from(LinkKind::NumberFaxbox, number);
            any_in(&side.facts, side.of, FactName::Faxbox, &Set::These(boxes))
        } else {
            Truth::True
        };
        Truth::from(is_able(row, channel)).and(there).and(routed)
    }

    /// Whether the person would be given the number if they asked for it.
    fn could_present(&self, number: Num, channel: SendChannel, question: &Question) -> Truth {
        let requested = Presentation::Number(number);
        let context = question.context;
        presents(self, &CallerIdQuestion { channel, requested, context }, number).into()
    }

    /// Whether what is attached comes from where this person may attach from.
    pub(super) fn sources_fit(&self, def: &ActionDef, question: &Question) -> Truth {
        let list = self.in_force(RestrictionList::AttachmentSources, LinkKind::AttachmentSource);
        let Some(list) = list.filter(|_| def.attaches) else { return Truth::True };
        let side = outgoing(def, question);
        all_in(&side.facts, side.of, FactName::Source, &list)
    }
}
