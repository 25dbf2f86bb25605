//! The date of a folder that was copied from a phone some time ago, from what it still tells of it.
//!
//! - Its name, [`from_name`]: `Lumia-Backup-2026-05`. A name with only a month or a year stands for the last second
//!   of it. A name that can be read in two ways is refused, never guessed.
//! - Its photos, [`from_exif`] and [`from_camera_name`], and its files' times: the newest plausible one, [`Newest`].
//!   Such a date is as old as the last photo, so the folder is at least that new; [`Precision::Day`] suits it.
//!
//! Nothing here asks for the time or for the time zone: both are arguments.
//!
//! [`Precision::Day`]: lumivault_format::Precision::Day

mod camera;
mod exif;
mod months;
mod name;
mod newest;
mod numeric;
mod phone;
mod reader;
mod token;
mod worded;
mod zone;

pub use camera::{CameraDate, from_camera_name};
pub use exif::{EXIF_HEAD_BYTES, from_exif};
pub use name::{Dated, NameError, from_name};
pub use newest::Newest;
pub use zone::{day_of, end_of, instant_of};

/// The years a folder or a photo may be from: digital cameras came up in the nineties, and what is dated before is
/// from a clock that was not set (1970, 1980) or from a number that is no year.
pub(crate) const YEARS: std::ops::RangeInclusive<i16> = 1990..=2099;

#[cfg(test)]
mod tests;
