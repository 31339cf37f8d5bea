//! Pages of long lists, in the order of their ids.

/// Most entries of a page.
pub const MAX_PAGE_SIZE: u32 = 500;

/// Entries of a page that asks for no number.
pub const DEFAULT_PAGE_SIZE: u32 = 100;

/// Most rows of a list that has no pages, such as one app's keys; beyond: the oldest are left out.
pub const MAX_LIST: i64 = 1_000;

/// Which part of a list: so many entries after an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    after: String,
    size: u32,
}

impl Page {
    /// The first page.
    #[must_use]
    pub fn first() -> Self {
        Self { after: String::new(), size: DEFAULT_PAGE_SIZE }
    }

    /// The page that follows the entry of that id.
    #[must_use]
    pub fn after(id: &str) -> Self {
        Self { after: id.to_owned(), size: DEFAULT_PAGE_SIZE }
    }

    /// The same with `size` entries: at least 1, at most [`MAX_PAGE_SIZE`].
    #[must_use]
    pub fn with_size(self, size: u32) -> Self {
        Self { size: size.clamp(1, MAX_PAGE_SIZE), ..self }
    }

    /// The id that comes before the page; empty for the first.
    pub(super) fn cursor(&self) -> &str {
        &self.after
    }

    /// How many entries.
    pub(super) fn limit(&self) -> i64 {
        i64::from(self.size)
    }
}
