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
    let authority = compile(model, vocabulary, &facts).map_err(|unknown| {
        let row = format!("tenant {} subject {}: {unknown}", rows.tenant.num.0, facts.subject.0);
        StoreError::Corrupt { table: "object", column: "body", row }
    })?;
    let concerns = of_member_rows(&rows).map(Arc::from);
    Ok(Read { facts: Some(facts), authority: Some(Arc::new(authority)), concerns })
}
