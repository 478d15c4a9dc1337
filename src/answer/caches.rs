//! The caches of one server, and what their keys and values weigh.

use std::sync::Arc;

use lineguard_cache::{Flights, L1, L2};
use lineguard_core::engine::Authority;
use lineguard_core::id::{AccountId, FaxId, Num, Subject, TenantId};
use lineguard_core::model::Model;
use lineguard_core::port::{FaxRow, TenantRow};
use lineguard_core::row::{Object, ObjectKind};

use super::{Answer, Question};

/// A tenant, with its model.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The tenant.
    pub tenant: TenantRow,
    /// Its model.
    pub model: Arc<Model>,
}

/// Which member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberKey {
    tenant: TenantId,
    account: AccountId,
    subject: Subject,
}

impl MemberKey {
    /// The member of a subject at an account.
    pub fn new(tenant: &TenantId, account: &AccountId, subject: &Subject) -> Self {
        Self { tenant: tenant.clone(), account: account.clone(), subject: subject.clone() }
    }
}

/// Which fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FactKey {
    /// An object of a tenant, by kind, scope and id.
    Object(Num, ObjectKind, Num, Box<str>),
    /// An object of a tenant, by number.
    Num(Num, Num),
    /// A fax of a tenant.
    Fax(Num, FaxId),
    /// The faxbox that receives the faxes of a number.
    FaxboxOfNumber(Num, Num),
}

/// A fact.
#[derive(Debug, Clone)]
pub enum Part {
    /// An object.
    Object(Object),
    /// A fax.
    Fax(FaxRow),
    /// Far ends of links.
    Ends(Vec<Num>),
}

/// How much memory the caches may take, in bytes; none for those that are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSize(pub Option<u64>);

/// The caches.
pub struct Caches {
    /// Tenants and their models.
    pub settings: L1<TenantId, Setting>,
    /// Compiled authorities.
    pub members: L1<MemberKey, Arc<Authority>>,
    /// Facts of resources.
    pub facts: L1<FactKey, Part>,
    /// Whole answers.
    pub answers: L1<Question, Answer>,
    /// Questions that are being answered.
    pub flights: Flights<Question>,
    /// Answers that all replicas share.
    pub shared: Option<L2>,
    on: bool,
}

impl Caches {
    /// Caches that share this many bytes; none of them in use if there are none.
    pub fn new(size: CacheSize, shared: Option<L2>) -> Self {
        let bytes = size.0.unwrap_or(0);
        Self {
            settings: L1::new(bytes / 16, |key, value| key.as_str().len() + setting_bytes(value)),
            members: L1::new(bytes / 16 * 6, |key, value| member_key_bytes(key) + value.bytes()),
            facts: L1::new(bytes / 16 * 3, |key, value| fact_key_bytes(key) + part_bytes(value)),
            answers: L1::new(bytes / 16 * 6, |key, value| key.bytes() + value.bytes()),
            flights: Flights::new(FLIGHT),
            shared,
            on: size.0.is_some(),
        }
    }

    /// Whether anything is ever answered from memory.
    pub const fn are_on(&self) -> bool {
        self.on
    }
}

/// How long a question waits for another that asks the same.
const FLIGHT: std::time::Duration = std::time::Duration::from_millis(500);

fn setting_bytes(setting: &Setting) -> usize {
    setting.tenant.id.as_str().len() + setting.tenant.title.len()
}

fn member_key_bytes(MemberKey { tenant, account, subject }: &MemberKey) -> usize {
    tenant.as_str().len() + account.as_str().len() + subject.id().len()
}

fn fact_key_bytes(key: &FactKey) -> usize {
    match key {
        FactKey::Object(_, _, _, id) => id.len(),
        FactKey::Fax(_, id) => id.as_str().len(),
        FactKey::Num(..) | FactKey::FaxboxOfNumber(..) => 0,
    }
}

fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Object(object) => object.id.len() + object.body.len(),
        Part::Fax(fax) => fax.id.as_str().len() + size_of_val(&*fax.labels),
        Part::Ends(ends) => size_of_val(&**ends),
    }
}
