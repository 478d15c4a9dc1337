//! What a change did to the rows: before and after, complete enough to rebuild any past revision.

use lineguard_core::id::Num;
use lineguard_core::port::{FaxRow, TenantRow, Whole};
use lineguard_core::row::{Link, Object};
use serde_json::{Value, json};

use crate::hidden::whole_word;
use crate::rows::{direction_code, sources_bits, state_code};

/// One row that was written.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// The tenant; none before its creation.
    Tenant {
        /// Before.
        before: Option<TenantRow>,
        /// After.
        after: TenantRow,
    },
    /// An object; none before its insertion and after its removal.
    Object {
        /// Before.
        before: Option<Object>,
        /// After.
        after: Option<Object>,
    },
    /// A link that was inserted or removed.
    Link {
        /// The link.
        link: Link,
        /// Whether it is there afterwards.
        on: bool,
    },
    /// A fax; none after its deletion.
    Fax {
        /// Before.
        before: FaxRow,
        /// After.
        after: Option<FaxRow>,
    },
    /// The removal of something whose rows are taken away by later revisions: from its beginning
    /// to its end no read shows them.
    Removal {
        /// Its number.
        num: Num,
        /// What it is.
        whole: Whole,
        /// Whether rows are left afterwards.
        on: bool,
    },
}

impl Edit {
    /// The edit as the audit trail keeps it.
    pub(crate) fn to_text(&self) -> String {
        self.json().to_string()
    }

    fn json(&self) -> Value {
        match self {
            Self::Tenant { before, after } => json!({
                "table": "tenant",
                "before": before.as_ref().map(tenant),
                "after": tenant(after),
            }),
            Self::Object { before, after } => json!({
                "table": "object",
                "num": before.as_ref().or(after.as_ref()).map(|object| object.num.0),
                "before": before.as_ref().map(object),
                "after": after.as_ref().map(object),
            }),
            Self::Link { link, on } => json!({
                "table": "link",
                "kind": link.kind as u8,
                "a": link.a.0,
                "b": link.b.0,
                "before": !on,
                "after": on,
            }),
            Self::Fax { before, after } => json!({
                "table": "fax",
                "num": before.num.0,
                "before": fax(before),
                "after": after.as_ref().map(fax),
            }),
            Self::Removal { num, whole, on } => json!({
                "table": "removal",
                "num": num.0,
                "what": whole_word(*whole),
                "before": !on,
                "after": on,
            }),
        }
    }
}

fn tenant(tenant: &TenantRow) -> Value {
    json!({"id": tenant.id.as_str(), "title": tenant.title, "model": tenant.model.to_string()})
}

/// The body stays the text that it is, so that it can be put back byte for byte.
fn object(object: &Object) -> Value {
    json!({
        "kind": object.kind as u8,
        "scope": object.scope.0,
        "id": object.id,
        "account": num(object.account),
        "body": object.body,
    })
}

fn fax(fax: &FaxRow) -> Value {
    json!({
        "id": fax.id.as_str(),
        "account": fax.account.0,
        "direction": direction_code(fax.direction),
        "number": num(fax.number),
        "faxbox": num(fax.faxbox),
        "creator": num(fax.creator),
        "assignee": num(fax.assignee),
        "state": state_code(fax.state),
        "labels": fax.labels.iter().map(|label| label.0).collect::<Vec<_>>(),
        "at": fax.at.0,
        "attachment_sources": sources_bits(fax.attachment_sources),
    })
}

fn num(num: Option<Num>) -> Option<u64> {
    num.map(|num| num.0)
}
