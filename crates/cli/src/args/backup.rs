//! `lumivault backup`

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf, Prefix};

use clap::Args;
use lumivault_format::limits::NAME_BYTES_MAX;

use super::exclude::{ExcludeArgs, LIST_BYTES_MAX, bounded, read_list};
use crate::failure::Failure;
use crate::output::printable::printable_bytes;
use crate::output::printable_path;
use crate::request::{
    Backup, Compression, Source, Sources, component, name, parse_snapshot_time, paths_of, phone, tag,
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

    /// Also back up what this list names, one a line (or separated by zero bytes), each under its own path; - is
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    files_from: Vec<PathBuf>,

    /// Back up standard input as one file
    #[arg(long, conflicts_with_all = ["sources", "labels"])]
    stdin: bool,

    /// Name of that file [default: stdin]
    #[arg(long, value_name = "NAME", value_parser = component)]
    stdin_filename: Option<String>,

    /// The phone this is of
    #[arg(long, value_name = "NAME", value_parser = phone)]
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
            Sources::Folders(place(self.sources, self.labels, listed(&self.files_from)?)?)
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

/// What the lists name.
fn listed(lists: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    const OPTION: &str = "--files-from";
    let mut paths = Vec::new();
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
        paths.extend(paths_of(&bytes).map_err(|problem| Failure::option(OPTION, problem))?);
    }
    Ok(paths)
}

/// Gives every source its place in the snapshot: what is typed its label or last component, what is listed its path.
fn place(typed: Vec<PathBuf>, labels: Vec<String>, listed: Vec<PathBuf>) -> Result<Vec<Source>, Failure> {
    if typed.is_empty() && listed.is_empty() {
        return Err(Failure::usage("no SRC is named").hint("lumivault backup --help shows examples"));
    }
    if let Some(path) = typed.iter().find(|path| path.as_os_str().is_empty()) {
        return Err(Failure::option(
            "SRC",
            format!("`{}` names nothing", path.display()),
        ));
    }
    if typed.iter().any(|path| path == Path::new("-")) {
        return Err(Failure::option("SRC", "`-` is no folder or file")
            .hint("--stdin backs up standard input; a file of that name is ./-"));
    }
    if !labels.is_empty() && labels.len() != typed.len() {
        let problem = format!("given {} times for {} SRC", labels.len(), typed.len());
        return Err(
            Failure::option("--as", problem).hint("give it once for each SRC, in their order, or not at all")
        );
    }
    let alone = typed.len() == 1 && labels.is_empty() && listed.is_empty();
    let mut given = labels.into_iter();
    let mut sources = Vec::with_capacity(typed.len() + listed.len());
    for path in typed {
        let at = match given.next() {
            Some(label) => vec![label.into_bytes()],
            None if alone && !path.is_file() => Vec::new(),
            None => vec![last_component(&path)?],
        };
        sources.push(Source { path, at });
    }
    sources.extend(under_own_paths(listed)?);
    refuse_equal_places(&sources)?;
    Ok(sources)
}

/// Listed paths keep their folders. What lies in a folder that is listed too comes with it.
fn under_own_paths(listed: Vec<PathBuf>) -> Result<Vec<Source>, Failure> {
    let mut sources = BTreeMap::new();
    for path in listed {
        sources.entry(own_place(&path)?).or_insert(path);
    }
    let comes_along = |at: &[Vec<u8>]| (1..at.len()).any(|depth| sources.contains_key(&at[..depth]));
    let own: Vec<_> = sources.keys().map(|at| !comes_along(at)).collect();
    let own = sources.into_iter().zip(own).filter(|(_, own)| *own);
    Ok(own.map(|((at, path), _)| Source { path, at }).collect())
}

/// The names on the way to a path, from the root or from the current folder, as it is written.
fn own_place(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let names = names_of(path);
    if let Some(names) = names.filter(|names| !names.is_empty()) {
        return Ok(names);
    }
    let cannot = || {
        let problem = format!("{} is no path of a file or folder", printable_path(path));
        Failure::option("--files-from", problem)
    };
    // `.` and `..` stand for a folder that has a name.
    let real = path.canonicalize().map_err(|error| cannot().because(&error))?;
    names_of(&real)
        .filter(|names| !names.is_empty())
        .ok_or_else(cannot)
}

/// None where the path goes up.
fn names_of(path: &Path) -> Option<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.as_encoded_bytes().to_vec()),
            Component::Prefix(prefix) => names.extend(names_of_prefix(prefix.kind())),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => return None,
        }
    }
    Some(names)
}

