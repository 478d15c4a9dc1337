//! The list of visible faxes: the same terms that answer `Check`, read as a walk over the index.
//!
//! SQL only narrows where to look; every row that is shown has passed [`Terms::cover`], the
//! engine's own reading of the terms. So a fax is listed if and only if `Check` allows it.
//!
//! No single form of query is fast for every reach. A page first reads the newest few thousand
//! faxes of the tenant: whoever sees much fills a page from those. If that does not fill it, it
//! seeks value by value: the newest fax of every value in the reach, then more only from values
//! that fall inside the page.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::assemble::Use;
use crate::assemble::fax_facts;
use crate::engine::{Authority, Sides, Term, Truth};
use crate::id::Num;
use crate::model::Requirement;
use crate::model::reach::{Comparison, Direction, FactSet, FaxState};
use crate::port::{FaxColumn, FaxCursor, FaxRow, FaxSlice, Seek, StoreError, TenantReader};
use crate::vocabulary::FactName;

/// What the caller wants to see of what the person may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Direction.
    pub direction: Option<Direction>,
    /// Number.
    pub number: Option<Num>,
    /// Faxbox.
    pub faxbox: Option<Num>,
    /// States; empty means any.
    pub states: Vec<FaxState>,
}

impl Filter {
    /// Whether the caller wants to see it.
    pub fn admits(&self, fax: &FaxRow) -> bool {
        self.direction.is_none_or(|direction| fax.direction == direction)
            && self.number.is_none_or(|number| fax.number == Some(number))
            && self.faxbox.is_none_or(|faxbox| fax.faxbox == Some(faxbox))
            && (self.states.is_empty() || self.states.contains(&fax.state))
    }
}

/// How much one page may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Faxes of the tenant that the first scan reads at most.
    pub scan: usize,
    /// Faxes that seeks read at most; then the page is short and carries a position to go on from.
    pub seek: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { scan: 2_000, seek: 20_000 }
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first, ties by higher number first.
    pub faxes: Vec<FaxRow>,
    /// Where to go on; none at the end.
    pub next: Option<FaxCursor>,
}

/// The terms that make faxes visible, with the authority they belong to.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The member's authority.
    pub authority: &'a Authority,
    /// The terms of `fax.view`.
    pub terms: &'a [Term],
}

impl Terms<'_> {
    /// Whether one of the terms covers a fax.
    pub fn cover(&self, fax: &FaxRow) -> bool {
        let facts = fax_facts(fax);
        let fax = Sides::alone(&facts);
        self.terms.iter().any(|term| self.authority.covers(term, fax) == Truth::True)
    }
}

/// What to read: the terms, the filter, the slice and the size of the page.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    /// What the person may see.
    pub terms: Terms<'a>,
    /// What the caller wants of it.
    pub filter: Filter,
    /// What part of the order.
    pub slice: FaxSlice,
    /// Faxes on the page.
    pub size: usize,
    /// How much it may cost.
    pub limits: Limits,
}

