//! The music folder and the ringtones, which nobody touches from one month to the next.

use super::audio::{RATE, flac, tune, wav};
use super::rng::Rng;
use super::{Planned, Scale};

const ENSEMBLE: &str = "Kråkmyr & die Mauersegler";
const ALBUM: &str = "Nachtzug über Kistvalla";
const TITLES: [&str; 3] = ["Gleis neun", "Älgarna", "夜鳥"];

/// The songs of the phone.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, files: &mut Vec<Planned<'a>>) {
    for (number, title) in (1u64..).zip(TITLES) {
        let path = format!("Music/{ENSEMBLE}/{ALBUM}/{number:02} {title}.flac");
        files.push(Planned::new(path, move || {
            let samples = scale.song_seconds as usize * RATE as usize;
            let comments = [
                format!("TITLE={title}"),
                format!("ARTIST={ENSEMBLE}"),
                format!("ALBUM={ALBUM}"),
                format!("TRACKNUMBER={number}"),
            ];
            flac(&tune(&mut Rng::new(seed, "song", number), samples), &comments)
        }));
    }
    // The abstract album that the phone lists beside its songs comes over the cable as a file without content.
    files.push(Planned::new(format!("Music/{ENSEMBLE}/OMD"), Vec::new));
    files.push(Planned::new("Ringtones/Kuckuck.wav", move || {
        wav(&tune(&mut Rng::new(seed, "ringtone", 0), RATE as usize * 2))
    }));
}
