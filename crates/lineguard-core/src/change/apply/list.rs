//! The lists of a member, in their three states (rulings R13), and the default number.

use std::collections::BTreeSet;

use super::door::{Done, Door, IN_TENANT, PAGE};
use super::warn::Routed;
use crate::change::{ListValue, MemberList, NumberList};
use crate::id::{AccountId, ExtensionId, Num, PhoneNumber, QueueId, Subject};
use crate::port::ApplyError;
use crate::row::{ALL, LinkKind, MemberBody, Object, ObjectKind};
use crate::vocabulary::SendChannel;

/// A list as it is stored: none where it is unset; [`ALL`] alone where it is everything.
type Stored = Option<BTreeSet<Num>>;

impl Door<'_> {
    pub(super) async fn set_list(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        list: &MemberList,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (member, mut body) = self.member(account, "subject", subject).await?;
        let kind = link_kind(list);
        let stored = self.stored_list(account, &member, list).await?;
        let changed = self.write_list(&member, &mut body, kind, stored.as_ref()).await?;
        if changed && kind == LinkKind::AutoAssignNumber {
            self.check_assigned(account, &stored.unwrap_or_default()).await?;
            self.routes(Routed::Member(member.num));
        }
        Ok(changed)
    }

    async fn write_list(
        &mut self,
        member: &Object,
        body: &mut MemberBody,
        kind: LinkKind,
        stored: Option<&BTreeSet<Num>>,
    ) -> Done {
        let code = kind as u8;
        match stored {
            Some(_) => body.lists.insert(code),
            None => body.lists.remove(&code),
        };
        let mut changed = self.save(member, body).await?;
        changed |= self.set_links(kind, member.num, stored.unwrap_or(&BTreeSet::new())).await?;
        Ok(changed)
    }

    async fn stored_list(
        &mut self,
        account: Num,
        member: &Object,
        list: &MemberList,
    ) -> Result<Stored, ApplyError> {
        match list {
            MemberList::Numbers(_, value) | MemberList::SendFrom(_, value) => {
                let Some(numbers) = these(value) else {
                    return Ok(whole(value));
                };
                self.usable_numbers(account, numbers).await.map(Some)
            }
            MemberList::HeldExtensions(value) => {
                let Some(ids) = these(value) else {
                    return Ok(whole(value));
                };
                let ids = ids.iter().map(ExtensionId::as_str);
                let held = self.of_account(ObjectKind::Extension, account, ids).await?;
                self.check_not_held(member.num, &held).await?;
                Ok(Some(held))
            }
            MemberList::GrantedExtensions(value) => {
                let Some(ids) = these(value) else {
                    return Ok(whole(value));
                };
                let ids = ids.iter().map(ExtensionId::as_str);
                self.of_account(ObjectKind::Extension, account, ids).await.map(Some)
            }
            MemberList::GrantedQueues(value) => {
                let Some(ids) = these(value) else {
                    return Ok(whole(value));
                };
                let ids = ids.iter().map(QueueId::as_str);
                self.of_account(ObjectKind::Queue, account, ids).await.map(Some)
            }
            MemberList::Labels(value) => {
                let Some(labels) = these(value) else {
                    return Ok(whole(value));
                };
                let mut nums = BTreeSet::new();
                for label in labels {
                    nums.insert(self.plain(ObjectKind::Label, label.as_str()).await?);
                }
                Ok(Some(nums))
            }
            MemberList::AttachmentSources(value) => {
                let Some(sources) = these(value) else {
                    return Ok(whole(value));
                };
                Ok(Some(sources.iter().map(|source| source.num()).collect()))
            }
        }
    }

    /// A number that the members of an account may be given.
    pub(super) async fn usable_number(
        &mut self,
        account: Num,
        field: &'static str,
        number: &PhoneNumber,
    ) -> Result<Num, ApplyError> {
        let accounts = self.number_accounts(account).await?;
        let ids = [number.as_str()];
        let found = self.among(ObjectKind::Number, &accounts, field, &ids).await?;
        found.first().copied().ok_or_else(|| self.not_found(field, "no such number"))
    }

    async fn usable_numbers(
        &mut self,
        account: Num,
        numbers: &[PhoneNumber],
    ) -> Result<BTreeSet<Num>, ApplyError> {
        let accounts = self.number_accounts(account).await?;
        let ids: Vec<&str> = numbers.iter().map(PhoneNumber::as_str).collect();
        self.among(ObjectKind::Number, &accounts, "list", &ids).await
    }

    async fn of_account<'i>(
        &mut self,
        kind: ObjectKind,
        account: Num,
        ids: impl Iterator<Item = &'i str> + Send,
    ) -> Result<BTreeSet<Num>, ApplyError> {
        let ids: Vec<&str> = ids.collect();
        self.among(kind, &[account], "list", &ids).await
    }

    /// The numbers of objects that lie in one of these accounts. One that lies elsewhere in the
    /// tenant is answered like one that does not exist.
    async fn among(
        &mut self,
        kind: ObjectKind,
        accounts: &[Num],
        field: &'static str,
        ids: &[&str],
    ) -> Result<BTreeSet<Num>, ApplyError> {
        let keys: Vec<_> = ids.iter().map(|id| (kind, IN_TENANT, *id)).collect();
        let mut nums = BTreeSet::new();
        for chunk in keys.chunks(PAGE) {
            for found in self.tx.find(chunk).await? {
                let fits = |one: &Object| one.account.is_some_and(|of| accounts.contains(&of));
                let Some(found) = found.filter(fits) else {
                    let problem = format!("no such {} in the account", kind.as_str());
                    return Err(self.not_found(field, problem));
                };
                nums.insert(found.num);
            }
        }
        Ok(nums)
    }

    /// An extension has one holder (rulings R23).
    async fn check_not_held(
        &mut self,
        member: Num,
        extensions: &BTreeSet<Num>,
    ) -> Result<(), ApplyError> {
        for extension in extensions {
            let holders = self.tx.links_to(LinkKind::HeldExtension, *extension).await?;
            if holders.iter().any(|holder| *holder != member) {
                return Err(self.refused("list", "another member holds the extension"));
            }
        }
        Ok(())
    }

    pub(super) async fn set_default_number(
        &mut self,
        account: &AccountId,
        subject: &Subject,
        number: Option<&PhoneNumber>,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let (member, _) = self.member(account, "subject", subject).await?;
        let mut ends = BTreeSet::new();
        if let Some(number) = number {
            ends.insert(self.usable_number(account, "number", number).await?);
        }
        self.set_links(LinkKind::DefaultNumber, member.num, &ends).await
    }
}

