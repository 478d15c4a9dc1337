//! Steps in words.

use std::fmt;

use super::content::Path;
use super::state::{Incarnation, Role};
use super::step::{Effect, Place, Step};

impl fmt::Display for Path {
    /// The counter, and of which histories its changes are: `2ab` is a change of the first history
    /// and then one of the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.len)?;
        (0..self.len).try_for_each(|change| {
            f.write_str(if self.nonces >> change & 1 == 0 { "a" } else { "b" })
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "the primary",
            Self::Other(Role::Standby) => "the standby",
            Self::Other(Role::Stray) => "the writable standby",
            Self::Other(Role::Deposed) => "the deposed primary",
            Self::Cut => "the copy that stands still",
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(path) => write!(f, "it has a lease on {path}"),
            Self::Ignored => f.write_str("it shows no beat of use"),
            Self::OtherHistory => f.write_str("it shows another history, and all is dropped"),
            Self::UnknownFormat => f.write_str("its format is unknown, and the lease dropped"),
        }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a lease of {}", self.length)?;
        if self.stated.is_none() { f.write_str(", of which its row says nothing") } else { Ok(()) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Promote { lost } => {
                return write!(f, "the standby is promoted; {lost} transactions are lost");
            }
            Self::CutOff(place) => {
                return write!(f, "a third copy has come as far as {place} and stands still");
            }
            Self::Commit(path) => return write!(f, "a change is committed; the counter is {path}"),
            Self::CommitAside(path) => {
                return write!(f, "the deposed primary shows a change; its counter is {path}");
            }
            Self::Audience(place, true) => {
                return write!(f, "the writer reads from {place} that it waits for the replica");
            }
            Self::Audience(place, false) => {
                return write!(f, "the writer reads from {place} that it waits for nobody");
            }
            Self::Register(incarnation) => {
                return write!(f, "the replica registers, with {incarnation}");
            }
            Self::Beat(place) => return write!(f, "the replica sends a beat to {place}"),
            Self::Poll(place, path) => return write!(f, "its poll reads {path} from {place}"),
            Self::Reply(effect) => return write!(f, "the reply arrives: {effect}"),
            Self::PollAtOnce(place, effect) => return write!(f, "it polls {place}: {effect}"),
            Self::PollTwice(first, second, effect) => {
                return write!(f, "it polls {first} for the beat and {second}: {effect}");
            }
            Self::AnswerWarm(path) => {
                return write!(f, "a question is answered from memory, as of {path}");
            }
            Self::AnswerCold(place, path) => {
                return write!(f, "a question is answered from {place}, as of {path}");
            }
            Self::AnswerFax(place, found) => {
                let found = if *found { "found" } else { "not found" };
                return write!(f, "the fax is {found} on {place}");
            }
            Self::Tick => "a tick passes",
            Self::Replay => "the standby replays a transaction",
            Self::Rejoin => "the deposed primary becomes a standby",
            Self::MakeWritable => "the standby is made writable",
            Self::CommitReturns => "the writer's COMMIT returns",
            Self::AcknowledgeConfirmed { .. } => {
                "the writer acknowledges: nobody is left to wait for"
            }
            Self::AcknowledgeWaited => "the writer acknowledges: it has waited",
            Self::Abandon => "the writer gives up",
            Self::Fence => "the replica is fenced",
            Self::SeeFenced => "somebody sees that the replica is fenced",
            Self::DeleteFenced => "the fenced row is deleted",
            Self::Arrive => "a fax arrives",
            Self::ArriveReturns => "its COMMIT returns, and the arrival is acknowledged",
            Self::RaiseFormat => "the store's format changes",
            Self::ChangeLease => "the replica's lease is longer from now on",
            Self::BeatReturns => "the beat returns",
            Self::BeatEnds => "the beat's connection ends",
            Self::LoseMembership => "the replica's beat finds no live row",
            Self::StartAgain => "the replica's process ends and starts again",
            Self::Ask => "a question for the fax arrives",
        };
        f.write_str(plain)
    }
}
