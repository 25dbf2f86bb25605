//! `lumivault backup`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exclude::{ExcludeArgs, LIST_BYTES_MAX, bounded, read_list};
use crate::failure::Failure;
use crate::output::printable_path;
use crate::request::{
    Backup, Compression, Source, Sources, component, name, parse_snapshot_time, paths_of, tag,
};
use crate::surroundings::Surroundings;

/// Make a snapshot of folders or files
///
/// The content of a single SRC becomes the root of the snapshot; of several, each becomes a folder there, named by
/// its last component or by --as.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault -r D:\\Archive backup --phone \"Lumia 930\" D:\\Lumia-2026-05
  lumivault backup --phone \"Lumia 930\" --as phone --as card /copies/lumia/Phone \"/copies/lumia/SD card\"
  lumivault backup --time 2014-09 --tag old-disk /mnt/old/Lumia
  sqlite3 store.db .dump | lumivault --password-file p backup --stdin --stdin-filename store.sql")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct BackupArgs {
    /// Folders or files to back up
    #[arg(value_name = "SRC")]
    sources: Vec<PathBuf>,

    /// Name of a SRC in the snapshot; once for each, in their order
    #[arg(long = "as", value_name = "LABEL", value_parser = component)]
    labels: Vec<String>,

    /// Read further SRC from this file, one a line (or separated by zero bytes); - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    files_from: Vec<PathBuf>,

    /// Back up standard input as one file
    #[arg(long, conflicts_with_all = ["sources", "labels"])]
    stdin: bool,

    /// Name of that file [default: stdin]
    #[arg(long, value_name = "NAME", value_parser = component)]
    stdin_filename: Option<String>,

    /// The phone this is of
    #[arg(long, value_name = "NAME", value_parser = name)]
    phone: Option<String>,

    /// The machine this is made on [default: its own name]
    #[arg(short = 'H', long, value_name = "NAME", value_parser = name)]
    host: Option<String>,

    /// When the content was current: 2026-05-14T18:30:00+02:00, "2026-05-14 18:30", 2026-05-14, 2026-05 or 2026
    /// [default: now]
    #[arg(long, value_name = "WHEN")]
    time: Option<String>,

    /// Tags, separated by commas; may be given several times
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    tags: Vec<String>,

    /// Do not follow into other file systems
    #[arg(short = 'x', long)]
    one_file_system: bool,

    /// Compress at this zstd level, 1 to 22, or not at all [default: chosen by content]
    #[arg(long, value_name = "LEVEL|off", value_parser = compression)]
    compression: Option<Compression>,

    /// Make no snapshot when nothing changed since the one before
    #[arg(long)]
    skip_if_unchanged: bool,

    /// Read every file, even where size, time and inode are the same as before
    #[arg(short = 'f', long, visible_alias = "force")]
    no_trust_mtime: bool,

    /// Read and compare, but store nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    // Last, because its heading holds for everything behind it.
    #[command(flatten)]
    excludes: ExcludeArgs,
}

impl BackupArgs {
    /// The option by which this command reads standard input.
    pub(crate) fn reads_stdin(&self) -> Option<&'static str> {
        let list = self.files_from.iter().any(|path| path == Path::new("-"));
        self.stdin.then_some("--stdin").or(list.then_some("--files-from"))
    }

    pub(crate) fn validate(self, around: &Surroundings) -> Result<Backup, Failure> {
        if self.stdin_filename.is_some() && !self.stdin {
            return Err(Failure::option("--stdin-filename", "there is no --stdin to name"));
        }
        let sources = if self.stdin {
            let file_name = self.stdin_filename.unwrap_or_else(|| "stdin".into());
            Sources::Stdin { file_name }
        } else {
            Sources::Folders(label(with_lists(self.sources, &self.files_from)?, self.labels)?)
        };
        let time = self
            .time
            .map(|text| parse_snapshot_time(&text, &around.time_zone))
            .transpose();
        Ok(Backup {
            sources,
            phone: self.phone,
            host: self
                .host
                .or_else(|| around.host_name())
                .unwrap_or_else(|| "unknown".into()),
            time: time.map_err(|problem| Failure::option("--time", problem))?,
            tags: self.tags,
            excludes: self.excludes.validate()?,
            one_file_system: self.one_file_system,
            compression: self.compression.unwrap_or(Compression::Default),
            skip_if_unchanged: self.skip_if_unchanged,
            trust_mtime: !self.no_trust_mtime,
            dry_run: self.dry_run,
        })
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    match (text, text.parse()) {
        ("off", _) => Ok(Compression::Off),
        (_, Ok(level @ 1..=22)) => Ok(Compression::Level(level)),
        _ => Err("a level is from 1 to 22, or off".into()),
    }
}

