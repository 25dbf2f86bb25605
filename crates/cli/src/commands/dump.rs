//! `dump`: a file's bytes, or a folder as an archive.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use lumivault_chunk_store::TreeReader;
use lumivault_restore::browse::{ArchiveNote, ArchiveSummary, BrowseError, Browser, Node};
use lumivault_restore::target::StoredPath;

use super::answer::shown_path;
use super::looking::{Pipe, Stop};
use super::repo::Opened;
use super::select::choose;
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{count, printable_path};
use crate::request::{Access, ArchiveFormat, Dump};
use crate::sys;

/// What is given out, and as what.
struct Source<'d> {
    browser: &'d Browser<'d, 'd>,
    node: Node,
    archive: Option<ArchiveFormat>,
    utc_offset_seconds: i32,
    opened: &'d Opened,
}

pub(crate) fn run(request: &Dump, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "dump")?;
    let listed = opened.snapshots()?;
    let chosen = choose(&listed.snapshots, &request.selection, context)?;
    let index = opened.index()?;
    let reader = TreeReader::new(&opened.repository, &index);
    let browser = Browser::new(&reader);
    let source = Source {
        node: browser.lookup(chosen.snapshot, &StoredPath::new(request.path.clone()))?,
        browser: &browser,
        archive: request.archive,
        utc_offset_seconds: chosen.snapshot.snapshot.time.utc_offset_seconds,
        opened: &opened,
    };
    source.check()?;
    let summary = match &request.output {
        Some(path) => source.to_file(path)?,
        None => source.to_stdout(context)?,
    };
    opened.progress.finish();
    Ok(summary.map_or(ExitCode::Done, |summary| tell(&summary, context)))
}

impl Source<'_> {
    /// Before a file is made for nothing.
    fn check(&self) -> Result<(), Failure> {
        if self.archive.is_none() && self.node.content().is_none() {
            let path = self.node.listed.path.clone();
            return Err(BrowseError::NotAFile { path }.into());
        }
        Ok(())
    }

    fn to_stdout(&self, context: &Context) -> Result<Option<ArchiveSummary>, Failure> {
        if io::stdout().is_terminal() {
            // A bar and a file would write over each other.
            self.opened.progress.finish();
        }
        let written = self.write(&mut Pipe::new(&context.output));
        Stop::default().end(written)
    }

    /// Writes a new file. One that cannot be finished is removed.
    fn to_file(&self, path: &Path) -> Result<Option<ArchiveSummary>, Failure> {
        let name = printable_path(path);
        let file = sys::create_private(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::option("--output", format!("{name} exists already"))
                .hint("name a new file; an existing one is never overwritten"),
            _ => Failure::option("--output", format!("cannot create {name}")).because(&error),
        })?;
        let written = self.write_file(file);
        if written.is_err() {
            // What is left would look like the whole.
            let _ = fs::remove_file(path);
        }
        written.map(Some).map_err(|error| match error {
            BrowseError::Output(error) => Failure::failed(format!("cannot write {name}")).because(&error),
            error => error.into(),
        })
    }

    fn write_file(&self, file: File) -> Result<ArchiveSummary, BrowseError> {
        let mut out = BufWriter::with_capacity(256 * 1024, file);
        let summary = self.write(&mut out)?;
        let file = out
            .into_inner()
            .map_err(|error| BrowseError::Output(error.into_error()))?;
        file.sync_all().map_err(BrowseError::Output)?;
        Ok(summary)
    }

    fn write(&self, out: &mut dyn Write) -> Result<ArchiveSummary, BrowseError> {
        let (browser, node) = (self.browser, &self.node);
        let mut note = |note: ArchiveNote<'_>| {
            self.note(&note);
            Ok(())
        };
        match self.archive {
            None => browser.write_file(node, None, out).map(|bytes| ArchiveSummary {
                files: 1,
                bytes,
                ..ArchiveSummary::default()
            }),
            Some(ArchiveFormat::Tar) => browser.write_tar(node, None, out, &mut note),
            Some(ArchiveFormat::Zip) => {
                browser.write_zip(node, None, self.utc_offset_seconds, out, &mut note)
            }
        }
    }

    fn note(&self, note: &ArchiveNote<'_>) {
        match note {
            ArchiveNote::Skipped { path, reason } => {
                let cause = std::error::Error::source(reason).map(|cause| format!(": {cause}"));
                let path = shown_path(path);
                let text = format!(
                    "{path} is not in the archive: {reason}{}",
                    cause.unwrap_or_default()
                );
                self.opened.progress.warn(&text);
            }
            ArchiveNote::Renamed { path, written } => {
                let text = format!("{} is in the archive as {written}", shown_path(path));
                self.opened.progress.warn(&text);
            }
        }
    }
}

/// What an archive lacks.
fn tell(summary: &ArchiveSummary, context: &Context) -> ExitCode {
    if summary.skipped == 0 {
        return ExitCode::Done;
    }
    let entries = count(summary.skipped, "entry is", "entries are");
    context.warn(&format!("{entries} missing in the archive, see above"));
    if summary.damaged > 0 {
        ExitCode::Damage
    } else {
        ExitCode::Incomplete
    }
}
