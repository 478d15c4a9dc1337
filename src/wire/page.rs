//! Pages of lists.

use prost::Message;

use super::invalid::{Faults, Path};

/// Size of a page where the request names none.
pub const DEFAULT_PAGE_SIZE: usize = 50;

/// Greatest size of a page; a greater wish is cut down to it.
pub const MAX_PAGE_SIZE: usize = 1_000;

/// About how many bytes a page may have, and an answer that has none: a stock client of gRPC reads no
/// message above 4 MiB.
pub const MAX_PAGE_BYTES: usize = 3 << 20;

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
    fn an_overlong_token_is_refused_unread() {
        let result = Faults::collect(|faults, at| page(faults, at, 0, "x".repeat(5_000)));
        assert!(result.is_err());
    }
}
