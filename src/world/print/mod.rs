//! Writes a world as a text that reads back as the same world: tenants, and in them everything by
//! its key, in order; what is not said is left out.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::change::{AccountKind, AttachmentSource, UserOrGroup};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{AccountId, Key, PhoneNumber, Subject, TenantId};

use super::time::format_time;
use super::{
    Account, Assignee, Fax, Faxbox, Group, Invitation, Listed, Member, Number, Role, TenantWorld,
    World, name_of_model,
};
pub(super) use words::subject_text;
use words::{keys, list, overrides, quoted, subjects, switches};

/// The text of a world.
pub fn print(world: &World) -> String {
    let mut out = Printer { text: "format = 1\n".to_owned() };
    for (id, tenant) in &world.tenants {
        out.tenant(id, tenant);
    }
    out.text
}

struct Printer {
    text: String,
}

impl Printer {
    fn table(&mut self, name: &str) {
        self.text.push('\n');
        self.text.push_str("[[tenant");
        if !name.is_empty() {
            self.text.push('.');
            self.text.push_str(name);
        }
        self.text.push_str("]]\n");
    }

    fn line(&mut self, key: &str, value: &str) {
        self.text.push_str(key);
        self.text.push_str(" = ");
        self.text.push_str(value);
        self.text.push('\n');
    }

