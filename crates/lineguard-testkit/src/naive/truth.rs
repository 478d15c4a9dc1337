//! Three-valued logic that remembers which facts are not known.

use lineguard_core::decision::{FactOwner, MissingFact};
use lineguard_core::vocabulary::FactName;

/// True, false, or: it depends on these facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown(Vec<MissingFact>),
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Truth {
    /// It depends on one fact.
    pub(super) fn missing(of: FactOwner, fact: Option<FactName>) -> Self {
        Self::Unknown(vec![MissingFact { of, fact }])
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, rest) | (rest, Self::True) => rest,
            (Self::Unknown(mut one), Self::Unknown(two)) => {
                one.extend(two);
                Self::Unknown(one)
            }
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown @ Self::Unknown(_) => unknown,
        }
    }

    /// All of them; true if there are none.
    pub(super) fn all(truths: impl Iterator<Item = Self>) -> Self {
        truths.fold(Self::True, Self::and)
    }

    /// Any of them; false if there are none.
    pub(super) fn any(truths: impl Iterator<Item = Self>) -> Self {
        truths.fold(Self::False, Self::or)
    }
}
