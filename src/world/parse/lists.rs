//! The lists of a member.

use std::collections::BTreeSet;

use lineguard_core::change::AttachmentSource;
use lineguard_core::id::{AccountId, ExtensionId, ExternalId, QueueId};
use lineguard_core::model::TargetKind;
use lineguard_core::text::Fields;

use super::Tenant;
use super::read;
use super::reference::Target;
use crate::world::{Listed, Lists};

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn lists(&mut self, fields: &Fields<'s, 't>, account: &AccountId) -> Lists {
        let auto_assign_numbers = self.numbers_of(fields, "auto_assign_numbers", account);
        let users = |targets: &[TargetKind]| targets.contains(&TargetKind::User);
        let none = Listed::These(BTreeSet::new());
        if self.model.as_ref().is_some_and(|model| !users(&model.auto_assign.targets))
            && auto_assign_numbers.as_ref().is_some_and(|list| *list != none)
        {
            let at = fields.key_at("auto_assign_numbers").unwrap_or_else(|| fields.at());
            let problem = "`auto_assign_numbers`: the product model assigns no faxes to members";
            self.source.error(at, problem);
        }
        Lists {
            access_numbers: self.numbers_of(fields, "access_numbers", account),
            auto_assign_numbers,
            granted_numbers: self.numbers_of(fields, "granted_numbers", account),
            held_extensions: self.held_extensions(fields, account),
            granted_extensions: self.extensions_of(fields, "granted_extensions", account),
            granted_queues: self.queues_of(fields, account),
            labels: self.labels(fields),
            send_from_fax: self.numbers_of(fields, "send_from_fax", account),
            send_from_message: self.numbers_of(fields, "send_from_message", account),
            send_from_call: self.numbers_of(fields, "send_from_call", account),
            attachment_sources: self.attachment_sources(fields),
        }
    }

    fn extensions_of(
        &mut self,
        fields: &Fields<'s, 't>,
        name: &'static str,
        account: &AccountId,
    ) -> Option<Listed<ExtensionId>> {
        let (listed, _) = read::all_or(self.source, fields, name, ExtensionId::parse)?;
        let target = |extension| Target::Extension { account: account.clone(), extension };
        Some(self.refer_each(name, listed, target))
    }

    /// An extension has one holder (rulings R23).
    fn held_extensions(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> Option<Listed<ExtensionId>> {
        let held = self.extensions_of(fields, "held_extensions", account)?;
        let at = fields.key_at("held_extensions").unwrap_or_else(|| fields.at());
        match &held {
            Listed::All => {
                self.source.error(
                    at,
                    "`held_extensions`: an extension has one holder, so nobody holds them all",
                );
            }
            Listed::These(these) => {
                for extension in these {
                    self.first("holder of extension", extension.as_str(), at);
                }
            }
        }
        Some(held)
    }

    fn queues_of(
        &mut self,
        fields: &Fields<'s, 't>,
        account: &AccountId,
    ) -> Option<Listed<QueueId>> {
        let name = "granted_queues";
        let (listed, _) = read::all_or(self.source, fields, name, QueueId::parse)?;
        let target = |queue| Target::Queue { account: account.clone(), queue };
        Some(self.refer_each(name, listed, target))
    }

    fn labels(&self, fields: &Fields<'s, 't>) -> Option<Listed<ExternalId>> {
        let (listed, _) = read::all_or(self.source, fields, "labels", ExternalId::parse)?;
        Some(plain(listed))
    }

    fn attachment_sources(&self, fields: &Fields<'s, 't>) -> Option<Listed<AttachmentSource>> {
        let name = "attachment_sources";
        let (listed, _) = read::all_or(self.source, fields, name, ExternalId::parse)?;
        let Listed::These(words) = listed else { return Some(Listed::All) };
        let mut sources = BTreeSet::new();
        for (word, at) in words {
            match AttachmentSource::from_word(word.as_str()) {
                Some(source) => {
                    sources.insert(source);
                }
                None => {
                    let words = AttachmentSource::ALL.map(|(_, word)| word);
                    self.source.unknown(at, "attachment source", word.as_str(), words);
                }
            }
        }
        Some(Listed::These(sources))
    }
}

fn plain<T: Ord>(listed: Listed<(T, usize)>) -> Listed<T> {
    match listed {
        Listed::All => Listed::All,
        Listed::These(these) => Listed::These(these.into_iter().map(|(value, _)| value).collect()),
    }
}
