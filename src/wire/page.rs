//! Pages of lists.

use prost::Message;

use super::invalid::{Faults, Path};
use super::pb;
use super::status::Failure;

/// Size of a page where the request names none.
pub const DEFAULT_PAGE_SIZE: usize = 50;

/// Greatest size of a page; a greater wish is cut down to it.
pub const MAX_PAGE_SIZE: usize = 1_000;

/// About how many bytes a page may have, and an answer that has none: a stock client of gRPC reads no
/// message above 4 MiB.
pub const MAX_PAGE_BYTES: usize = 3 << 20;

/// What is left of [`MAX_PAGE_BYTES`] for an answer whose items have to be all there: each is left
/// shorter than it could be when those before it took the room.
#[derive(Debug)]
pub struct Room(usize);

impl Room {
    /// All of it.
    pub const WHOLE: Self = Self(MAX_PAGE_BYTES);

    /// Takes room for something of a message; false if there is not so much.
    pub fn take(&mut self, part: &impl Message) -> bool {
        let left = self.0.checked_sub(part.encoded_len());
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Why one item failed, with as many of the fields that are wrong as there is room for, and with
    /// one of them at least.
    pub fn error(&mut self, failure: Failure) -> pb::ItemError {
        let mut error = failure.into_item_error();
        let all = error.field_violations.len();
        while !self.take(&error) && error.field_violations.len() > 1 {
            let half = error.field_violations.len() / 2;
            error.field_violations.truncate(half);
        }
        match all - error.field_violations.len() {
            0 => {}
            more => error.message.push_str(&format!(" ({more} more fields have no room here)")),
        }
        error
    }
}

/// Greatest length of a page token that is looked at, in bytes. Ours are far shorter.
const MAX_TOKEN_BYTES: usize = 4_096;

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Greatest number of items, 1 to [`MAX_PAGE_SIZE`].
    pub size: usize,
    /// Token of the page before, still sealed; none for the first page.
    pub token: Option<String>,
}

/// The items of a page, while there is room for them.
#[derive(Debug)]
pub struct Filled<T> {
    /// The items.
    pub items: Vec<T>,
    size: usize,
    bytes: usize,
}

impl<T: Message> Filled<T> {
    /// For at most so many items.
    pub const fn new(size: usize) -> Self {
        Self { items: Vec::new(), size, bytes: 0 }
    }

    /// Adds an item; whether there was room. There is always room for one.
    pub fn add(&mut self, item: T) -> bool {
        // With the tag and the length before it.
        let bytes = self.bytes + item.encoded_len() + 6;
        let full = self.items.len() >= self.size || bytes > MAX_PAGE_BYTES;
        if full && !self.items.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.items.push(item);
        true
    }
}

/// As [`page`], for a list that comes whole where no size is named.
pub(super) fn whole_page(
    faults: &mut Faults,
    at: &Path<'_>,
    page_size: i32,
    page_token: String,
) -> Option<Page> {
    let most = i32::try_from(MAX_PAGE_SIZE).unwrap_or(i32::MAX);
    page(faults, at, if page_size == 0 { most } else { page_size }, page_token)
}

/// Reads the two fields that every list has.
pub(super) fn page(
    faults: &mut Faults,
    at: &Path<'_>,
    page_size: i32,
    page_token: String,
) -> Option<Page> {
    let size = match usize::try_from(page_size) {
        Ok(0) => Some(DEFAULT_PAGE_SIZE),
        Ok(size) => Some(size.min(MAX_PAGE_SIZE)),
        Err(_) => faults.add(&at.field("page_size"), "must not be negative"),
    };
    let token = if page_token.len() > MAX_TOKEN_BYTES {
        faults.add(&at.field("page_token"), "is not a token of this list")
    } else {
        Some((!page_token.is_empty()).then_some(page_token))
    };
    Some(Page { size: size?, token: token? })
}

#[cfg(test)]
mod tests {
    use super::super::invalid::{InvalidRequest, Violation};
    use super::*;

    fn size(page_size: i32) -> Result<usize, String> {
        Faults::collect(|faults, at| page(faults, at, page_size, String::new()))
            .map(|page| page.size)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn zero_is_the_default_too_much_is_cut_down_and_negative_is_a_fault() {
        assert_eq!(size(0), Ok(50));
        assert_eq!(size(7), Ok(7));
        assert_eq!(size(1_001), Ok(1_000));
        assert_eq!(size(-1).unwrap_err(), "`page_size` must not be negative");
    }

    #[test]
    fn errors_share_the_room_of_an_answer() {
        let violation = |at: usize| Violation {
            field: format!("changes[{at}].labels"),
            problem: "x".repeat(1_000),
        };
        let failure =
            || Failure::Invalid(InvalidRequest { violations: (0..1_000).map(violation).collect() });
        let mut room = Room::WHOLE;
        let errors: Vec<_> = (0..100).map(|_| room.error(failure())).collect();
        let told: Vec<_> = errors.iter().map(|error| error.field_violations.len()).collect();
        assert_eq!(told[..4], [1_000, 1_000, 1_000, 31]);
        assert_eq!(told.last(), Some(&1));
        assert!(errors[3].message.ends_with("(969 more fields have no room here)"));
        let bytes: usize = errors.iter().map(Message::encoded_len).sum();
        assert!(bytes < MAX_PAGE_BYTES + (1 << 20), "{bytes}");
    }

    #[test]
    fn an_overlong_token_is_refused_unread() {
        let result = Faults::collect(|faults, at| page(faults, at, 0, "x".repeat(5_000)));
        assert!(result.is_err());
    }
}
