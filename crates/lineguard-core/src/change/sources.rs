//! Where the attachments of one fax come from.

use super::AttachmentSource;
use crate::id::Num;

/// A set of attachment sources. The empty set is something that is known: nothing is attached.
/// What is not known is no set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SourceSet(u8);

impl SourceSet {
    const fn bit(source: AttachmentSource) -> u8 {
        match source {
            AttachmentSource::Computer => 1,
            AttachmentSource::Cloud => 1 << 1,
            AttachmentSource::MobileScan => 1 << 2,
            AttachmentSource::Library => 1 << 3,
        }
    }

    /// The set of stored bits; none if one of them stands for no source.
    pub fn from_bits(bits: u8) -> Option<Self> {
        let all: Self = AttachmentSource::ALL.into_iter().map(|(source, _)| source).collect();
        (bits & !all.0 == 0).then_some(Self(bits))
    }

    /// The set as bits, which mean the same for ever: they are stored.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether nothing is attached.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The sources, each once, in the order of [`AttachmentSource::ALL`].
    pub fn iter(self) -> impl Iterator<Item = AttachmentSource> {
        let all = AttachmentSource::ALL.into_iter().map(|(source, _)| source);
        all.filter(move |source| self.0 & Self::bit(*source) != 0)
    }

    /// The numbers that stand for the sources in facts.
    pub fn nums(self) -> Box<[Num]> {
        self.iter().map(AttachmentSource::num).collect()
    }
}

impl FromIterator<AttachmentSource> for SourceSet {
    fn from_iter<I: IntoIterator<Item = AttachmentSource>>(sources: I) -> Self {
        Self(sources.into_iter().fold(0, |bits, source| bits | Self::bit(source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_reads_back_as_it_was_stored() {
        for bits in 0..1 << AttachmentSource::ALL.len() {
            let set = SourceSet::from_bits(bits).unwrap();
            assert_eq!(set.bits(), bits);
            assert_eq!(set.iter().collect::<SourceSet>(), set);
            assert_eq!(set.nums().len(), bits.count_ones() as usize);
            assert_eq!(set.is_empty(), bits == 0);
        }
        assert_eq!(SourceSet::from_bits(1 << 4), None);
        assert_eq!(SourceSet::from_bits(u8::MAX), None);
    }
}
