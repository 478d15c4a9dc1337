//! Groups of users.

use super::door::{Done, Door, IN_TENANT};
use crate::change::title_or_id;
use crate::id::{AccountId, GroupId, Key, Subject};
use crate::port::Whole;
use crate::row::{GroupBody, LinkKind, ObjectKind};

impl Door<'_> {
    pub(super) async fn add_group(
        &mut self,
        account: &AccountId,
        group: &GroupId,
        title: &str,
        roles: &[Key],
    ) -> Done {
        let account = self.account("account", account).await?.num;
        let roles = self.roles_in_force("roles", account, roles).await?;
        let Some(existing) = self.find(ObjectKind::Group, IN_TENANT, group.as_str()).await? else {
            let id = group.as_str();
            let body = GroupBody { title: title_or_id(title, id).to_owned(), roles };
            self.insert(ObjectKind::Group, IN_TENANT, id, Some(account), &body).await?;
            return Ok(true);
        };
        if existing.account != Some(account) {
            return Err(self.exists("group", "the group exists in another account"));
        }
        let mut body: GroupBody = self.body(&existing)?;
        self.retitle(&mut body.title, title, "the group")?;
        if body.roles != roles {
            self.stays("roles", "the group")?;
        }
        self.save(&existing, &body).await
    }

    pub(super) async fn remove_group(&mut self, group: &GroupId) -> Done {
        let Some(group) = self.find(ObjectKind::Group, IN_TENANT, group.as_str()).await? else {
            return Ok(false);
        };
        self.remove_whole("group", group.num, Whole::Group).await
    }

    pub(super) async fn set_group_roles(&mut self, group: &GroupId, roles: &[Key]) -> Done {
        let group = self.group("group", group).await?;
        let account = self.account_of(&group)?;
        let roles = self.roles_in_force("roles", account, roles).await?;
        let body = GroupBody { roles, ..self.body(&group)? };
        self.save(&group, &body).await
    }

    pub(super) async fn set_group_member(
        &mut self,
        group: &GroupId,
        subject: &Subject,
        member: bool,
    ) -> Done {
        self.set_in_group(LinkKind::GroupMember, group, subject, member).await
    }

    pub(super) async fn set_group_owner(
        &mut self,
        group: &GroupId,
        subject: &Subject,
        owner: bool,
    ) -> Done {
        self.set_in_group(LinkKind::GroupOwner, group, subject, owner).await
    }

    async fn set_in_group(
        &mut self,
        kind: LinkKind,
        group: &GroupId,
        subject: &Subject,
        on: bool,
    ) -> Done {
        let group = self.group("group", group).await?;
        if on {
            let account = self.account_of(&group)?;
            self.member(account, "subject", subject).await?;
            if let Some(subject) = self.known_subject(subject).await?
                && kind == LinkKind::GroupMember
            {
                self.check_groups(group.num, subject).await?;
            }
        }
        let changed = self.set_subject_link(kind, group.num, subject, on).await?;
        if changed && !on {
            self.loses_link(kind, group.num).await?;
        }
        Ok(changed)
    }
}
