//! The folder of a demonstration. It goes with the demonstration unless it is to be kept, and nothing else is touched:
//! no cache, no memory of the repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::backend::LocalDisk;
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::{ChunkIndex, Environment, InitOptions, Monitor as _, Repository, TreeReader};
use lumivault_format::{KdfParams, SnapshotId};
use lumivault_ingest::chunking::parameters;
use lumivault_restore::{Outcome, RestoreRequest, execute, open_target, plan};
use tempfile::TempDir;

use super::super::Context;
use super::super::errors::because_of;
use super::super::init::RECOVERY_LABEL;
use super::super::select::choose;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::printable_path;
use crate::password::write_secret_file;
use crate::progress::Progress;
use crate::request::{Selection, Selector};

pub(super) struct Stage {
    root: PathBuf,
    /// None: it is kept.
    temporary: Option<TempDir>,
}

/// An open repository.
pub(super) struct Opened {
    pub(super) repository: Repository,
}

/// What a restore came to.
pub(super) struct Restored {
    pub(super) snapshot: SnapshotId,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Stage {
    pub(super) fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = keep {
            return Self::kept(folder);
        }
        let temporary = tempfile::Builder::new().prefix("lumivault-demo-").tempdir();
        let temporary =
            temporary.map_err(|error| Failure::failed("cannot make a temporary folder").because(&error))?;
        Ok(Self {
            root: temporary.path().to_owned(),
            temporary: Some(temporary),
        })
    }

    fn kept(folder: &Path) -> Result<Self, Failure> {
        let name = printable_path(folder);
        let cannot = |error: std::io::Error| {
            Failure::option("--keep", format!("cannot make the folder {name}")).because(&error)
        };
        std::fs::create_dir_all(folder).map_err(cannot)?;
        if std::fs::read_dir(folder).map_err(cannot)?.next().is_some() {
            return Err(Failure::option("--keep", format!("{name} is not empty")).hint("name a new folder"));
        }
        Ok(Self {
            root: std::path::absolute(folder).map_err(cannot)?,
            temporary: None,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn phone(&self) -> PathBuf {
        self.root.join("phone")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    pub(super) fn restored(&self) -> PathBuf {
        self.root.join("restored")
    }

    pub(super) fn code(&self) -> PathBuf {
        self.root.join("recovery-code.txt")
    }

    pub(super) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// Removes the folder, or tells where it is and what can be done with it.
    pub(super) fn close(mut self, context: &Context) -> Result<(), Failure> {
        let Some(temporary) = self.temporary.take() else {
            return super::tell_next(&self, context);
        };
        let name = printable_path(temporary.path());
        temporary
            .close()
            .map_err(|error| Failure::failed(format!("cannot remove {name}")).because(&error))?;
        super::tell(context, "")?;
        super::tell(
            context,
            &format!("removed {name}, and touched nothing else; --keep FOLDER keeps it to look around in"),
        )
    }

    pub(super) fn make_repository(&self, progress: &Arc<Progress>) -> Result<Opened, Failure> {
        let env = Environment::system(Arc::clone(progress) as Arc<_>);
        let code = RecoveryCode::generate(&env)?;
        write_secret_file(
            "--keep",
            &self.code(),
            format!("{}\n", *code.to_text()).as_bytes(),
        )?;
        let slot = NewSlot {
            secret: SlotSecret::Raw(code),
            label: RECOVERY_LABEL.into(),
            kdf: KdfParams::DEFAULT,
        };
        let options = InitOptions::new(vec![slot], parameters());
        let disk = LocalDisk::create(&self.repository())?;
        let repository = Repository::init(Arc::new(disk), &options, env)?;
        Ok(Opened { repository })
    }

    /// Restores the snapshot of a date, with everything read back.
    pub(super) fn restore(
        &self,
        opened: &Opened,
        index: &ChunkIndex,
        when: &str,
        context: &Context,
    ) -> Result<Restored, Failure> {
        let snapshots = opened.repository.snapshots()?.found;
        let selection = Selection {
            snapshot: Selector::When(when.into()),
            phone: None,
            strict: true,
        };
        let snapshot = choose(&snapshots, &selection, context)?.snapshot;
        let mut request = RestoreRequest::new(snapshot);
        request.verify = true;
        request.threads = context.threads();
        let failed = |error: lumivault_restore::RestoreError| match error {
            lumivault_restore::RestoreError::Store(error) => error.into(),
            error => because_of(Failure::failed(error.to_string()), &error),
        };
        let target = open_target(&self.restored(), &request)
            .map_err(|error| because_of(Failure::failed(error.to_string()), &error))?;
        let reader = TreeReader::new(&opened.repository, index);
        let plan = plan(&reader, request, Some(&target)).map_err(failed)?;
        let summary = execute(&plan, &reader, &target).map_err(failed)?;
        if summary.outcome() != Outcome::Complete {
            let code = ExitCode::Incomplete;
            return Err(Failure::new(
                code,
                "not everything could be restored to this file system",
            ));
        }
        Ok(Restored {
            snapshot: snapshot.id,
            files: summary.created,
            bytes: summary.bytes,
        })
    }
}

/// Between steps that do not ask by themselves.
pub(super) fn not_stopped(progress: &Progress) -> Result<(), Failure> {
    if progress.is_cancelled() {
        return Err(Failure::interrupted());
    }
    Ok(())
}