    fn string(&mut self, key: &str, value: &str) {
        self.line(key, &quoted(value));
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.line(key, if value { "true" } else { "false" });
        }
    }

    fn keys(&mut self, key: &str, list: Option<&[Key]>) {
        if let Some(list) = list {
            self.line(key, &keys(list));
        }
    }

    fn subjects(&mut self, key: &str, set: &BTreeSet<Subject>) {
        if !set.is_empty() {
            self.line(key, &subjects(set));
        }
    }

    fn switches(&mut self, key: &str, map: &BTreeMap<Key, bool>) {
        if !map.is_empty() {
            self.line(key, &switches(map));
        }
    }

    fn tenant(&mut self, id: &TenantId, tenant: &TenantWorld) {
        self.table("");
        self.string("id", id.as_str());
        self.maybe("title", tenant.title.as_deref());
        if let Some(model) = &tenant.model {
            match name_of_model(model) {
                Some(name) => self.string("model", name),
                None => self.string("model", &model.to_string()),
            }
        }
        self.string("root", tenant.root.as_str());
        match tenant.kind {
            Some(AccountKind::Personal) => self.string("kind", "personal"),
            Some(AccountKind::Shared) => self.string("kind", "shared"),
            None => {}
        }
        if let Some(root) = tenant.accounts.get(&tenant.root) {
            self.account_body(root);
        }
        for (id, account) in tenant.accounts.iter().filter(|(id, _)| **id != tenant.root) {
            self.account(id, account);
        }
        for ((account, key), role) in &tenant.roles {
            self.role(account, key, role);
        }
        self.lines(tenant);
        for ((account, subject), member) in &tenant.members {
            self.member(account, subject, member);
        }
        for (id, invitation) in &tenant.invitations {
            self.invitation(id.as_str(), invitation);
        }
        for (id, group) in &tenant.groups {
            self.group(id.as_str(), group);
        }
        for (id, faxbox) in &tenant.faxboxes {
            self.faxbox(id.as_str(), faxbox);
        }
        let mut faxes: Vec<&Fax> = tenant.faxes.values().collect();
        faxes.sort_by(|a, b| (a.new.at, &a.new.fax).cmp(&(b.new.at, &b.new.fax)));
        for fax in faxes {
            self.fax(fax);
        }
    }

    fn account(&mut self, id: &AccountId, account: &Account) {
        self.table("account");
        self.string("id", id.as_str());
        if let Some(parent) = &account.parent {
            self.string("parent", parent.as_str());
        }
        self.maybe("title", account.title.as_deref());
        self.account_body(account);
    }

    fn account_body(&mut self, account: &Account) {
        self.flag("sealed", account.sealed);
        self.subjects("owners", &account.owners);
        self.switches("entitlements", &account.entitlements);
        self.switches("flags", &account.flags);
        self.switches("settings", &account.settings);
    }

    fn role(&mut self, account: &AccountId, key: &Key, role: &Role) {
        let visibility = match role {
            Role::Custom { title, permissions, visibility } => {
                self.table("role");
                self.string("key", key.as_str());
                self.string("account", account.as_str());
                self.maybe("title", title.as_deref());
                self.keys("permissions", permissions.as_deref());
                visibility
            }
            Role::Adjusted { add, remove, visibility } => {
                self.table("adjusted_role");
                self.string("role", key.as_str());
                self.string("account", account.as_str());
                self.keys("add", add.as_deref());
                self.keys("remove", remove.as_deref());
                visibility
            }
        };
        if let Some(level) = visibility {
            self.string("visibility", level.as_str());
        }
    }

    fn lines(&mut self, tenant: &TenantWorld) {
        for (id, number) in &tenant.numbers {
            self.number(id, number);
        }
        for (number, account) in &tenant.retired_numbers {
            self.table("retired_number");
            self.string("number", number.as_str());
            self.string("account", account.as_str());
        }
        for (id, account) in &tenant.extensions {
            self.table("extension");
            self.string("id", id.as_str());
            self.string("account", account.as_str());
        }
        for (id, account) in &tenant.queues {
            self.table("queue");
            self.string("id", id.as_str());
            self.string("account", account.as_str());
        }
    }

    fn number(&mut self, id: &PhoneNumber, number: &Number) {
        self.table("number");
        self.string("number", id.as_str());
        self.string("account", number.account.as_str());
        if let Some(Capabilities { voice, fax, message }) = number.capabilities {
            let words = [(voice, "voice"), (fax, "fax"), (message, "message")];
            let can = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned());
            self.line("capabilities", &list(can));
        }
        self.flag("active", number.active);
        if !number.groups.is_empty() {
            self.line("groups", &list(number.groups.iter().map(ToString::to_string)));
        }
        if !number.faxboxes.is_empty() {
            self.line("faxboxes", &list(number.faxboxes.iter().map(ToString::to_string)));
        }
    }

    fn member(&mut self, account: &AccountId, subject: &Subject, member: &Member) {
        self.table("member");
        self.string("subject", &subject_text(subject));
        self.string("account", account.as_str());
        self.maybe("status", member.status.map(MemberStatus::as_str));
        self.keys("roles", member.roles.as_deref());
        if let Some(level) = &member.visibility {
            self.string("visibility", level.as_str());
        }
        if !member.overrides.is_empty() {
            self.line("overrides", &overrides(&member.overrides));
        }
        self.switches("switches", &member.switches);
        self.lists(member);
        if let Some(number) = &member.default_number {
            self.string("default_number", number.as_str());
        }
        self.subjects("delegates", &member.delegates);
    }

    fn lists(&mut self, member: &Member) {
        let lists = &member.lists;
        let number = |number: &PhoneNumber| number.as_str().to_owned();
        self.list("access_numbers", lists.access_numbers.as_ref(), number);
        self.list("auto_assign_numbers", lists.auto_assign_numbers.as_ref(), number);
        self.list("granted_numbers", lists.granted_numbers.as_ref(), number);
        self.list("held_extensions", lists.held_extensions.as_ref(), ToString::to_string);
        self.list("granted_extensions", lists.granted_extensions.as_ref(), ToString::to_string);
        self.list("granted_queues", lists.granted_queues.as_ref(), ToString::to_string);
        self.list("labels", lists.labels.as_ref(), ToString::to_string);
        self.list("send_from_fax", lists.send_from_fax.as_ref(), number);
        self.list("send_from_message", lists.send_from_message.as_ref(), number);
        self.list("send_from_call", lists.send_from_call.as_ref(), number);
        let source = |source: &AttachmentSource| source.as_str().to_owned();
        self.list("attachment_sources", lists.attachment_sources.as_ref(), source);
    }

    fn list<T>(&mut self, key: &str, listed: Option<&Listed<T>>, text: impl Fn(&T) -> String) {
        match listed {
            None => {}
            Some(Listed::All) => self.string(key, "all"),
            Some(Listed::These(these)) => self.line(key, &list(these.iter().map(text))),
        }
    }

    fn invitation(&mut self, id: &str, invitation: &Invitation) {
        self.table("invitation");
        self.string("id", id);
        self.string("account", invitation.account.as_str());
        self.keys("roles", invitation.roles.as_deref());
        self.line("expires_at", &format_time(invitation.expires_at));
        if let Some(subject) = &invitation.accepted_by {
            self.string("accepted_by", &subject_text(subject));
        }
        self.flag("revoked", invitation.revoked.then_some(true));
    }

    fn group(&mut self, id: &str, group: &Group) {
        self.table("group");
        self.string("id", id);
        self.string("account", group.account.as_str());
        self.maybe("title", group.title.as_deref());
        self.keys("roles", group.roles.as_deref());
        self.subjects("members", &group.members);
        self.subjects("owners", &group.owners);
    }

    fn faxbox(&mut self, id: &str, faxbox: &Faxbox) {
        self.table("faxbox");
        self.string("id", id);
        self.string("account", faxbox.account.as_str());
        self.maybe("title", faxbox.title.as_deref());
        self.subjects("members", &faxbox.members);
        if !faxbox.groups.is_empty() {
            self.line("groups", &list(faxbox.groups.iter().map(ToString::to_string)));
        }
        self.subjects("owners", &faxbox.owners);
    }

    fn fax(&mut self, fax: &Fax) {
        let new = &fax.new;
        self.table("fax");
        self.string("id", new.fax.as_str());
        self.string("account", new.account.as_str());
        self.string("direction", new.direction.as_str());
        if let Some(number) = &new.number {
            self.string("number", number.as_str());
        }
        if let Some(faxbox) = &new.faxbox {
            self.string("faxbox", faxbox.as_str());
        }
        self.flag("unfiled", fax.unfiled.then_some(true));
        if let Some(creator) = &new.creator {
            self.string("sender", &subject_text(creator));
        }
        match &fax.assignee {
            Assignee::Routed => {}
            Assignee::Nobody => self.line("unassigned", "true"),
            Assignee::To(UserOrGroup::User(user)) => self.string("assignee", &subject_text(user)),
            Assignee::To(UserOrGroup::Group(group)) => {
                self.string("assignee", &format!("group:{group}"));
            }
        }
        self.string("state", new.state.as_str());
        if !new.labels.is_empty() {
            self.line("labels", &list(new.labels.iter().map(ToString::to_string)));
        }
        if let Some(sources) = new.attachment_sources {
            let words = sources.iter().map(|source| source.as_str().to_owned());
            self.line("attachment_sources", &list(words));
        }
        self.line("at", &format_time(new.at));
    }
}
