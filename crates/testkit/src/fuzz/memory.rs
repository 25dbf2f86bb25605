//! Counts what a thread allocates, so that a bound on memory can be asserted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting; a test binary makes it its own with `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

/// The most memory of this thread at any time during `work`, beyond what it had before. 0 where the program does not
/// count.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.get();
    PEAK.set(before);
    let value = work();
    let peak = PEAK.get() - before;
    (value, usize::try_from(peak).unwrap_or(0))
}

/// Layouts never exceed `isize::MAX` bytes.
fn add(bytes: usize) {
    let now = NOW.get().wrapping_add_unsigned(bytes);
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

fn remove(bytes: usize) {
    NOW.set(NOW.get().wrapping_sub_unsigned(bytes));
}

// SAFETY: every call goes to the system's allocator as it came. The counters are cells without destructors, initialised at
// compile time: they allocate nothing and can be reached at any time of a thread's life.
#[expect(unsafe_code, reason = "allocators are unsafe by nature")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        remove(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // Counted as if both were there for a moment, as they are where the block must move.
        add(bytes);
        remove(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}
