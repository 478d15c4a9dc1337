//! The one place where the invariants of set-up live; every store applies its batches with it.

mod account;
mod adjust;
mod administrators;
mod alike;
mod check;
mod door;
mod exists;
mod extension;
mod fax;
mod faxbox;
mod group;
mod invitation;
pub mod limits;
mod list;
mod lost;
mod member;
mod number;
mod overrides;
mod remap;
mod role;
mod routing;
mod tenant;
mod warn;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Activation, Batch, Change, IfExists, Warning};
use crate::id::{ModelDigest, Num, Timestamp};
use crate::model::Model;
use crate::port::{ApplyError, Fault, StoreError, TenantTx};
pub use administrators::Administrators;
use alike::Added;
pub(super) use door::plain;
use door::{Done, Door};
use lost::Lost;
use warn::Routed;

/// Where parsed models come from. A store parses each text once and keeps it by digest.
pub trait ModelSource: Sync {
    /// The model of a digest; none if its text is not in the store or cannot be read.
    fn model(&self, digest: &ModelDigest) -> Option<Arc<Model>>;
}

/// What applying a batch did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many of the changes had an effect; the others found things as they want them.
    pub changed: usize,
    /// Settings that do what was asked and perhaps not what was meant (rulings R18).
    pub warnings: Vec<Warning>,
}

/// Applies a batch inside a transaction. After an error the transaction must be rolled back.
///
/// First every change is held against the model alone, so that all the mistakes of an import are
/// told at once; then the changes are applied in their order. A change that does not fit is passed
/// over so that the rest can be looked at too, and the batch is refused at the end. Last the batch is
/// judged as a whole: see [`Administrators`].
pub async fn run(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    batch: &Batch,
    now: Timestamp,
) -> Result<Outcome, ApplyError> {
    let activation = Activation::of(&batch.actor, batch.provisions);
    let administrators = Administrators::before(tx, models, &[(&batch.changes, 0)]).await?;
    let mut outcome =
        run_changes(tx, models, &batch.changes, batch.if_exists, activation, now).await?;
    if let Some(administrators) = administrators {
        outcome.warnings.extend(administrators.after(tx, models).await?);
        outcome.warnings.sort_by_key(|warning| warning.change);
    }
    Ok(outcome)
}

/// Applies changes that are part of something bigger, as [`run`] does. Whoever calls this judges the
/// whole.
pub async fn run_changes(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    changes: &[Change],
    if_exists: IfExists,
    activation: Activation,
    now: Timestamp,
) -> Result<Outcome, ApplyError> {
    let mut pending = Pending::default();
    let outcome = run_step(tx, models, changes, if_exists, activation, now, &mut pending).await?;
    last_faults(tx, models, now, &mut pending, usize::MAX).await?;
    if !pending.faults.is_empty() {
        return Err(ApplyError::Invalid(pending.faults));
    }
    let mut warnings = outcome.warnings;
    while let Some(more) = last_remarks(tx, models, now, &mut pending, usize::MAX).await? {
        warnings.extend(more);
    }
    warnings.sort_by(|a, b| (a.change, &a.text).cmp(&(b.change, &b.text)));
    warnings.dedup();
    Ok(Outcome { warnings, ..outcome })
}

/// What the steps of an import leave to its end. Positions count from its first change.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    /// How many changes and faxes come before the step.
    pub at: usize,
    /// What does not fit, in any step so far.
    pub faults: Vec<Fault>,
    /// Invitations, whose roles are asked for where they are open in the end.
    invited: BTreeMap<Num, usize>,
    /// Settings to look at when everything has been applied, each with the last change about it.
    routed: BTreeMap<Routed, usize>,
    /// What was taken away, with the last change that did.
    lost: BTreeMap<Lost, usize>,
    /// What was added, and may look like something else.
    added: Vec<(usize, Added)>,
}

