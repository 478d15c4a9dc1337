//! What a transaction writes, taken down while it writes it: the text of its edits, which goes to
//! the database in parts of bounded size, and what they concern. However much it writes, it holds
//! one part and [`MAX_CONCERNS`] concerns in memory.

use std::collections::BTreeSet;

use lineguard_core::concern::{Concern, Concerned, of_link, of_object};
use lineguard_core::id::{Num, Revision};
use lineguard_core::port::StoreError;
use sha2::{Digest as _, Sha256};

use crate::edit::Edit;
use crate::session::Session;
use crate::sql::Sql;
use crate::write::stored;

/// Most bytes of a part that holds more than one edit. An edit is never cut: one that is longer is
/// a part of its own.
pub(crate) const MAX_PART: usize = 256 << 10;

/// A change that concerns more things than this is said to concern the whole tenant.
pub(crate) const MAX_CONCERNS: usize = 1_000;

/// What has been taken down.
#[derive(Clone)]
pub(crate) struct Trail {
    /// The revision that the edits make.
    revision: Revision,
    /// Whether the text is kept: registrations of faxes have no row in the audit trail.
    kept: bool,
    /// Whether the parts are those of a stage.
    staged: bool,
    empty: bool,
    /// Edits that are in no part yet: a list in JSON without its last bracket, or nothing.
    text: String,
    parts: Parts,
    concerned: Concerns,
}

/// What the edits concern.
#[derive(Clone)]
pub(crate) enum Concerns {
    /// These things.
    These(BTreeSet<Concerned>),
    /// More than are told one by one.
    Whole,
}

/// The parts of a revision that are in the database: how many, and a hash over all of them in their
/// order.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) count: u64,
    hasher: Sha256,
}

impl Parts {
    /// Adds the next part: with its length, so that nothing can be moved from one to another.
    pub(crate) fn add(&mut self, content: &str) {
        self.count += 1;
        self.hasher.update(u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.hasher.update(content);
    }

    /// The hash over all of them.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }
}

impl Trail {
    /// The trail of a transaction that begins at a revision.
    pub(crate) fn new(at: Revision) -> Self {
        Self {
            revision: Revision(at.0 + 1),
            kept: true,
            staged: false,
            empty: true,
            text: String::new(),
            parts: Parts::default(),
            concerned: Concerns::These(BTreeSet::new()),
        }
    }

    /// The trail of a tenant that is staged: of all the transactions that fill the stage, and the one
    /// that makes a tenant of it.
    pub(crate) fn staged() -> Self {
        Self { staged: true, ..Self::new(Revision(0)) }
    }

    /// Keeps no text from now on.
    pub(crate) fn keep_nothing(&mut self) {
        self.kept = false;
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    /// What was written concerns this; to be asked once.
    pub(crate) fn take_concerns(&mut self) -> Concerns {
        std::mem::replace(&mut self.concerned, Concerns::Whole)
    }

    /// Takes an edit down; what is to be written before it, if there is no more room.
    fn add(&mut self, edit: &Edit) -> Option<String> {
        self.empty = false;
        self.concerns(edit);
        if !self.kept {
            return None;
        }
        let edit = edit.to_text();
        // A comma before it, the bracket at the end.
        let full = !self.text.is_empty() && self.text.len() + edit.len() + 2 > MAX_PART;
        let part = if full { self.cut() } else { None };
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(&edit);
        part
    }

    /// The edits that are in no part yet, as a part.
    fn cut(&mut self) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push(']');
        Some(std::mem::take(&mut self.text))
    }

    fn concerns(&mut self, edit: &Edit) {
        let Concerns::These(these) = &mut self.concerned else { return };
        these.extend(concerned_by(edit));
        if these.len() > MAX_CONCERNS {
            self.concerned = Concerns::Whole;
        }
    }
}

fn concerned_by(edit: &Edit) -> Vec<Concerned> {
    match edit {
        Edit::Tenant { .. } => vec![Concern::Tenant.into()],
        Edit::Object { before, after } => of_object(before.as_ref(), after.as_ref()),
        Edit::Link { link, on: _ } => of_link(link),
        Edit::Fax { before, after: _ } => vec![Concern::Fax(before.num).into()],
        // All that is hidden by it, which nobody has counted.
        Edit::Removal { .. } => vec![Concern::Tenant.into()],
    }
}

/// The text of a revision, as its row in the audit trail has it.
pub(crate) enum Told {
    /// All of it, where it is no longer than a part.
    Here(String),
    /// In parts, which are written.
    InParts(Parts),
}

impl Session {
    /// Takes down what was written.
    pub(crate) async fn record(&mut self, edit: Edit) -> Result<(), StoreError> {
        match self.trail.add(&edit) {
            Some(part) => self.write_part(&part).await,
            None => Ok(()),
        }
    }

    /// The text of the revision; what is left of it is written.
    pub(crate) async fn tell(&mut self) -> Result<Told, StoreError> {
        let rest = self.trail.cut();
        if self.trail.parts.count == 0 {
            return Ok(Told::Here(rest.unwrap_or_else(|| "[]".to_owned())));
        }
        if let Some(rest) = rest {
            self.write_part(&rest).await?;
        }
        Ok(Told::InParts(self.trail.parts.clone()))
    }

    async fn write_part(&mut self, content: &str) -> Result<(), StoreError> {
        let mut insert = if self.trail.staged {
            Sql::new("INSERT INTO stage_part (part, content, tenant) VALUES (?, ?, ?)")
        } else {
            Sql::new(
                "INSERT INTO change_part (part, content, tenant, revision) VALUES (?, ?, ?, ?)",
            )
        };
        insert.add(stored(Num(self.trail.parts.count))?).add(content).add(self.tenant_num());
        if !self.trail.staged {
            insert.add(stored(Num(self.trail.revision.0))?);
        }
        self.tx.run(insert).await?;
        self.trail.parts.add(content);
        Ok(())
    }
}
