//! What a rule decided for one content: stretches from its first to its last byte, each cut by one method.

use super::params::{CdcSizes, FINE};

/// What to try on a segment before storing it. Never part of the format: a wrong guess costs time or space only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Probably compressible: compress, keep what is smaller.
    Compress,
    /// Probably compressed already: try a sample, and the whole only where the sample shrinks.
    Sample,
    /// Known to be compressed by the container it is in.
    Store,
}

/// The kind of content, for callers and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// No bytes, no segments.
    Empty,
    /// So small that callers should bundle it with others instead of storing a chunk.
    Tiny,
    /// A photo: metadata and picture apart.
    Jpeg,
    /// Pictures, sound and video that are compressed already and rarely change inside.
    Media,
    /// A ZIP with cuts at its entries.
    Zip,
    /// Text, databases, documents and everything unknown of moderate size.
    Data,
    /// Unknown and big: images of whole phones, dumps.
    Big,
    /// Length unknown beforehand.
    Stream,
}

/// Declares the rules once, so that number, name and class cannot come apart.
macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident = $number:literal => $class:ident,)+) => {
        /// A numbered rule. The number is recorded with a content; what a number means never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Rule { $($(#[$doc])+ $name = $number,)+ }

        impl Rule {
            /// All rules, by number.
            pub const ALL: &[Rule] = &[$(Rule::$name,)+];

            /// The rule with this number, unless a newer version made it.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }

            /// The kind of content this rule is about.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }
        }
    };
}

rules! {
    /// No bytes.
    Empty = 1 => Empty,
    /// At most [`TINY_MAX`](super::TINY_MAX) bytes.
    Tiny = 2 => Tiny,
    /// Length unknown.
    Stream = 3 => Stream,
    /// JPEG cut after its first start-of-scan segment.
    Jpeg = 4 => Jpeg,
    /// MP4, MOV, 3GP, HEIC cut around the first media data box.
    Iso = 5 => Media,
    /// MPEG audio cut after an ID3v2 tag and before an ID3v1 tag.
    MpegAudio = 6 => Media,
    /// WMA, WMV, ASF cut after the header object.
    Asf = 7 => Media,
    /// FLAC cut after the metadata blocks.
    Flac = 8 => Media,
    /// Other finished media and encrypted packages.
    OtherMedia = 9 => Media,
    /// ZIP cut at entries.
    ZipEntries = 10 => Zip,
    /// Text and databases of any size.
    Text = 11 => Data,
    /// Anything else under [`BIG_MIN`](super::BIG_MIN).
    Data = 12 => Data,
    /// Anything else from [`BIG_MIN`](super::BIG_MIN) on.
    Big = 13 => Big,
}

impl Rule {
    /// The number to record.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// How a stretch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Pieces of this many bytes, found without looking at them.
    Pieces(usize),
    /// Holes, and FastCDC between them.
    Cdc(&'static CdcSizes),
}

/// Part of a content that is cut by one method, up to the next stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) method: Method,
    pub(super) hint: Hint,
}

/// Stretches in ascending order, the first at 0.
#[derive(Debug)]
pub(super) struct Layout {
    len: u64,
    stretches: Vec<Stretch>,
}

impl Layout {
    /// One stretch over a content of `len` bytes.
    pub(super) fn new(len: u64, method: Method, hint: Hint) -> Self {
        Self {
            len,
            stretches: vec![Stretch {
                start: 0,
                method,
                hint,
            }],
        }
    }

    /// Begins a stretch at `start`, which must not lie before the last one. A stretch without bytes vanishes.
    pub(super) fn then(mut self, start: u64, method: Method, hint: Hint) -> Self {
        self.push(start, method, hint);
        self
    }

    /// As [`then`](Self::then).
    pub(super) fn push(&mut self, start: u64, method: Method, hint: Hint) {
        debug_assert!(self.stretches.last().is_none_or(|last| last.start <= start));
        if start >= self.len {
            return;
        }
        while self.stretches.last().is_some_and(|last| last.start >= start) {
            self.stretches.pop();
        }
        self.stretches.push(Stretch { start, method, hint });
    }
}

/// How one content is cut, as decided by a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    rule: Rule,
    len: Option<u64>,
    stretches: Vec<Stretch>,
}

impl Plan {
    /// The plan for content whose length is not known beforehand.
    pub fn stream() -> Self {
        let whole = Stretch {
            start: 0,
            method: Method::Cdc(&FINE),
            hint: Hint::Compress,
        };
        Self {
            rule: Rule::Stream,
            len: None,
            stretches: vec![whole],
        }
    }

    pub(super) fn new(rule: Rule, layout: Layout) -> Self {
        Self {
            rule,
            len: Some(layout.len),
            stretches: layout.stretches,
        }
    }

    /// The rule that applied; its number is recorded with the content.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The kind of content.
    pub fn class(&self) -> Class {
        self.rule.class()
    }

    /// Length of the content in bytes, unless it is a stream.
    pub fn content_len(&self) -> Option<u64> {
        self.len
    }

    /// The stretch that holds `position`, and where it ends (`None`: wherever the content does).
    pub(super) fn stretch_at(&self, position: u64) -> (Stretch, Option<u64>) {
        let after = self
            .stretches
            .partition_point(|stretch| stretch.start <= position)
            .max(1);
        let end = self.stretches.get(after).map(|next| next.start).or(self.len);
        (self.stretches[after - 1], end)
    }
}