/// `C:` becomes the folder `C`, `\\server\share` the folders `server` and `share`.
fn names_of_prefix(prefix: Prefix<'_>) -> Vec<Vec<u8>> {
    let name = |name: &OsStr| name.as_encoded_bytes().to_vec();
    match prefix {
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => vec![vec![letter.to_ascii_uppercase()]],
        Prefix::UNC(server, share) | Prefix::VerbatimUNC(server, share) => vec![name(server), name(share)],
        Prefix::Verbatim(one) | Prefix::DeviceNS(one) => vec![name(one)],
    }
}

fn refuse_equal_places(sources: &[Source]) -> Result<(), Failure> {
    let mut seen = HashMap::with_capacity(sources.len());
    for source in sources {
        if let Some(before) = seen.insert(&source.at, &source.path) {
            let names = format!("{} and {}", printable_path(before), printable_path(&source.path));
            let place = source.at.join(&b'/');
            let place = printable_bytes(&place);
            return Err(
                Failure::usage(format!("{names} would both be `{place}` in the snapshot"))
                    .hint("give each SRC a name of its own with --as"),
            );
        }
    }
    Ok(())
}

fn last_component(path: &Path) -> Result<Vec<u8>, Failure> {
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
    let last = real.file_name().map(|last| last.as_encoded_bytes().to_vec());
    last.filter(|last| last.len() <= NAME_BYTES_MAX)
        .ok_or_else(cannot)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::place;
    use crate::exit::ExitCode;

    /// The places of typed paths with labels and of listed ones, as `a/b`; empty for the root.
    fn places(typed: &[&str], labels: &[&str], listed: &[&str]) -> Result<Vec<String>, ExitCode> {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let labels = labels.iter().map(ToString::to_string).collect();
        let sources = place(paths(typed), labels, paths(listed)).map_err(|failure| failure.code())?;
        let text = |at: Vec<Vec<u8>>| String::from_utf8(at.join(&b'/')).unwrap();
        Ok(sources.into_iter().map(|source| text(source.at)).collect())
    }

    #[allow(clippy::unnecessary_wraps, reason = "it stands for what `places` returns")]
    fn ok(places: &[&str]) -> Result<Vec<String>, ExitCode> {
        Ok(places.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_lone_source_is_the_root_unless_it_is_named() {
        assert_eq!(places(&["/a/b"], &[], &[]), ok(&[""]));
        assert_eq!(places(&["/a/b"], &["c"], &[]), ok(&["c"]));
        assert_eq!(places(&["/a/b"], &[], &["c/d"]), ok(&["b", "c/d"]));
    }

    #[test]
    fn a_lone_file_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("contacts.vcf");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(places(&[file.to_str().unwrap()], &[], &[]), ok(&["contacts.vcf"]));
    }

    #[test]
    fn several_sources_are_folders() {
        assert_eq!(places(&["/a/b", "c/d/"], &[], &[]), ok(&["b", "d"]));
        assert_eq!(places(&["/a/b", "/c/b"], &["x", "y"], &[]), ok(&["x", "y"]));
        let here = std::env::current_dir().unwrap();
        let here = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(places(&[".", "/a/b"], &[], &[]), ok(&[here, "b"]));
    }

    #[test]
    fn listed_paths_keep_their_folders_and_come_once() {
        assert_eq!(places(&[], &[], &["b/c"]), ok(&["b/c"]));
        let list = ["/a/x", "./b//c", "/a/x", "b/c", "b/d", "/a/x/y/z", "/a/xy"];
        assert_eq!(places(&[], &[], &list), ok(&["a/x", "a/xy", "b/c", "b/d"]));
        let here = std::env::current_dir().unwrap();
        let own: Vec<_> = here
            .canonicalize()
            .unwrap()
            .components()
            .skip(1)
            .collect::<PathBuf>()
            .iter()
            .map(|c| c.to_str().unwrap().to_owned())
            .collect();
        if cfg!(unix) {
            assert_eq!(places(&[], &[], &["."]), Ok(vec![own.join("/")]));
        }
        assert_eq!(places(&[], &[], &["no/../such"]), Err(ExitCode::Usage));
    }

    #[test]
    fn names_must_be_clear() {
        assert_eq!(places(&[], &[], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&[""], &[], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&["/a/b", "/c/b"], &[], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&["/a", "/b"], &["x"], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&["/a", "/b"], &["x", "x"], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&["/", "/b"], &[], &[]), Err(ExitCode::Usage));
        assert_eq!(places(&["/x/b", "/y"], &[], &["b"]), Err(ExitCode::Usage));
    }
}
