//! Turns our own readers of values into clap's.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::request::Choice;

/// One of a fixed list of words, shown in the help.
pub(crate) fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    let words = T::ALL
        .iter()
        .map(|(word, _, about)| PossibleValue::new(*word).help(*about));
    PossibleValuesParser::new(words).try_map(|word| T::from_word(&word).ok_or("not one of the words"))
}
