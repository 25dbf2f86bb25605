//! `lumivault cat`

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use crate::failure::Failure;
use crate::request::{Cat, Choice as _, ObjectKind};

/// Show an object of the repository
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault cat config
  lumivault cat snapshot latest
  lumivault cat pack 3f9a04c2")]
pub(crate) struct CatArgs {
    /// What kind of object; blob is another word for chunk
    #[arg(value_name = "KIND", required = true, value_parser = kinds())]
    kind: ObjectKind,

    /// Its id, or as much of it as is unambiguous; for snapshot and tree also SNAPSHOT[:PATH]
    #[arg(value_name = "ID")]
    id: Option<String>,
}

/// As everywhere else, with the name restic gives to chunks.
fn kinds() -> impl clap::builder::TypedValueParser<Value = ObjectKind> {
    let kinds = ObjectKind::ALL.iter().map(|(word, kind, about)| {
        let value = PossibleValue::new(*word).help(*about);
        if *kind == ObjectKind::Chunk {
            value.alias("blob")
        } else {
            value
        }
    });
    PossibleValuesParser::new(kinds).try_map(|word| {
        let word = if word == "blob" { "chunk" } else { &word };
        ObjectKind::from_word(word).ok_or("not one of the words")
    })
}

impl CatArgs {
    pub(crate) fn validate(self) -> Result<Cat, Failure> {
        match (self.kind, &self.id) {
            (ObjectKind::Config, Some(_)) => Err(Failure::option("ID", "there is only one config")),
            (ObjectKind::Config, None) => Ok(()),
            (_, Some(id)) if !id.trim().is_empty() => Ok(()),
            _ => Err(Failure::option("ID", "which object is needed")
                .hint("lumivault snapshots and lumivault key list show ids")),
        }?;
        Ok(Cat {
            kind: self.kind,
            id: self.id,
        })
    }
}
