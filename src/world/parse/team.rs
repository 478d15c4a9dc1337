//! Groups, faxboxes and invitations.

use lineguard_core::id::{FaxboxId, GroupId, InvitationId, Timestamp};
use lineguard_core::text::Fields;

use super::read;
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::{Faxbox, Group, Invitation};

const GROUP: &[&str] = &["id", "account", "title", "roles", "members", "owners"];
const FAXBOX: &[&str] = &["id", "account", "title", "members", "groups", "owners"];
const INVITATION: &[&str] = &["id", "account", "roles", "expires_at", "accepted_by", "revoked"];

impl<'s, 't> Tenant<'s, 't> {
    pub(super) fn groups(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("group", MAX_OBJECTS, GROUP) {
            let account = self.account(&fields);
            let of = |subject| Target::Member { account: account.clone(), subject };
            let roles = self.roles_at(&fields, &account);
            let members = self.subjects(&fields, "members", of);
            let owners = self.subjects(&fields, "owners", of);
            let id = read::required_id(self.source, &fields, "id", GroupId::parse);
            let title = read::title(self.source, &fields);
            let Some((id, at)) = id else { continue };
            if self.first("group", id.as_str(), at) {
                let group = Group { account, title, roles, members, owners };
                self.world.groups.insert(id, group);
            }
        }
    }

    pub(super) fn faxboxes(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("faxbox", MAX_OBJECTS, FAXBOX) {
            let account = self.account(&fields);
            let above = |subject| Target::MemberAbove { account: account.clone(), subject };
            let members = self.subjects(&fields, "members", above);
            let of = |subject| Target::Member { account: account.clone(), subject };
            let owners = self.subjects(&fields, "owners", of);
            let groups =
                read::ids(self.source, &fields, "groups", GroupId::parse).unwrap_or_default();
            for (group, at) in &groups {
                let (account, group) = (account.clone(), group.clone());
                self.refer(*at, "groups", Target::GroupAbove { account, group });
            }
            let groups = groups.into_iter().map(|(group, _)| group).collect();
            let id = read::required_id(self.source, &fields, "id", FaxboxId::parse);
            let title = read::title(self.source, &fields);
            let Some((id, at)) = id else { continue };
            if self.first("faxbox", id.as_str(), at) {
                let faxbox = Faxbox { account, title, members, groups, owners };
                self.world.faxboxes.insert(id, faxbox);
            }
        }
    }

    pub(super) fn invitations(&mut self, fields: &Fields<'s, 't>) {
        for fields in fields.subs("invitation", MAX_OBJECTS, INVITATION) {
            let account = self.account(&fields);
            let roles = self.main_roles(&fields, &account);
            let expires_at = read::required_time(self.source, &fields, "expires_at");
            let accepted_by = read::id(self.source, &fields, "accepted_by", read::subject);
            let revoked = fields.bool("revoked", false);
            if revoked && accepted_by.is_some() {
                fields.refuse(&["revoked"], "cannot stand beside `accepted_by`");
            }
            let id = read::required_id(self.source, &fields, "id", InvitationId::parse);
            let Some((id, at)) = id else { continue };
            if !self.first("invitation", id.as_str(), at) {
                continue;
            }
            let accepted_by = accepted_by.map(|(subject, at)| {
                let (account, subject) = (account.clone(), subject);
                let to = Target::Member { account, subject: subject.clone() };
                self.refer(at, "accepted_by", to);
                subject
            });
            let expires_at = expires_at.unwrap_or(Timestamp(0));
            let invitation = Invitation { account, roles, expires_at, accepted_by, revoked };
            self.world.invitations.insert(id, invitation);
        }
    }
}
