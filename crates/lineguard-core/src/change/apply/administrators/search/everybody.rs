//! The search of everybody, which ends at the first administrator.

use std::collections::BTreeSet;

use super::{MOST_SHAPES, Search, Standing};
use crate::change::apply::door::PAGE;
use crate::id::Num;
use crate::port::StoreError;
use crate::row::{MemberBody, Object, ObjectKind};

impl Search<'_> {
    /// The best standing that anybody has, or one that is enough. Looks at owners first, then at
    /// members of groups, then at all others, and stops as soon as it is enough.
    ///
    /// At worst, in a tenant that has nobody, it reads each group and member of the root account once
    /// (some 3 µs each), and takes [`MOST_SHAPES`] of them apart (a few hundred µs each): those who
    /// hold a role or an override that names the permission, once for each different row.
    pub(in super::super) async fn anybody(
        &mut self,
        enough: Standing,
    ) -> Result<Standing, StoreError> {
        let mut best = Standing::None;
        let owners = Vec::from_iter(self.owners.iter().copied());
        best = best.max(self.best_of(&owners, enough).await?);
        if best >= enough {
            return Ok(best);
        }
        let in_groups = self.read_groups().await?;
        let in_groups = Vec::from_iter(in_groups.keys().copied().collect::<BTreeSet<_>>());
        best = best.max(self.best_of(&in_groups, enough).await?);
        let mut after = Num(0);
        while best < enough {
            let (kind, root) = (ObjectKind::Member, self.root.num);
            let page = self.reader.list(kind, Some(root), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.num;
            best = best.max(self.best_of_page(page, enough).await?);
        }
        Ok(best)
    }

    /// The best standing among subjects.
    async fn best_of(
        &mut self,
        subjects: &[Num],
        enough: Standing,
    ) -> Result<Standing, StoreError> {
        let mut best = Standing::None;
        for chunk in subjects.chunks(PAGE) {
            let subjects = self.reader.get(chunk).await?;
            let keys = subjects.iter().map(|one| (ObjectKind::Member, self.root.num, &*one.id));
            let members = self.reader.find(&Vec::from_iter(keys)).await?;
            for (subject, member) in subjects.iter().zip(members) {
                let Some(member) = member else { continue };
                best = best.max(self.of_member(&member, subject.num, MOST_SHAPES).await?);
                if best >= enough {
                    return Ok(best);
                }
            }
        }
        Ok(best)
    }

    async fn best_of_page(
        &mut self,
        mut members: Vec<Object>,
        enough: Standing,
    ) -> Result<Standing, StoreError> {
        // Others have been looked at with their groups.
        members.retain(|member| {
            self.body(member).is_some_and(|body: MemberBody| self.may_give(&body))
        });
        let keys = members.iter().map(|member| (ObjectKind::Subject, Num(0), &*member.id));
        let subjects = self.reader.find(&Vec::from_iter(keys)).await?;
        let mut best = Standing::None;
        for (member, subject) in members.iter().zip(subjects) {
            let Some(subject) = subject else { continue };
            best = best.max(self.of_member(member, subject.num, MOST_SHAPES).await?);
            if best >= enough {
                break;
            }
        }
        Ok(best)
    }
}