impl Pending {
    /// Takes over what a step leaves.
    fn keep(&mut self, door: &mut Door<'_>) {
        let at = self.at;
        let of_step = std::mem::take(&mut door.routed).into_iter();
        self.routed.extend(of_step.map(|(position, routed)| (routed, position + at)));
        for (position, lost) in std::mem::take(&mut door.lost) {
            if self.lost.len() < lost::MAX_LOOKS || self.lost.contains_key(&lost) {
                self.lost.insert(lost, position + at);
            }
        }
        let room = alike::MAX_ADDED.saturating_sub(self.added.len());
        let of_step = std::mem::take(&mut door.added).into_iter().take(room);
        self.added.extend(of_step.map(|(position, added)| (position + at, added)));
    }
}

/// Adds the faults that show only in the end, of at most so many things: repeat until none is left,
/// which it says.
pub async fn last_faults(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    now: Timestamp,
    pending: &mut Pending,
    most: usize,
) -> Result<bool, StoreError> {
    let mut some = BTreeMap::new();
    while some.len() < most {
        let Some((invitation, position)) = pending.invited.pop_first() else { break };
        some.insert(invitation, position);
    }
    if some.is_empty() {
        return Ok(false);
    }
    let mut door = at_the_end(tx, models, now).await?;
    door.invited = some;
    pending.faults.extend(door.faults_of_invitations().await?);
    pending.faults.sort_by_key(|fault| fault.change);
    pending.faults.dedup();
    Ok(true)
}

/// The remarks that are made in the end, on at most so many things; none when nothing is left. They
/// change nothing.
pub async fn last_remarks(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    now: Timestamp,
    pending: &mut Pending,
    most: usize,
) -> Result<Option<Vec<Warning>>, StoreError> {
    let mut routed = Vec::new();
    while routed.len() < most {
        let Some((what, position)) = pending.routed.pop_first() else { break };
        routed.push((what, position));
    }
    let mut lost = Vec::new();
    while lost.len() < most {
        let Some((what, position)) = pending.lost.pop_first() else { break };
        lost.push((position, what));
    }
    let rest = pending.added.split_off(most.min(pending.added.len()));
    let added = std::mem::replace(&mut pending.added, rest);
    if routed.is_empty() && lost.is_empty() && added.is_empty() {
        return Ok(None);
    }
    let mut door = at_the_end(tx, models, now).await?;
    (door.lost, door.added) = (lost, added);
    door.remarks_on(&routed).await.map(Some)
}

async fn at_the_end<'a>(
    tx: &'a mut dyn TenantTx,
    models: &'a dyn ModelSource,
    now: Timestamp,
) -> Result<Door<'a>, StoreError> {
    let tenant = tx.tenant().await?;
    let model = models.model(&tenant.model).ok_or_else(|| unreadable(tenant.model))?;
    Ok(Door::new(tx, models, now, tenant.num, model))
}

fn unreadable(digest: ModelDigest) -> StoreError {
    let detail = "not in the store, or not readable by this server".to_owned();
    StoreError::UnreadableModel { digest, detail }
}

/// As [`run_changes`], for one step of an import that is refused as a whole where there are faults:
/// they are added to those of the steps before, and whatever fits is applied, so that later steps can
/// be looked at. After the last step come [`last_faults`] and [`last_remarks`].
pub async fn run_step(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    changes: &[Change],
    if_exists: IfExists,
    activation: Activation,
    now: Timestamp,
    pending: &mut Pending,
) -> Result<Outcome, ApplyError> {
    let tenant = tx.tenant().await?;
    let model = models.model(&tenant.model);
    let is_new = |change: &Change| matches!(change, Change::CreateTenant { model, .. } if *model == tenant.model);
    // Whoever names the text that cannot be read is told so by the check.
    if model.is_none() && !changes.first().is_some_and(is_new) {
        return Err(unreadable(tenant.model).into());
    }
    let found = check::all(changes, model.clone(), models);
    // A new tenant whose model is unknown has been reported by the check.
    let Some(model) = model.filter(|_| found.is_empty()) else {
        let at = pending.at;
        let moved = |fault: Fault| Fault { change: fault.change + at, ..fault };
        pending.faults.extend(found.into_iter().map(moved));
        return Ok(Outcome::default());
    };
    let mut door = Door::new(tx, models, now, tenant.num, model);
    (door.if_exists, door.activation) = (if_exists, activation);
    door.apply_all(changes, pending).await
}

