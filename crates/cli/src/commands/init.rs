//! `init`: makes a repository. Whatever fails on the way leaves none, and no code that opens nothing.

use std::path::Path;
use std::sync::Arc;

use lumivault_chunk_store::backend::{Backend as _, LocalDisk};
use lumivault_chunk_store::keys::{NewSlot, SlotSecret};
use lumivault_chunk_store::{Environment, Error, InitOptions, Repository, parity};
use lumivault_format::{KdfParams, ObjectKind};
use lumivault_ingest::chunking::parameters;
use serde::Serialize;
use zeroize::Zeroizing;

use super::answer::hex;
use super::codes::{self, HandedOver};
use super::repo::kib;
use super::{Context, new_password};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::printable_path;
use crate::password::{PasswordSource, Secret, Unlock, quoted};
use crate::request::{Access, Init};

/// Labels of the first two slots; by the second one, `key list` knows a recovery code from a key file.
const PASSWORD_LABEL: &str = "password";
pub(crate) const RECOVERY_LABEL: &str = "recovery code";

const README: &str = include_str!("readme.txt");
/// The archive describes itself: whoever finds it need not look for this elsewhere.
const FORMAT: &str = include_str!("../../../../docs/format.md");

#[derive(Serialize)]
struct Answer {
    archive: String,
    replica: String,
    repository: String,
    recovery_file: Option<String>,
    parity_percent: u8,
    listing_delay_seconds: u32,
}

pub(crate) fn run(request: &Init, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let path = access.repo.path();
    let Unlock::Password(source) = &access.unlock else {
        return Err(Failure::option(
            "--key-file",
            "a new repository begins with a password",
        ));
    };
    refuse_existing(path)?;
    let is_new = !path.exists();
    let disk = Arc::new(LocalDisk::create(path)?);
    let made = make(request, (access, source), &disk, context);
    if made.is_err() && is_new {
        // Only an empty folder goes.
        let _ = std::fs::remove_dir(path);
    }
    let (mut repository, handed) = made?;
    let is_complete = add_parity(request, &mut repository, context);
    let answer = Answer {
        archive: hex(repository.archive().as_bytes()),
        replica: hex(repository.replica().as_bytes()),
        repository: absolute(path),
        recovery_file: handed
            .as_ref()
            .and_then(|handed| handed.file.as_deref())
            .map(absolute),
        parity_percent: repository.config().parity_percent,
        listing_delay_seconds: repository.config().listing_delay_seconds,
    };
    if context.output.is_json() {
        context.output.document(&answer)?;
    } else {
        tell(&answer, handed.as_ref(), access, context)?;
    }
    Ok(if is_complete {
        ExitCode::Done
    } else {
        ExitCode::Incomplete
    })
}

/// The repository is whole without parity, and its recovery code is in somebody's hands: a failure here takes nothing back.
fn add_parity(request: &Init, repository: &mut Repository, context: &Context) -> bool {
    let Some(percent) = request.parity_percent else {
        return true;
    };
    let added = parity::add(repository, percent, false);
    if let Err(error) = &added {
        let cause = error.with_causes();
        context.warn(&format!(
            "{cause}; there is no parity of all yet: lumivault parity add makes it"
        ));
    }
    added.is_ok()
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let disk = LocalDisk::open(path)?;
    if disk.list(ObjectKind::Config)?.is_empty() && disk.list(ObjectKind::Parity)?.is_empty() {
        return Ok(());
    }
    Err(Error::RepositoryExists(disk.location()).into())
}

fn make(
    request: &Init,
    (access, source): (&Access, &PasswordSource),
    disk: &Arc<LocalDisk>,
    context: &Context,
) -> Result<(Repository, Option<HandedOver>), Failure> {
    let password = new_password(source)?;
    let handed = codes::recovery(&request.recovery)?;
    let made = create(request, access, (&password, handed.as_ref()), disk, context);
    if let (Err(_), Some(handed)) = (&made, &handed) {
        handed.take_back();
    }
    Ok((made?, handed))
}

