//! Points in civil time with the precision they are known to. See docs/format.md §9.

/// How exactly a snapshot's time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// A point in time, from a clock.
    Instant,
    /// Some time on that civil day.
    Day,
    /// Some time in that civil month.
    Month,
    /// Some time in that civil year.
    Year,
}

/// When a snapshot's content was current.
///
/// With a precision other than [`Precision::Instant`], the instant is the last second of the civil period, so
/// that ordering by instant also orders periods by their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_seconds: i64,
    /// Nanoseconds within that second, 0..=999,999,999.
    pub nanoseconds: u32,
    /// Offset of the civil clock from UTC in seconds, east positive, within ±26 h.
    pub utc_offset_seconds: i32,
    /// How exactly the time is known.
    pub precision: Precision,
}
