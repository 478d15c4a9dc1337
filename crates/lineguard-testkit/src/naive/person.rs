//! What is known of the person who asks, and which sets of ids follow from it.

use lineguard_core::facts::MemberStatus;
use lineguard_core::id::Num;
use lineguard_core::model::{FactSet, SettingRule};
use lineguard_core::row::{ALL, LinkKind};

use super::rows::{Account, Group, Member, World};

/// An active member of the acting account.
pub(super) struct Person<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) subject: Num,
    pub(super) qualified: String,
    /// The acting account first.
    pub(super) path: Vec<&'w Account>,
    /// The membership of the acting account.
    pub(super) member: &'w Member,
}

/// A set of ids.
pub(super) enum Set {
    All,
    These(Vec<Num>),
}

impl Set {
    pub(super) fn has(&self, value: Num) -> bool {
        match self {
            Self::All => value != Num::UNKNOWN,
            Self::These(values) => values.contains(&value) && value != Num::UNKNOWN,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::These(values) if values.is_empty())
    }
}

pub(super) fn is_active(member: &Member) -> bool {
    member.body.status == MemberStatus::Active.as_str()
}

impl<'w> Person<'w> {
    /// The person, if they are an active member of the acting account.
    pub(super) fn find(world: &'w World<'w>, qualified: &str, account: &str) -> Option<Self> {
        let subject = world.subject(qualified)?;
        let account = world.accounts.iter().find(|one| one.id == account)?;
        let member = membership(world, account.num, qualified)?;
        is_active(member).then(|| Self {
            world,
            subject,
            qualified: qualified.to_owned(),
            path: world.path(account.num),
            member,
        })
    }

    pub(super) fn acting(&self) -> Num {
        self.member.account
    }

    /// The membership at a level of the path, whatever its status.
    pub(super) fn membership_at(&self, level: usize) -> Option<&'w Member> {
        let account = self.path.get(level)?;
        membership(self.world, account.num, &self.qualified)
    }

    /// Groups of an account that the person belongs to.
    pub(super) fn groups_of(&self, account: Num) -> Vec<&'w Group> {
        let groups = self.world.groups.iter().filter(|group| group.account == account);
        let mine =
            |group: &&Group| self.world.linked(LinkKind::GroupMember, group.num, self.subject);
        groups.filter(mine).collect()
    }

    /// Groups of the accounts of the path that the person belongs to.
    fn groups(&self) -> Vec<Num> {
        let groups = self.path.iter().flat_map(|account| self.groups_of(account.num));
        groups.map(|group| group.num).collect()
    }

    fn faxboxes(&self) -> Vec<Num> {
        let mut all = self.world.to(LinkKind::FaxboxUser, self.subject);
        for group in self.groups() {
            all.extend(self.world.to(LinkKind::FaxboxGroup, group));
        }
        all
    }

    /// Other members of groups that the person owns.
    fn supervised(&self) -> Vec<Num> {
        let owned = self.world.to(LinkKind::GroupOwner, self.subject);
        let members = owned.iter().flat_map(|group| self.world.from(LinkKind::GroupMember, *group));
        members.filter(|member| *member != self.subject).collect()
    }

    fn delegators(&self) -> Vec<Num> {
        let here = self.world.members.iter().filter(|member| member.account == self.acting());
        let delegated =
            here.filter(|member| self.world.linked(LinkKind::Delegation, member.num, self.subject));
        delegated.filter_map(|member| self.world.subject(&member.subject)).collect()
    }

    /// The values of a list of the acting membership; none if it is not set.
    pub(super) fn list(&self, kind: LinkKind) -> Option<Set> {
        self.member.body.lists.contains(&(kind as u8)).then(|| {
            let values = self.world.from(kind, self.member.num);
            if values.contains(&ALL) { Set::All } else { Set::These(values) }
        })
    }

    /// A set of ids of the person.
    pub(super) fn set(&self, set: FactSet) -> Set {
        let granted = |kind| self.list(kind).unwrap_or(Set::These(Vec::new()));
        Set::These(match set {
            FactSet::SelfSubject => vec![self.subject],
            FactSet::Groups => self.groups(),
            FactSet::SelfOrGroups => {
                let mut both = self.groups();
                both.push(self.subject);
                both
            }
            FactSet::Supervised => self.supervised(),
            FactSet::Delegators => self.delegators(),
            FactSet::Faxboxes => self.faxboxes(),
            FactSet::OwnedFaxboxes => self.world.to(LinkKind::FaxboxOwner, self.subject),
            FactSet::OwnedGroups => self.world.to(LinkKind::GroupOwner, self.subject),
            FactSet::AccessNumbers => return granted(LinkKind::AccessNumber),
            FactSet::AutoAssignNumbers => return granted(LinkKind::AutoAssignNumber),
            FactSet::GrantedNumbers => return granted(LinkKind::GrantedNumber),
            FactSet::HeldExtensions => return granted(LinkKind::HeldExtension),
            FactSet::GrantedExtensions => return granted(LinkKind::GrantedExtension),
            FactSet::GrantedQueues => return granted(LinkKind::GrantedQueue),
            FactSet::Labels => return granted(LinkKind::MemberLabel),
        })
    }

    /// Whether any setting with this rule is on: the nearest account that says so decides.
    pub(super) fn rule(&self, rule: SettingRule) -> bool {
        let settings = self.world.model.settings.iter().filter(|setting| setting.rule == rule);
        let mut values = settings.map(|setting| {
            let said = self
                .path
                .iter()
                .find_map(|one| one.body.settings.get(setting.key.as_str()).copied());
            said.unwrap_or(setting.default)
        });
        values.any(|value| value)
    }
}

fn membership<'w>(world: &'w World<'w>, account: Num, qualified: &str) -> Option<&'w Member> {
    world.members.iter().find(|one| one.account == account && one.subject == qualified)
}
