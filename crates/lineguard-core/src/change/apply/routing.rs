//! Who receives the faxes of a number (rulings R18).

use std::collections::BTreeSet;

use super::door::{Done, Door};
use super::warn::Routed;
use crate::change::NumberTarget;
use crate::id::{Num, PhoneNumber};
use crate::model::{Fallback, Model, TargetKind};
use crate::port::{ApplyError, StoreError, TenantReader};
use crate::row::{self, ALL, LinkKind, NumberBody, Object, ObjectKind};

/// Everything that receives the faxes of a number, each kind in the order of its numbers.
#[derive(Debug, Default)]
struct Receivers {
    /// Members, whatever their status.
    members: Vec<Object>,
    groups: Vec<Num>,
    faxboxes: Vec<Num>,
}

/// Who receives the faxes of a number: members whose list names it or is "all", groups, faxboxes.
async fn receivers(
    tx: &mut (impl TenantReader + ?Sized),
    model: &Model,
    tenant: Num,
    number: &Object,
) -> Result<Receivers, StoreError> {
    let account = number.account.ok_or_else(|| row::corrupt(tenant, "account", number.num))?;
    let named = tx.links_to(LinkKind::AutoAssignNumber, number.num).await?;
    let mut members = tx.get(&named).await?;
    let all = tx.links_to(LinkKind::AutoAssignNumber, ALL).await?;
    for chunk in all.chunks(super::door::PAGE) {
        for member in tx.get(chunk).await? {
            if serves(tx, model, account, &member).await? {
                members.push(member);
            }
        }
    }
    members.sort_by_key(|member| member.num);
    let groups = tx.links_from(LinkKind::NumberGroup, number.num).await?;
    let faxboxes = tx.links_from(LinkKind::NumberFaxbox, number.num).await?;
    Ok(Receivers { members, groups, faxboxes })
}

/// Whether the numbers of an account can be used by a member.
async fn serves(
    tx: &mut (impl TenantReader + ?Sized),
    model: &Model,
    account: Num,
    member: &Object,
) -> Result<bool, StoreError> {
    let mut next = member.account;
    while let Some(level) = next {
        if level == account {
            return Ok(true);
        }
        if !model.tree.numbers_flow_down {
            return Ok(false);
        }
        next = tx.get(&[level]).await?.into_iter().next().and_then(|object| object.account);
    }
    Ok(false)
}

impl Door<'_> {
    pub(super) async fn set_number_target(
        &mut self,
        number: &PhoneNumber,
        target: &NumberTarget,
        on: bool,
    ) -> Done {
        let number = self.number("number", number).await?;
        let (kind, target) = match target {
            NumberTarget::Group(id) => (LinkKind::NumberGroup, self.group("target", id).await?),
            NumberTarget::Faxbox(id) => (LinkKind::NumberFaxbox, self.faxbox("target", id).await?),
        };
        let account = self.account_of(&number)?;
        if on && !self.number_accounts(self.account_of(&target)?).await?.contains(&account) {
            return Err(self.not_found("target", "no such target in the number's account"));
        }
        let changed = self.set_link(kind, number.num, target.num, on).await?;
        if changed && !on && kind == LinkKind::NumberFaxbox {
            let mut body: NumberBody = self.body(&number)?;
            body.formerly.left_faxbox(target.num);
            self.save(&number, &body).await?;
        }
        if changed && on {
            self.check_targets(&number, "target").await?;
            self.routes(Routed::Number(number.num));
        }
        Ok(changed)
    }

    /// Refuses a second target of a number unless the model allows several. Runs after the write:
    /// a batch that is refused leaves nothing behind.
    pub(super) async fn check_targets(
        &mut self,
        number: &Object,
        field: &'static str,
    ) -> Result<(), ApplyError> {
        let rules = self.model.auto_assign.clone();
        if rules.several {
            return Ok(());
        }
        let found = receivers(self.tx, &self.model, self.tenant, number).await?;
        let people = found.members.len() + found.groups.len();
        let boxes = found.faxboxes.len();
        // The faxbox that receives what nobody else does stands beside a target.
        let total = match rules.fallback {
            Fallback::Faxbox => people.max(boxes),
            Fallback::Unassigned => people + boxes,
        };
        if total > 1 {
            let problem = "the faxes of the number have a receiver already; the product model \
                           allows one";
            return Err(self.refused(field, problem));
        }
        Ok(())
    }

    /// The same for all the numbers of an auto-assign list.
    pub(super) async fn check_assigned(
        &mut self,
        account: Num,
        list: &BTreeSet<Num>,
    ) -> Result<(), ApplyError> {
        if self.model.auto_assign.several {
            return Ok(());
        }
        let mut numbers = Vec::new();
        if list.contains(&ALL) {
            for level in self.number_accounts(account).await? {
                numbers.extend(self.every(ObjectKind::Number, Some(level)).await?);
            }
        } else {
            numbers = self.get_all(&Vec::from_iter(list.iter().copied())).await?;
        }
        for number in numbers {
            self.check_targets(&number, "list").await?;
        }
        Ok(())
    }

    /// Whether every number fits a new model: no more targets than it allows, of kinds it allows.
    pub(super) async fn check_all_targets(&mut self) -> Result<(), ApplyError> {
        let rules = self.model.auto_assign.clone();
        let has = |kind| rules.targets.contains(&kind);
        let takes_faxboxes = has(TargetKind::Faxbox) || rules.fallback == Fallback::Faxbox;
        let numbers = self.every(ObjectKind::Number, None).await?;
        for number in numbers.into_iter().filter(|number| !number.is_retired_number()) {
            self.check_targets(&number, "model").await?;
            let found = receivers(self.tx, &self.model, self.tenant, &number).await?;
            let fits = (found.members.is_empty() || has(TargetKind::User))
                && (found.groups.is_empty() || has(TargetKind::Group))
                && (found.faxboxes.is_empty() || takes_faxboxes);
            if !fits {
                let problem = "a number has a receiver of a kind that the new text does not allow";
                return Err(self.refused("model", problem));
            }
        }
        Ok(())
    }
}
