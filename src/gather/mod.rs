//! Gathers what a decision may read: the member's authority, and the facts of the resources that a
//! question names. All of one snapshot, so all of one revision.

mod askers;
mod conferred;
mod facts;
mod known;

use std::sync::Arc;

use lineguard_core::assemble::member_facts;
use lineguard_core::concern::{Concern, of_member_rows};
use lineguard_core::engine::{Authority, compile};
use lineguard_core::facts::MemberFacts;
use lineguard_core::id::{AccountId, Revision, Subject};
use lineguard_core::model::Model;
use lineguard_core::port::{StoreError, TenantReader, TenantRow};
use lineguard_core::vocabulary::Vocabulary;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

pub use askers::Askers;
pub use facts::question;
pub use known::{Known, Wanted};

/// A member as questions see it: the tenant, its model, and the authority.
#[derive(Debug, Clone)]
pub struct Member {
    /// The tenant, with the revision that everything here is of.
    pub tenant: TenantRow,
    /// The tenant's model.
    pub model: Arc<Model>,
    /// What the subject may do from the acting account; none if the account does not exist. A
    /// subject that is no member has an authority that bars everything.
    pub authority: Option<Arc<Authority>>,
}

impl Member {
    /// The revision of every answer about this member.
    pub fn revision(&self) -> Revision {
        self.tenant.revision
    }
}

/// What was read of a subject at an acting account.
pub struct Read {
    /// What is known of it; none if the account does not exist.
    pub facts: Option<MemberFacts>,
    /// What it may do.
    pub authority: Option<Arc<Authority>>,
    /// What the authority depends on; none if it must not be kept.
    pub concerns: Option<Arc<[Concern]>>,
}

/// Reads what is known of a subject at an acting account of the tenant of the reader.
pub async fn read_member(
    reader: &mut dyn TenantReader,
    model: &Model,
    vocabulary: &Vocabulary,
    account: &AccountId,
    subject: &Subject,
) -> Result<Read, StoreError> {
    let Some(rows) = reader.member_rows(account, subject).await? else {
        return Ok(Read { facts: None, authority: None, concerns: None });
    };
    let Some(facts) = member_facts(&rows)? else {
        return Ok(Read { facts: None, authority: None, concerns: None });
    };
    let compiled = out_of_the_way(weight(model, &facts), || compile(model, vocabulary, &facts));
    let authority = compiled.map_err(|unknown| {
        let row = format!("tenant {} subject {}: {unknown}", rows.tenant.num.0, facts.subject.0);
        StoreError::Corrupt { table: "object", column: "body", row }
    })?;
    let concerns = of_member_rows(&rows).map(Arc::from);
    Ok(Read { facts: Some(facts), authority: Some(Arc::new(authority)), concerns })
}

/// What is compiled at least before others on the same thread are given another one: about two
/// milliseconds.
const HEAVY: usize = 1_000;

/// About how much there is to compile: permissions of the model for each role that is held.
fn weight(model: &Model, facts: &MemberFacts) -> usize {
    let own = facts.path.iter().filter_map(|level| level.membership.as_ref());
    let held: usize = own.map(|membership| membership.roles.len()).sum();
    let of_groups: usize = facts.groups.iter().map(|group| group.roles.len()).sum();
    (held + of_groups).saturating_mul(model.permissions.len())
}

/// Computes something without keeping others waiting who are served by the same thread. How much
/// there can be of it is bounded when it is written, and how many do it by the places of cold reads.
fn out_of_the_way<T>(weight: usize, compute: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if weight > HEAVY && matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        return block_in_place(compute);
    }
    compute()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn others_go_on_while_much_is_compiled() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let (tell, told) = mpsc::channel();
        let heard = runtime.unwrap().block_on(async {
            let much = tokio::spawn(async move {
                // On the only thread, which gets to it only if it is let go.
                tokio::spawn(async move { tell.send(()) });
                out_of_the_way(HEAVY + 1, || told.recv_timeout(Duration::from_secs(10)))
            });
            much.await.unwrap()
        });
        assert_eq!(heard, Ok(()));
    }

    #[tokio::test]
    async fn a_runtime_without_other_threads_computes_all_the_same() {
        assert_eq!(out_of_the_way(HEAVY + 1, || 1), 1);
    }
}