impl Walk<'_> {
    /// Reads one page, from the snapshot that the authority was read from.
    pub async fn page(&self, reader: &mut dyn TenantReader) -> Result<Page, StoreError> {
        let mut page = Page { faxes: Vec::new(), next: None };
        if self.terms.terms.is_empty() || self.size == 0 {
            return Ok(page);
        }
        let scanned = reader.newest_faxes(self.slice, self.limits.scan).await?;
        let end = if scanned.len() < self.limits.scan { None } else { scanned.last().map(cursor) };
        for fax in scanned.into_iter().filter(|fax| self.shows(fax)) {
            page.faxes.push(fax);
            if page.faxes.len() == self.size {
                page.next = page.faxes.last().map(cursor);
                return Ok(page);
            }
        }
        match end {
            None => Ok(page),
            Some(end) => self.seek_on(reader, end, page).await,
        }
    }

    /// Goes on where the scan ended, value by value.
    async fn seek_on(
        &self,
        reader: &mut dyn TenantReader,
        start: FaxCursor,
        mut page: Page,
    ) -> Result<Page, StoreError> {
        let mut merge =
            Merge { walk: self, reader, start, streams: Vec::new(), heap: BinaryHeap::new() };
        merge.open(self.seeks()).await?;
        let mut read = 0;
        let mut last: Option<FaxCursor> = None;
        while let Some(fax) = merge.next().await? {
            let at = cursor(&fax);
            // The same fax comes from every value that it has in the reach.
            if last == Some(at) {
                continue;
            }
            last = Some(at);
            read += 1;
            if self.shows(&fax) {
                page.faxes.push(fax);
            }
            if page.faxes.len() == self.size || read == self.limits.seek {
                page.next = Some(at);
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// For every term the values that its faxes must have in one column of the index: a superset
    /// of what it covers.
    fn seeks(&self) -> Vec<Seek> {
        let filtered = self.filter_seeks();
        if !filtered.is_empty() {
            return filtered;
        }
        let seeks: BTreeSet<Seek> =
            self.terms.terms.iter().flat_map(|term| self.seeks_of(term)).collect();
        seeks.into_iter().collect()
    }

    /// A filter by number or faxbox names one value that no term can do better than.
    fn filter_seeks(&self) -> Vec<Seek> {
        let number = self.filter.number.map(|value| (FaxColumn::Number, value));
        let faxbox = self.filter.faxbox.map(|value| (FaxColumn::Faxbox, value));
        number.or(faxbox).into_iter().flat_map(|of| self.both_ways(None, of)).collect()
    }

    fn seeks_of(&self, term: &Term) -> Vec<Seek> {
        let options = [
            self.by_comparison(term.comparison),
            term.requires
                .contains(&Requirement::FaxboxMember)
                .then(|| self.values(FactName::Faxbox, FactSet::Faxboxes))
                .flatten(),
        ];
        let accounts = self.terms.authority.accounts(term.accounts).iter();
        let accounts = accounts.map(|account| (FaxColumn::Account, *account)).collect();
        let fewest = options.into_iter().flatten().chain([accounts]).min_by_key(Vec::len);
        fewest
            .unwrap_or_default()
            .into_iter()
            .flat_map(|of| self.both_ways(term.direction, of))
            .collect()
    }

    /// The values that a comparison asks for, if every alternative of it has finitely many. A fact
    /// that a fax does not have matches nothing and needs no seek.
    fn by_comparison(&self, comparison: Comparison) -> Option<Vec<(FaxColumn, Num)>> {
        let alternatives = comparison.alternatives();
        if alternatives.is_empty() {
            return None;
        }
        let mut all = Vec::new();
        for (field, set) in alternatives {
            if field != FactName::Participant {
                all.extend(self.values(field, set)?);
            }
        }
        Some(all)
    }

    fn values(&self, field: FactName, set: FactSet) -> Option<Vec<(FaxColumn, Num)>> {
        let column = match field {
            FactName::Creator => FaxColumn::Creator,
            FactName::Assignee => FaxColumn::Assignee,
            FactName::Faxbox => FaxColumn::Faxbox,
            FactName::Number => FaxColumn::Number,
            _ => return None,
        };
        let mut all = Vec::new();
        for part in self.terms.authority.parts(set, Use::Gives) {
            all.extend(part.values.finite()?.iter().map(|value| (column, *value)));
        }
        Some(all)
    }

    fn both_ways(
        &self,
        term: Option<Direction>,
        (column, value): (FaxColumn, Num),
    ) -> impl Iterator<Item = Seek> + use<> {
        let wanted = self.filter.direction;
        [Direction::Inbound, Direction::Outbound]
            .into_iter()
            .filter(move |direction| term.is_none_or(|only| only == *direction))
            .filter(move |direction| wanted.is_none_or(|only| only == *direction))
            .map(move |direction| Seek { column, value, direction })
    }

    fn shows(&self, fax: &FaxRow) -> bool {
        self.filter.admits(fax) && self.terms.cover(fax)
    }
}

/// The place of a fax in the order of lists.
pub const fn cursor(fax: &FaxRow) -> FaxCursor {
    FaxCursor { at: fax.at, num: fax.num }
}

/// Rows that one seek has brought and not given out yet, newest last.
struct Stream {
    seek: Seek,
    waiting: Vec<FaxRow>,
    /// Where to go on once nothing is waiting; none if the seek has no more.
    more: Option<FaxCursor>,
    /// How many rows to ask for next: a value that falls inside the page is asked for more.
    batch: usize,
}

/// Merges the streams, newest first.
struct Merge<'a, 'w> {
    walk: &'a Walk<'w>,
    reader: &'a mut dyn TenantReader,
    start: FaxCursor,
    streams: Vec<Stream>,
    heap: BinaryHeap<(FaxCursor, std::cmp::Reverse<usize>)>,
}

impl Merge<'_, '_> {
    async fn open(&mut self, seeks: Vec<Seek>) -> Result<(), StoreError> {
        let more = Some(self.start);
        let stream = |seek| Stream { seek, waiting: Vec::new(), more, batch: 1 };
        self.streams = seeks.into_iter().map(stream).collect();
        let all: Vec<usize> = (0..self.streams.len()).collect();
        self.fill(&all).await
    }

    /// The newest row of all streams.
    async fn next(&mut self) -> Result<Option<FaxRow>, StoreError> {
        let Some((_, std::cmp::Reverse(at))) = self.heap.pop() else { return Ok(None) };
        let Some(stream) = self.streams.get_mut(at) else { return Ok(None) };
        let fax = stream.waiting.pop();
        if stream.waiting.is_empty() {
            self.fill(&[at]).await?;
        } else {
            self.offer(at);
        }
        Ok(fax)
    }

    fn offer(&mut self, at: usize) {
        if let Some(fax) = self.streams.get(at).and_then(|stream| stream.waiting.last()) {
            self.heap.push((cursor(fax), std::cmp::Reverse(at)));
        }
    }

    /// Reads on for streams with nothing waiting. Streams at the same place share a statement.
    async fn fill(&mut self, streams: &[usize]) -> Result<(), StoreError> {
        let mut by_place: BTreeMap<(FaxCursor, usize), Vec<usize>> = BTreeMap::new();
        for at in streams {
            let Some(stream) = self.streams.get(*at) else { continue };
            if let Some(after) = stream.more {
                by_place.entry((after, stream.batch)).or_default().push(*at);
            }
        }
        for ((after, batch), streams) in by_place {
            let seeks: Vec<Seek> = streams
                .iter()
                .filter_map(|at| self.streams.get(*at).map(|stream| stream.seek))
                .collect();
            let slice = FaxSlice { after: Some(after), ..self.walk.slice };
            let read = self.reader.seek_faxes(&seeks, slice, batch).await?;
            for (at, rows) in streams.into_iter().zip(read) {
                self.take(at, rows, batch);
            }
        }
        Ok(())
    }

    fn take(&mut self, at: usize, mut rows: Vec<FaxRow>, batch: usize) {
        if let Some(stream) = self.streams.get_mut(at) {
            stream.more = if rows.len() < batch { None } else { rows.last().map(cursor) };
            stream.batch = 64;
            rows.reverse();
            stream.waiting = rows;
        }
        self.offer(at);
    }
}