/// The values of a list that names them one by one.
fn these<T>(value: &ListValue<T>) -> Option<&[T]> {
    match value {
        ListValue::These(these) => Some(these),
        ListValue::Unset | ListValue::All => None,
    }
}

/// A list that names nothing by itself.
fn whole<T>(value: &ListValue<T>) -> Stored {
    match value {
        ListValue::All => Some(BTreeSet::from([ALL])),
        ListValue::Unset | ListValue::These(_) => None,
    }
}

fn link_kind(list: &MemberList) -> LinkKind {
    match list {
        MemberList::Numbers(NumberList::Access, _) => LinkKind::AccessNumber,
        MemberList::Numbers(NumberList::AutoAssign, _) => LinkKind::AutoAssignNumber,
        MemberList::Numbers(NumberList::Granted, _) => LinkKind::GrantedNumber,
        MemberList::HeldExtensions(_) => LinkKind::HeldExtension,
        MemberList::GrantedExtensions(_) => LinkKind::GrantedExtension,
        MemberList::GrantedQueues(_) => LinkKind::GrantedQueue,
        MemberList::Labels(_) => LinkKind::MemberLabel,
        MemberList::SendFrom(SendChannel::Fax, _) => LinkKind::SendFromFax,
        MemberList::SendFrom(SendChannel::Message, _) => LinkKind::SendFromMessage,
        MemberList::SendFrom(SendChannel::Call, _) => LinkKind::SendFromCall,
        MemberList::AttachmentSources(_) => LinkKind::AttachmentSource,
    }
}
