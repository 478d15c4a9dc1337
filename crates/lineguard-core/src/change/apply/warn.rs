//! Remarks on settings that route faxes to somebody who could not see them (rulings R18). Those on
//! what was taken away are made in `lost`, those on looks in `alike`.
//!
//! They are made when all changes of a batch have been applied: what is routed early in a batch may
//! be opened to its receiver later in it.

use std::collections::{BTreeMap, BTreeSet};

use super::door::{Door, PAGE};
use crate::auto_assign::{AutoAssign, Resolver, Sight, Skipped, Target, hidden_because};
use crate::change::Warning;
use crate::facts::MemberStatus;
use crate::id::Num;
use crate::model::{TargetKind, built_in_vocabulary};
use crate::port::StoreError;
use crate::row::{ALL, LinkKind, MemberBody, Object, ObjectKind};

/// Most numbers that the remarks of one batch look at; each costs some reads.
pub(super) const MAX_NUMBERS: usize = 1_000;

const STAYS_REMOVED: &str = "a member who was removed stays removed, and nothing is set for them; \
                             only `active` brings them back";

const STAYS_SUSPENDED: &str = "a member who is suspended stays suspended; only `active` lifts it";

/// What a change that routes faxes, or decides who can open them, was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::change) enum Routed {
    /// A number has got a target.
    Number(Num),
    /// A member has other auto-assign numbers, roles, overrides or another visibility level.
    Member(Num),
}

impl Door<'_> {
    /// Notes something to be looked at in the end.
    pub(super) fn routes(&mut self, routed: Routed) {
        self.routed.push((self.position, routed));
    }

    /// The remarks of the batch that need no look at what is routed.
    pub(super) async fn warnings(&mut self) -> Result<Vec<Warning>, StoreError> {
        let noted = self.noted.iter().map(|(position, text)| (*position, (*text).to_owned()));
        let mut warnings: BTreeSet<_> = noted.collect();
        let left = std::mem::take(&mut self.left_out);
        for member in self.get_all(&Vec::from_iter(left.keys().copied())).await? {
            let body: MemberBody = self.body(&member)?;
            let text = match MemberStatus::from_word(&body.status) {
                Some(MemberStatus::Removed) => STAYS_REMOVED,
                Some(MemberStatus::Suspended) => STAYS_SUSPENDED,
                // A later change has brought them back.
                _ => continue,
            };
            let position = left.get(&member.num).copied().unwrap_or_default();
            warnings.insert((position, text.to_owned()));
        }
        Ok(warnings.into_iter().map(|(change, text)| Warning { change, text }).collect())
    }

    /// The others, each with the last change that concerned the member or number.
    pub(super) async fn remarks_on(
        &mut self,
        settings: &[(Routed, usize)],
    ) -> Result<Vec<Warning>, StoreError> {
        let mut resolved = BTreeMap::new();
        let mut warnings = BTreeSet::new();
        for (routed, position) in settings {
            for text in self.remarks(*routed, &mut resolved).await? {
                warnings.insert((*position, text));
            }
        }
        warnings.extend(self.remarks_on_losses().await?);
        warnings.extend(self.remarks_on_looks().await?);
        Ok(warnings.into_iter().map(|(change, text)| Warning { change, text }).collect())
    }

    async fn remarks(
        &mut self,
        routed: Routed,
        resolved: &mut BTreeMap<Num, Option<AutoAssign>>,
    ) -> Result<Vec<String>, StoreError> {
        let (numbers, subject) = match routed {
            Routed::Number(number) => (self.tx.get(&[number]).await?, None),
            Routed::Member(member) => match self.subject_and_numbers(member).await? {
                Some((subject, numbers)) => (numbers, Some(subject)),
                None => return Ok(Vec::new()),
            },
        };
        let mut texts = Vec::new();
        for number in numbers {
            if !resolved.contains_key(&number.num) {
                if resolved.len() == MAX_NUMBERS {
                    break;
                }
                let answer = self.receiver(&number).await?;
                resolved.insert(number.num, answer);
            }
            if let Some(Some(answer)) = resolved.get(&number.num) {
                texts.extend(match subject {
                    Some(subject) => remark_on_member(answer, subject),
                    None => remark_on_number(answer),
                });
            }
        }
        Ok(texts)
    }

    /// The subject of a member and the numbers that it receives the faxes of.
    async fn subject_and_numbers(
        &mut self,
        member: Num,
    ) -> Result<Option<(Num, Vec<Object>)>, StoreError> {
        let Some(member) = self.tx.get(&[member]).await?.into_iter().next() else {
            return Ok(None);
        };
        let Some(subject) = self.find(ObjectKind::Subject, Num(0), &member.id).await? else {
            return Ok(None);
        };
        let named = self.tx.links_from(LinkKind::AutoAssignNumber, member.num).await?;
        let numbers = if named.contains(&ALL) {
            self.tx.list(ObjectKind::Number, member.account, Num(0), MAX_NUMBERS).await?
        } else {
            let named = named.get(..MAX_NUMBERS.min(PAGE)).unwrap_or(&named);
            self.tx.get(named).await?
        };
        Ok(Some((subject.num, numbers)))
    }

    /// Who receives the faxes of a number. A row that does not parse costs the remark, not the
    /// change.
    pub(super) async fn receiver(
        &mut self,
        number: &Object,
    ) -> Result<Option<AutoAssign>, StoreError> {
        let vocabulary = built_in_vocabulary();
        let mut resolver = Resolver { reader: &mut *self.tx, models: self.models, vocabulary };
        match resolver.of_number(number).await {
            Ok(answer) => Ok(Some(answer)),
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn remark_on_member(answer: &AutoAssign, subject: Num) -> Option<String> {
    let target = Target { kind: TargetKind::User, num: subject };
    let could_not = "the member receives faxes that they could not open";
    if answer.target == Some(target) {
        return hidden(answer.sight.as_ref(), could_not);
    }
    if let Some((_, sight)) = answer.further.iter().find(|(further, _)| *further == target) {
        return hidden(Some(sight), could_not);
    }
    let (_, why) = answer.skipped.iter().find(|(skipped, _)| *skipped == target)?;
    let text = match why {
        Skipped::Member(_) => "the member is not active and is passed over until they are",
        Skipped::NotATarget => {
            "the member's permissions do not let them receive faxes; they are passed over"
        }
        // Nothing arrives on an inactive number, which is told when it is made inactive.
        Skipped::NobodyInGroup | Skipped::NotFirst | Skipped::NumberInactive => return None,
    };
    Some(text.to_owned())
}

fn remark_on_number(answer: &AutoAssign) -> Option<String> {
    if answer.skipped.iter().any(|(_, why)| *why == Skipped::NobodyInGroup) {
        return Some("nobody who is active is in the group; it is passed over".to_owned());
    }
    let text = match answer.target?.kind {
        TargetKind::User => "the member who receives the faxes could not open them",
        TargetKind::Group => "nobody in the group could open the faxes",
        TargetKind::Faxbox => "nobody in the faxbox could open the faxes",
    };
    hidden(answer.sight.as_ref(), text)
}

/// The remark, if the receiver could not open the faxes, with the reason where there is one.
fn hidden(sight: Option<&Sight>, text: &str) -> Option<String> {
    let sight = sight.filter(|sight| !sight.visible)?;
    Some(match hidden_because(sight) {
        Some(reason) => format!("{text} ({})", reason.as_str()),
        None => text.to_owned(),
    })
}
