//! Gathers what a decision may read: the member's authority, and the facts of the resources that a
//! question names. All of one snapshot, so all of one revision.

mod facts;
mod known;

use std::sync::Arc;

use lineguard_core::assemble::member_facts;
use lineguard_core::engine::{Authority, compile};
use lineguard_core::facts::MemberFacts;
use lineguard_core::id::{AccountId, Revision, Subject};
use lineguard_core::model::Model;
use lineguard_core::port::{StoreError, TenantReader, TenantRow};
use lineguard_core::vocabulary::Vocabulary;

pub use facts::question;
pub use known::{Known, Wanted};

/// A member as questions see it: the tenant, its model, and the authority.
#[derive(Debug, Clone)]
pub struct Member {
    /// The tenant, with the revision that everything here is of.
    pub tenant: TenantRow,
    /// The tenant's model.
    pub model: Arc<Model>,
    /// What is known of the subject at the acting account; none if the account does not exist.
    pub facts: Option<MemberFacts>,
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

/// Reads what is known of a subject at an acting account. `model` is the tenant's.
pub async fn member(
    reader: &mut dyn TenantReader,
    model: Arc<Model>,
    vocabulary: &Vocabulary,
    account: &AccountId,
    subject: &Subject,
) -> Result<Member, StoreError> {
    let rows = reader.member_rows(account, subject).await?;
    let tenant = match &rows {
        Some(rows) => rows.tenant.clone(),
        None => reader.tenant().await?,
    };
    let facts = match &rows {
        Some(rows) => member_facts(rows)?,
        None => None,
    };
    let authority = match &facts {
        None => None,
        Some(facts) => Some(compile(&model, vocabulary, facts).map_err(|unknown| {
            let row = format!("tenant {} subject {}: {unknown}", tenant.num.0, facts.subject.0);
            StoreError::Corrupt { table: "object", column: "body", row }
        })?),
    };
    Ok(Member { tenant, model, facts, authority: authority.map(Arc::new) })
}
