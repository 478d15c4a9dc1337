//! What is known of the person who asks, and which sets of ids follow from it.

use lineguard_core::facts::MemberStatus;
use lineguard_core::id::Num;
use lineguard_core::model::{FactSet, SettingRule};
use lineguard_core::row::{ALL, LinkKind};
use lineguard_core::vocabulary::FactName;

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
    /// All that the tenant has; of names that belong to other services, every one.
    All,
    /// Everything, seen or not, of whatever kind.
    Anything,
    /// These.
    These(Vec<Num>),
}

impl Set {
    /// Whether a value of this fact is in the set.
    pub(super) fn has(&self, name: FactName, value: Num) -> bool {
        match self {
            Self::All => value != Num::UNKNOWN || name.is_opaque(),
            Self::Anything => true,
            Self::These(values) => value != Num::UNKNOWN && values.contains(&value),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::These(values) if values.is_empty())
    }
}

/// What a set is compared for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// To give something.
    Giving,
    /// To take something out: an exception.
    Taking,
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

    /// Whether what hangs on a membership counts for a group or faxbox.
    fn may_use(&self, object: Num, use_: Use) -> bool {
        let account = self.world.account_of(object);
        account.is_some_and(|account| counts(self.world, account, &self.qualified, use_))
    }

    /// Groups of the accounts of the path that the person belongs to, and that count.
    fn groups(&self, use_: Use) -> Vec<Num> {
        let groups = self.path.iter().flat_map(|account| self.groups_of(account.num));
        groups.map(|group| group.num).filter(|group| self.may_use(*group, use_)).collect()
    }

    fn faxboxes(&self, use_: Use) -> Vec<Num> {
        let mut all = self.world.to(LinkKind::FaxboxUser, self.subject);
        for group in self.groups(use_) {
            all.extend(self.world.to(LinkKind::FaxboxGroup, group));
        }
        all.retain(|faxbox| self.may_use(*faxbox, use_));
        all
    }

    /// Faxboxes or groups that the person owns, and that count; `kind` is the link of the owners.
    pub(super) fn owned(&self, kind: LinkKind, use_: Use) -> Vec<Num> {
        let mut owned = self.world.to(kind, self.subject);
        owned.retain(|object| self.may_use(*object, use_));
        owned
    }

    /// Other members of groups that the person owns, for what lies in an account: the groups of
    /// that account and of those above it. Without an account: for what may lie anywhere in the
    /// acting account and below, where a group beside them covers nothing.
    pub(super) fn supervised(&self, account: Option<Num>, use_: Use) -> Vec<Num> {
        let mut all = Vec::new();
        for group in self.owned(LinkKind::GroupOwner, use_) {
            let of_group = self.world.account_of(group);
            let Some(of_group) = of_group else { continue };
            let reaches = match account {
                Some(account) => self.world.lies_in(account, of_group),
                None => {
                    let acting = self.acting();
                    self.world.lies_in(acting, of_group) || self.world.lies_in(of_group, acting)
                }
            };
            if reaches {
                all.extend(self.world.from(LinkKind::GroupMember, group));
            }
        }
        all.retain(|member| *member != self.subject);
        all
    }

    /// Members of the acting account who delegated to the person, as far as what hangs on their
    /// membership counts.
    fn delegators(&self, use_: Use) -> Vec<Num> {
        let here = self.world.members.iter().filter(|member| member.account == self.acting());
        let here = here.filter(|member| counts(self.world, member.account, &member.subject, use_));
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

    /// A set of ids of the person. In an exception, *all* takes out what nobody has seen yet, too.
    pub(super) fn set(&self, set: FactSet, use_: Use) -> Set {
        match self.set_of(set, use_) {
            Set::All if use_ == Use::Taking => Set::Anything,
            set => set,
        }
    }

    fn set_of(&self, set: FactSet, use_: Use) -> Set {
        let granted = |kind| self.list(kind).unwrap_or(Set::These(Vec::new()));
        Set::These(match set {
            FactSet::SelfSubject => vec![self.subject],
            FactSet::Groups => self.groups(use_),
            FactSet::SelfOrGroups => {
                let mut both = self.groups(use_);
                both.push(self.subject);
                both
            }
            FactSet::Supervised => self.supervised(None, use_),
            FactSet::Delegators => self.delegators(use_),
            FactSet::Faxboxes => self.faxboxes(use_),
            FactSet::OwnedFaxboxes => self.owned(LinkKind::FaxboxOwner, use_),
            FactSet::OwnedGroups => self.owned(LinkKind::GroupOwner, use_),
            FactSet::AccessNumbers => {
                let all = self.world.model.members.unset_access_numbers_are_all;
                let unset = if all { Set::All } else { Set::These(Vec::new()) };
                return self.list(LinkKind::AccessNumber).unwrap_or(unset);
            }
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

/// Whether what hangs on memberships counts for somebody at an account. Their nearest membership
/// from there upwards that is active or suspended decides; the others are passed over. One that is
/// suspended gives nothing, and takes what it took before.
fn counts(world: &World<'_>, account: Num, qualified: &str, use_: Use) -> bool {
    for account in world.path(account) {
        let Some(member) = membership(world, account.num, qualified) else { continue };
        if is_active(member) {
            return true;
        }
        if member.body.status == MemberStatus::Suspended.as_str() {
            return use_ == Use::Taking;
        }
    }
    false
}