fn create(
    request: &Init,
    access: &Access,
    (password, handed): (&Secret, Option<&HandedOver>),
    disk: &Arc<LocalDisk>,
    context: &Context,
) -> Result<Repository, Failure> {
    let progress = context.progress("init");
    let mut slots = vec![password_slot(password, PASSWORD_LABEL, request.kdf_memory)];
    slots.extend(handed.map(|handed| raw_slot(handed, RECOVERY_LABEL)));
    let options = InitOptions {
        // From the first moment: a kill must not leave an archive that was to have parity and never gets it.
        parity_percent: request.parity_percent.unwrap_or(0),
        listing_delay_seconds: access.listing_delay_seconds,
        ..InitOptions::new(slots, parameters())
    };
    let env = Environment::system(Arc::clone(&progress) as Arc<_>);
    let made = Repository::init(Arc::clone(disk) as Arc<_>, &options, env);
    progress.finish();
    let repository = made?;
    if let Err(error) = disk.write_readme(&readme(&context.today().to_string())) {
        // The repository is whole without it.
        context.warn(&format!("README.txt could not be written: {error}"));
    }
    Ok(repository)
}

/// A slot for a password.
pub(crate) fn password_slot(password: &Secret, label: &str, kdf_memory: u64) -> NewSlot {
    NewSlot {
        secret: SlotSecret::Password(Zeroizing::new(password.expose().to_owned())),
        label: label.to_owned(),
        kdf: KdfParams {
            memory_kib: kib(kdf_memory),
            ..KdfParams::DEFAULT
        },
    }
}

/// A slot for a recovery code or a key file.
pub(crate) fn raw_slot(handed: &HandedOver, label: &str) -> NewSlot {
    NewSlot {
        secret: SlotSecret::Raw(handed.code.clone()),
        label: label.to_owned(),
        kdf: KdfParams::DEFAULT,
    }
}

fn readme(date: &str) -> String {
    let begin = README
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@HOME@", env!("CARGO_PKG_REPOSITORY"))
        .replace("@DATE@", date);
    begin + FORMAT
}

fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

fn tell(
    answer: &Answer,
    handed: Option<&HandedOver>,
    access: &Access,
    context: &Context,
) -> Result<(), Failure> {
    let repo = quoted(&printable_path(access.repo.path()));
    let code = handed.map_or_else(
        || "none; with the password, everything is lost".to_owned(),
        codes::whereabouts,
    );
    let parity = match answer.parity_percent {
        0 => "none; lumivault parity add makes it".to_owned(),
        percent => format!("{percent} % of what is stored"),
    };
    let mut lines = vec![
        format!("made a new repository in {}", answer.repository),
        format!("  archive        {}", answer.archive),
        format!("  recovery code  {code}"),
        format!("  parity         {parity}"),
    ];
    if answer.listing_delay_seconds > 0 {
        let seconds = answer.listing_delay_seconds;
        lines.push(format!(
            "  listings       lag by up to {seconds} s; what deletes waits for them"
        ));
    }
    lines.extend([
        String::new(),
        "Next:".to_owned(),
        format!(
            "  lumivault -r {repo} import --phone \"Lumia 950\" FOLDER    copies that have dates in their names"
        ),
        format!(
            "  lumivault -r {repo} backup --phone \"Lumia 950\" FOLDER    what was copied from the phone now"
        ),
        format!("  lumivault -r {repo} snapshots                            what is in it"),
        String::new(),
        "Snapshots stay until you forget them (lumivault forget); no other command hides or deletes one."
            .to_owned(),
    ]);
    lines.iter().try_for_each(|line| context.output.line(line))
}

#[cfg(test)]
mod tests {
    use super::readme;

    #[test]
    fn the_readme_is_complete_and_for_any_screen() {
        let text = readme("2026-07-01");
        for needed in [
            "password",
            "recovery code",
            "https://",
            "packs/",
            "on 2026-07-01",
            "## 7. Packs",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(text.contains(needed), "{needed}");
        }
        let (begin, _) = text.split_once("# The lumivault repository format").unwrap();
        assert!(!begin.contains('@'), "something was not filled in");
        assert!(begin.is_ascii() && begin.lines().all(|line| line.len() <= 80));
    }
}
