//! What the engine needs from the world and must not fetch itself: randomness, the time, and somebody to tell.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Error;

/// A source of random bytes fit for keys.
pub trait Random: Debug + Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(buffer).map_err(|source| Error::Random(source.to_string()))
    }
}

/// A clock of civil time.
pub trait Clock: Debug + Send + Sync {
    /// Seconds and nanoseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> (i64, u32);

    /// Lets so much time pass, however the clock is set meanwhile.
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> (i64, u32) {
        let seconds = |s: u64| i64::try_from(s).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => (seconds(since.as_secs()), since.subsec_nanos()),
            Err(before) => (-seconds(before.duration().as_secs()), 0),
        }
    }
}

/// Something that happened, for whoever watches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step of the work begins, e.g. `reading the index`.
    Phase(&'a str),
    /// So much is to be done in the current phase, as far as is known.
    Total {
        /// Files or objects.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// So much more was done.
    Done {
        /// Files or objects.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Something deserves the user's attention, but work goes on.
    Warning(&'a str),
    /// A detail for those who asked for them.
    Detail(&'a str),
}

/// Watches the work and may call it off. Methods are called from several threads.
pub trait Monitor: Debug + Send + Sync {
    /// Takes note of something.
    fn event(&self, event: Event<'_>);

    /// Whether the work should stop cleanly as soon as it can.
    fn is_cancelled(&self) -> bool;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Monitor for Silent {
    fn event(&self, _event: Event<'_>) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Randomness, clock and monitor together.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where keys, salts and nonces come from.
    pub random: Arc<dyn Random>,
    /// Where times come from.
    pub clock: Arc<dyn Clock>,
    /// Who is told.
    pub monitor: Arc<dyn Monitor>,
}

impl Environment {
    /// The operating system's random source and clock, and a monitor.
    pub fn system(monitor: Arc<dyn Monitor>) -> Self {
        Self {
            random: Arc::new(SystemRandom),
            clock: Arc::new(SystemClock),
            monitor,
        }
    }

    /// Random bytes.
    pub fn random_array<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0u8; N];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Waits until a storage's listings show whatever had been created or removed when this was called, if they lag by so much.
    pub(crate) fn settle(&self, delay_seconds: u32) -> Result<(), Error> {
        if delay_seconds > 0 {
            self.monitor
                .event(Event::Phase("waiting until listings show all changes"));
        }
        // In steps, so that it can be called off.
        for _ in 0..delay_seconds {
            self.check_cancelled()?;
            self.clock.sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    /// Fails if the work was called off.
    pub fn check_cancelled(&self) -> Result<(), Error> {
        if self.monitor.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_system_clock_lets_time_pass() {
        let (before, duration) = (Instant::now(), Duration::from_millis(20));
        SystemClock.sleep(duration);
        assert!(before.elapsed() >= duration);
    }
}