/// The faults that each change has by itself, whatever the tenant holds; `model` is the tenant's.
pub fn check(
    changes: &[Change],
    model: Option<Arc<Model>>,
    models: &dyn ModelSource,
) -> Vec<Fault> {
    check::all(changes, model, models)
}

impl Door<'_> {
    async fn apply_all(
        mut self,
        changes: &[Change],
        pending: &mut Pending,
    ) -> Result<Outcome, ApplyError> {
        let at = pending.at;
        let faults = &mut pending.faults;
        let moved = |fault: Fault| Fault { change: fault.change + at, ..fault };
        let mut changed = 0;
        for (position, change) in changes.iter().enumerate() {
            self.position = position;
            self.passed_over = false;
            match self.apply_one(change).await {
                Ok(effect) => changed += usize::from(effect),
                Err(ApplyError::NotFound(_)) if self.passed_over => {}
                Err(ApplyError::Invalid(found)) => faults.extend(found.into_iter().map(moved)),
                Err(error @ ApplyError::Store(_)) => return Err(error),
                // May follow from a change that was passed over.
                Err(_) if !faults.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        let invited = std::mem::take(&mut self.invited).into_iter();
        pending.invited.extend(invited.map(|(invitation, position)| (invitation, position + at)));
        // Nobody is warned of what is refused.
        if !pending.faults.is_empty() {
            return Ok(Outcome { changed, warnings: Vec::new() });
        }
        pending.keep(&mut self);
        Ok(Outcome { changed, warnings: self.warnings().await? })
    }

    #[rustfmt::skip] // One line for each change, so that the table can be read.
    async fn apply_one(&mut self, change: &Change) -> Done {
        use Change as C;
        match change {
            C::CreateTenant { title, model, root, kind, owner } =>
                self.create_tenant(title, model, root, *kind, owner.as_ref()).await,
            C::SetModel { model } => self.set_model(model).await,
            C::SetPersonal { account, personal } => self.set_personal(account, *personal).await,
            C::AddAccount { account, parent, title, sealed, owner } =>
                self.add_account(account, parent, title, *sealed, owner.as_ref()).await,
            C::SetSealed { account, sealed } => self.set_sealed(account, *sealed).await,
            C::RemoveAccount { account } => self.remove_account(account).await,
            C::SetAccountOwner { account, subject, owner } =>
                self.set_account_owner(account, subject, *owner).await,
            C::SetEntitlement { account, product, entitled } =>
                self.set_entitlement(account, product, *entitled).await,
            C::SetFlag { account, flag, on } => self.set_flag(account, flag, *on).await,
            C::SetSetting { account, setting, on } => self.set_setting(account, setting, *on).await,
            C::AddRole { account, role, title, permissions, visibility } =>
                self.add_role(account, role, title, permissions, visibility.as_ref()).await,
            C::AdjustRole { account, role, add, remove, visibility } =>
                self.adjust_role(account, role, add, remove, visibility.as_ref()).await,
            C::SetRolePermissions { account, role, permissions } =>
                self.set_role_permissions(account, role, permissions).await,
            C::SetRoleDifferences { account, role, add, remove } =>
                self.set_role_differences(account, role, add.as_deref(), remove.as_deref()).await,
            C::SetRoleVisibility { account, role, level } =>
                self.set_role_visibility(account, role, level.as_ref()).await,
            C::RemoveRole { account, role } => self.remove_role(account, role).await,
            C::AddMember { account, subject, status, roles } =>
                self.add_member(account, subject, *status, roles.as_deref()).await,
            C::SetMemberStatus { account, subject, status } =>
                self.set_member_status(account, subject, *status).await,
            C::RemoveMember { account, subject } => self.remove_member(account, subject).await,
            C::SetRoles { account, subject, roles, keep_overrides } =>
                self.set_roles(account, subject, roles, *keep_overrides).await,
            C::SetOverride { account, subject, permission, value } =>
                self.set_override(account, subject, permission, value).await,
            C::SetSwitch { account, subject, product, on } =>
                self.set_switch(account, subject, product, *on).await,
            C::SetVisibility { account, subject, level } =>
                self.set_visibility(account, subject, level.as_ref()).await,
            C::SetList { account, subject, list } => self.set_list(account, subject, list).await,
            C::SetDefaultNumber { account, subject, number } =>
                self.set_default_number(account, subject, number.as_ref()).await,
            C::SetDelegation { account, from, to, on } =>
                self.set_delegation(account, from, to, *on).await,
            C::Invite { account, invitation, roles, expires_at } =>
                self.invite(account, invitation, roles.as_deref(), *expires_at).await,
            C::AcceptInvitation { invitation, subject } =>
                self.accept_invitation(invitation, subject).await,
            C::RevokeInvitation { invitation } => self.revoke_invitation(invitation).await,
            C::AddGroup { account, group, title, roles } =>
                self.add_group(account, group, title, roles).await,
            C::RemoveGroup { group } => self.remove_group(group).await,
            C::SetGroupRoles { group, roles } => self.set_group_roles(group, roles).await,
            C::SetGroupMember { group, subject, member } =>
                self.set_group_member(group, subject, *member).await,
            C::SetGroupOwner { group, subject, owner } =>
                self.set_group_owner(group, subject, *owner).await,
            C::AddNumber { account, number, capabilities, active } =>
                self.add_number(account, number, *capabilities, *active).await,
            C::SetNumberActive { number, active } => self.set_number_active(number, *active).await,
            C::SetNumberCapabilities { number, capabilities } =>
                self.set_number_capabilities(number, *capabilities).await,
            C::MoveNumber { number, account } => self.move_number(number, account).await,
            C::SetNumberTarget { number, target, on } =>
                self.set_number_target(number, target, *on).await,
            C::RemoveNumber { number } => self.remove_number(number).await,
            C::AddRetiredNumber { account, number } =>
                self.add_retired_number(account, number).await,
            C::AddExtension { account, extension } => self.add_extension(account, extension).await,
            C::RemoveExtension { extension } => self.remove_extension(extension).await,
            C::AddQueue { account, queue } => self.add_queue(account, queue).await,
            C::RemoveQueue { queue } => self.remove_queue(queue).await,
            C::AddFaxbox { account, faxbox, title } => self.add_faxbox(account, faxbox, title).await,
            C::RemoveFaxbox { faxbox, faxes } => self.remove_faxbox(faxbox, *faxes).await,
            C::SetFaxboxMember { faxbox, member, on } =>
                self.set_faxbox_member(faxbox, member, *on).await,
            C::SetFaxboxOwner { faxbox, subject, owner } =>
                self.set_faxbox_owner(faxbox, subject, *owner).await,
            C::AssignFax { fax, assignee } => self.assign_fax(fax, assignee.as_ref()).await,
            C::MoveFax { fax, faxbox } => self.move_fax(fax, faxbox.as_ref()).await,
            C::SetFaxState { fax, state } => self.set_fax_state(fax, *state).await,
            C::SetFaxLabels { fax, labels } => self.set_fax_labels(fax, labels).await,
            C::SetFaxAttachmentSources { fax, attachment_sources } => {
                self.set_fax_attachment_sources(fax, *attachment_sources).await
            }
            C::DeleteFax { fax } => self.delete_fax(fax).await,
        }
    }
}
