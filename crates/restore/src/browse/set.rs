//! A set of snapshots, by their numbers in order of time: a bit each.

/// Snapshots, the oldest being number 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    /// One snapshot of so many.
    pub(super) fn of(number: usize, total: usize) -> Self {
        let mut words = vec![0; total.div_ceil(64)];
        if let Some(word) = words.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
        Self(words)
    }

    /// Adds those of another set of the same total.
    pub(super) fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// The newest of them.
    pub(super) fn newest(&self) -> usize {
        self.numbers().last().unwrap_or(0)
    }

    /// All of them, oldest first.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| at * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_keep_their_order_over_words() {
        let mut set = Set::of(3, 200);
        for number in [199, 64, 63, 3] {
            set.add(&Set::of(number, 200));
        }
        assert_eq!(set.numbers().collect::<Vec<_>>(), [3, 63, 64, 199]);
        assert_eq!(set.newest(), 199);
    }
}
