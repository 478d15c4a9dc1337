//! Steps in words.

use std::fmt;

use super::state::View;
use super::step::{Party, Step};

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parent => "the parent",
            Self::Sidecar => "the sidecar",
        })
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = if self.restored { " of the second history" } else { "" };
        let change = if self.changed { "the change" } else { "the beginning" };
        write!(f, "{change}{history}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick(None) => f.write_str("a tick passes"),
            Self::Tick(Some(party)) => write!(f, "a tick passes that {party}'s clock misses"),
            Self::Commit => f.write_str("the writer commits the change"),
            Self::ReadMembers(present, former) => {
                let count = u8::from(*present) + u8::from(*former);
                write!(f, "the writer finds {count} members to wait for")
            }
            Self::AcknowledgeConfirmed => {
                f.write_str("the writer acknowledges: nobody is left to wait for")
            }
            Self::AcknowledgeWaited => f.write_str("the writer acknowledges: it has waited"),
            Self::Fence => f.write_str("the parent is fenced"),
            Self::DeleteFenced => f.write_str("the fenced row is deleted"),
            Self::Close => f.write_str("the database is closed"),
            Self::Open => f.write_str("the database opens, restored"),
            Self::Register => f.write_str("the parent registers an incarnation"),
            Self::Poll(view, true) => write!(f, "the parent's poll reads {view} and a live row"),
            Self::Poll(view, false) => write!(f, "the parent's poll reads {view} and no live row"),
            Self::Install(view) => write!(f, "the parent installs {view}"),
            Self::IgnoreLate => f.write_str("the parent ignores a reply that is too old"),
            Self::LoseIncarnation => f.write_str("the parent learns that it is no member"),
            Self::NoticeRestore => f.write_str("the parent notices another history"),
            Self::Confirm => f.write_str("the parent confirms the change"),
            Self::DeleteFormer => f.write_str("the parent deletes its former row"),
            Self::Stop => f.write_str("the parent begins to stop"),
            Self::DeleteOwn => f.write_str("the parent deletes its row and is gone"),
            Self::Die => f.write_str("the parent dies and starts again"),
            Self::Renew(ticks) => write!(f, "the sidecar asks and is granted {ticks} ticks"),
            Self::Record => f.write_str("the parent makes a record of the grant"),
            Self::DropView => f.write_str("the sidecar learns of another history"),
            Self::Take(view) => write!(f, "the sidecar's lease is on {view}"),
            Self::IgnoreOldGrant => f.write_str("the sidecar ignores a grant that is too old"),
            Self::Hear(view) => write!(f, "the parent hears that the sidecar has {view}"),
            Self::Leave => f.write_str("the sidecar drops its lease and leaves"),
            Self::Answer(party, view) => write!(f, "{party} answers from {view}"),
        }
    }
}
