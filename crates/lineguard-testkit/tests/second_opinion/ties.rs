//! The kinds of questions about what hangs on memberships.

use std::iter;

use lineguard_core::facts::{Fact, MemberStatus, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::row::{Link, LinkKind, ObjectKind};
use lineguard_testkit::generate::Asked;

use crate::kinds::Kinds;
use crate::rows::{object, path};

/// The membership that decides about a tie, and whether others were passed over on the way to it.
enum Decides {
    Active { passed_over: bool },
    Suspended { passed_over: bool },
    None,
}

impl Kinds<'_> {
    /// What hangs on memberships: of the person, and of those who delegated.
    pub fn ties(&self, acting: Num, subject: Num, asked: &Asked, kinds: &mut Vec<&'static str>) {
        let tied = [
            LinkKind::GroupMember,
            LinkKind::GroupOwner,
            LinkKind::FaxboxUser,
            LinkKind::FaxboxOwner,
        ];
        for link in self.dump.links.iter().filter(|link| link.b == subject) {
            let Some(account) = self.account_of(link.a) else { continue };
            if tied.contains(&link.kind) {
                kinds.push(self.tie(account, &asked.subject));
            }
            if link.kind == LinkKind::GroupOwner {
                kinds.push(match () {
                    () if path(self.dump, acting).contains(&account) => {
                        "owned group: above or here"
                    }
                    () if path(self.dump, account).contains(&acting) => "owned group: below",
                    () => "owned group: beside",
                });
            }
        }
        self.delegations(acting, subject, &asked.question.resource, kinds);
        for side in iter::once(&asked.question.resource).chain(&asked.question.target) {
            if let Fact::Known(faxbox) = side.faxbox {
                self.faxbox_of_groups(acting, subject, faxbox, &asked.subject, kinds);
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
    }

    fn account_of(&self, num: Num) -> Option<Num> {
        object(self.dump, num)?.account
    }

    fn delegations(
        &self,
        acting: Num,
        subject: Num,
        resource: &ResourceFacts,
        kinds: &mut Vec<&'static str>,
    ) {
        for link in self.links(LinkKind::Delegation).filter(|link| link.b == subject) {
            let from = object(self.dump, link.a).filter(|one| one.account == Some(acting));
            let Some(from) = from else { continue };
            if self.status(acting, &from.id) != Some(MemberStatus::Active) {
                kinds.push("delegation: of one who is not active");
            }
            let of = self.find(ObjectKind::Subject, &from.id).map(|one| one.num);
            let names = |fact: &Fact<Num>| matches!(fact, Fact::Known(one) if Some(*one) == of);
            if !names(&resource.creator) && !names(&resource.assignee) {
                continue;
            }
            kinds.push(match self.decides(acting, &from.id) {
                Decides::Active { passed_over: false } => "delegation: asked about, active",
                Decides::Active { passed_over: true } => {
                    "delegation: asked about, active above only"
                }
                Decides::Suspended { .. } => "delegation: asked about, suspended",
                Decides::None => "delegation: asked about, active nowhere",
            });
        }
    }

    /// A faxbox that the question names and that the person is in through groups alone.
    fn faxbox_of_groups(
        &self,
        acting: Num,
        subject: Num,
        faxbox: Num,
        name: &str,
        kinds: &mut Vec<&'static str>,
    ) {
        let linked = |kind, a| self.dump.links.contains(&Link { kind, a, b: subject });
        let Some(of_faxbox) = self.account_of(faxbox) else { return };
        if linked(LinkKind::FaxboxUser, faxbox) {
            return;
        }
        let groups = self.links(LinkKind::FaxboxGroup).filter(|link| link.a == faxbox);
        let groups = groups.map(|link| link.b).filter(|one| linked(LinkKind::GroupMember, *one));
        let here = path(self.dump, acting);
        let accounts = groups.filter_map(|group| self.account_of(group));
        for of_group in accounts.filter(|one| here.contains(one)) {
            let group = self.decides(of_group, name);
            match (group, self.decides(of_faxbox, name)) {
                (Decides::Active { .. }, Decides::Active { .. }) => {
                    kinds.push("faxbox of a group: both memberships count");
                }
                (Decides::Suspended { .. }, Decides::Active { .. })
                | (Decides::Active { .. }, Decides::Suspended { .. }) => {
                    kinds.push("faxbox of a group: one of two suspended");
                }
                _ => {}
            }
        }
    }

    fn tie(&self, account: Num, name: &str) -> &'static str {
        match self.decides(account, name) {
            Decides::Active { passed_over: false } => "tie: membership active",
            Decides::Active { passed_over: true } => "tie: active above one that is passed over",
            Decides::Suspended { passed_over: false } => "tie: membership suspended",
            Decides::Suspended { passed_over: true } => {
                "tie: suspended above one that is passed over"
            }
            Decides::None => "tie: no membership that counts",
        }
    }

    fn decides(&self, account: Num, name: &str) -> Decides {
        let mut passed_over = false;
        for account in path(self.dump, account) {
            match self.status(account, name) {
                Some(MemberStatus::Active) => return Decides::Active { passed_over },
                Some(MemberStatus::Suspended) => return Decides::Suspended { passed_over },
                Some(_) => passed_over = true,
                None => {}
            }
        }
        Decides::None
    }
}
