//! Memory that nobody needs any more goes back to the system.

/// Bytes of a block that the allocator keeps on pages of its own.
const LARGE_BLOCK: usize = 1 << 20;

/// Gives back what has been free for a while. The allocator remembers which pages are, but looks whose time is over only
/// when another page becomes free, which on an idle core is never: here one does.
pub(super) fn give_back() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BLOCK)));
}