fn with_lists(mut sources: Vec<PathBuf>, lists: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    const OPTION: &str = "--files-from";
    for list in lists {
        let bytes = if list == Path::new("-") {
            let mut bytes = Vec::new();
            let read = std::io::stdin()
                .lock()
                .take(LIST_BYTES_MAX + 1)
                .read_to_end(&mut bytes);
            read.map_err(|error| Failure::option(OPTION, "cannot read standard input").because(&error))?;
            bounded(OPTION, bytes)?
        } else {
            read_list(OPTION, list)?
        };
        sources.extend(paths_of(&bytes).map_err(|problem| Failure::option(OPTION, problem))?);
    }
    Ok(sources)
}

/// Gives every source its place in the snapshot.
fn label(paths: Vec<PathBuf>, labels: Vec<String>) -> Result<Vec<Source>, Failure> {
    if paths.is_empty() {
        return Err(Failure::usage("no SRC is named").hint("lumivault backup --help shows examples"));
    }
    if let Some(path) = paths.iter().find(|path| path.as_os_str().is_empty()) {
        return Err(Failure::option(
            "SRC",
            format!("`{}` names nothing", path.display()),
        ));
    }
    if labels.is_empty() && paths.len() == 1 {
        return Ok(paths
            .into_iter()
            .map(|path| Source { path, label: None })
            .collect());
    }
    if !labels.is_empty() && labels.len() != paths.len() {
        let problem = format!("given {} times for {} SRC", labels.len(), paths.len());
        return Err(
            Failure::option("--as", problem).hint("give it once for each SRC, in their order, or not at all")
        );
    }
    let mut given = labels.into_iter();
    let mut sources: Vec<Source> = Vec::with_capacity(paths.len());
    for path in paths {
        let label = match given.next() {
            Some(label) => label,
            None => last_component(&path)?,
        };
        sources.push(Source {
            path,
            label: Some(label),
        });
    }
    refuse_equal_labels(&sources)?;
    Ok(sources)
}

fn refuse_equal_labels(sources: &[Source]) -> Result<(), Failure> {
    let mut seen = std::collections::HashMap::with_capacity(sources.len());
    for source in sources {
        if let Some(before) = seen.insert(&source.label, &source.path) {
            let names = format!("{} and {}", printable_path(before), printable_path(&source.path));
            let label = source.label.as_deref().unwrap_or_default();
            return Err(
                Failure::usage(format!("{names} would both be `{label}` in the snapshot"))
                    .hint("give each SRC a name of its own with --as"),
            );
        }
    }
    Ok(())
}

fn last_component(path: &Path) -> Result<String, Failure> {
    let cannot = || {
        Failure::usage(format!(
            "{} has no last component to name it by",
            printable_path(path)
        ))
        .hint("give each SRC a name with --as")
    };
    // `.` and `..` stand for a folder that has a name.
    let real = match path.file_name() {
        Some(_) => path.to_owned(),
        None => path.canonicalize().map_err(|_| cannot())?,
    };
    let last = real
        .file_name()
        .and_then(|last| last.to_str())
        .ok_or_else(cannot)?;
    component(last).map_err(|_| cannot())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::label;
    use crate::exit::ExitCode;

    fn labels(paths: &[&str], labels: &[&str]) -> Result<Vec<Option<String>>, ExitCode> {
        let paths = paths.iter().map(PathBuf::from).collect();
        let labels = labels.iter().map(ToString::to_string).collect();
        let sources = label(paths, labels).map_err(|failure| failure.code())?;
        Ok(sources.into_iter().map(|source| source.label).collect())
    }

    fn named(labels: &[&str]) -> Vec<Option<String>> {
        labels.iter().map(|label| Some(label.to_string())).collect()
    }

    #[test]
    fn a_lone_source_is_the_root_unless_it_is_named() {
        assert_eq!(labels(&["/a/b"], &[]), Ok(vec![None]));
        assert_eq!(labels(&["/a/b"], &["c"]), Ok(named(&["c"])));
    }

    #[test]
    fn several_sources_are_folders() {
        assert_eq!(labels(&["/a/b", "c/d/"], &[]), Ok(named(&["b", "d"])));
        assert_eq!(labels(&["/a/b", "/c/b"], &["x", "y"]), Ok(named(&["x", "y"])));
        let here = std::env::current_dir().unwrap();
        let here = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(labels(&[".", "/a/b"], &[]), Ok(named(&[here, "b"])));
    }

    #[test]
    fn names_must_be_clear() {
        assert_eq!(labels(&[], &[]), Err(ExitCode::Usage));
        assert_eq!(labels(&[""], &[]), Err(ExitCode::Usage));
        assert_eq!(labels(&["/a/b", "/c/b"], &[]), Err(ExitCode::Usage));
        assert_eq!(labels(&["/a", "/b"], &["x"]), Err(ExitCode::Usage));
        assert_eq!(labels(&["/a", "/b"], &["x", "x"]), Err(ExitCode::Usage));
        assert_eq!(labels(&["/", "/b"], &[]), Err(ExitCode::Usage));
    }
}
