//! `key`: what opens the repository.

use lumivault_chunk_store::keys::SlotSummary;
use lumivault_format::{SlotId, SlotKind};
use serde::Serialize;

use super::answer::{hex, utc};
use super::codes;
use super::init::{RECOVERY_LABEL, password_slot, raw_slot};
use super::repo::{self, Opened};
use super::{Context, new_password};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, size};
use crate::password::PasswordSource;
use crate::request::{Access, Key, NewSlot};

const KEY_FILE_LABEL: &str = "key file";
const LIST: &str = "lumivault key list shows them";

#[derive(Serialize)]
struct SlotAnswer<'s> {
    id: String,
    kind: &'static str,
    label: &'s str,
    created: String,
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    kdf: Option<KdfAnswer>,
    current: bool,
}

#[derive(Serialize)]
struct KdfAnswer {
    name: &'static str,
    memory_bytes: u64,
    passes: u32,
    lanes: u32,
}

#[derive(Serialize)]
struct ChangeAnswer {
    status: &'static str,
    id: String,
}

#[derive(Serialize)]
struct RotationAnswer {
    status: &'static str,
    epoch: u32,
}

pub(crate) fn run(request: &Key, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open_to_write(access, context, "key", matches!(request, Key::List))?;
    let code = match request {
        Key::List => list(&opened, context),
        Key::Add { slot, label } => add(&opened, slot, label.as_deref(), context),
        Key::Passwd { password, kdf_memory } => change_password(&opened, password, *kdf_memory, context),
        Key::Remove { id } => remove(&opened, id, context),
        Key::Rotate => rotate(&opened, context),
    };
    opened.tell_capabilities();
    opened.progress.finish();
    code
}

fn kind(slot: &SlotSummary) -> &'static str {
    match (slot.kind, slot.info.label.as_str()) {
        (SlotKind::Passphrase(_), _) => "password",
        (SlotKind::Raw, RECOVERY_LABEL) => "recovery-code",
        (SlotKind::Raw, KEY_FILE_LABEL) => "key-file",
        (SlotKind::Raw, _) => "raw",
    }
}

fn list(opened: &Opened, context: &Context) -> Result<ExitCode, Failure> {
    let slots = opened.repository.key_slots()?;
    for error in &slots.unreadable {
        opened.progress.warn(&error.to_string());
    }
    opened.progress.finish();
    if context.output.is_json() {
        let answers: Vec<_> = slots.found.iter().map(answer).collect();
        context.output.document(&answers)?;
    } else {
        context.output.table(&table(&slots.found))?;
    }
    Ok(if slots.unreadable.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Damage
    })
}

fn answer(slot: &SlotSummary) -> SlotAnswer<'_> {
    let kdf = match slot.kind {
        SlotKind::Passphrase(kdf) => Some(KdfAnswer {
            name: "argon2id",
            memory_bytes: u64::from(kdf.memory_kib) * 1024,
            passes: kdf.passes,
            lanes: kdf.lanes,
        }),
        SlotKind::Raw => None,
    };
    SlotAnswer {
        id: hex(slot.id.as_bytes()),
        kind: kind(slot),
        label: &slot.info.label,
        created: utc(slot.info.created_unix_seconds),
        generation: slot.generation,
        kdf,
        current: slot.opened,
    }
}

fn table(slots: &[SlotSummary]) -> Table {
    let mut table = Table::new(&[
        ("Id", Align::Left),
        ("Kind", Align::Left),
        ("Label", Align::Left),
        ("Since", Align::Left),
        ("Memory", Align::Right),
        ("", Align::Left),
    ]);
    for slot in slots {
        let memory = match slot.kind {
            SlotKind::Passphrase(kdf) => size(u64::from(kdf.memory_kib) * 1024),
            SlotKind::Raw => String::new(),
        };
        let since = utc(slot.info.created_unix_seconds);
        let opened = if slot.opened { "opened it now" } else { "" };
        table.row([
            short(slot.id).as_str(),
            kind(slot),
            &slot.info.label,
            since.get(..10).unwrap_or(&since),
            &memory,
            opened,
        ]);
    }
    table
}

fn short(id: SlotId) -> String {
    hex(&id.as_bytes()[..4])
}

fn add(opened: &Opened, slot: &NewSlot, label: Option<&str>, context: &Context) -> Result<ExitCode, Failure> {
    // Questions first: a bar must not run over them.
    opened.progress.finish();
    let (new, handed) = match slot {
        NewSlot::Password { password, kdf_memory } => {
            let password = new_password(password)?;
            (
                password_slot(&password, label.unwrap_or("password"), *kdf_memory),
                None,
            )
        }
        NewSlot::Recovery(how) => {
            let handed =
                codes::recovery(how)?.ok_or_else(|| Failure::usage("no recovery code is to be made"))?;
            (raw_slot(&handed, label.unwrap_or(RECOVERY_LABEL)), Some(handed))
        }
        NewSlot::KeyFile(path) => {
            let handed = codes::key_file(path.clone())?;
            (raw_slot(&handed, label.unwrap_or(KEY_FILE_LABEL)), Some(handed))
        }
    };
    let added = opened.repository.add_key_slot(&new);
    if let (Err(_), Some(handed)) = (&added, &handed) {
        handed.take_back();
    }
    let id = added?;
    let what = handed
        .as_ref()
        .map_or_else(|| "a password".into(), codes::whereabouts);
    let text = format!("added {} ({what})", short(id));
    tell_change("added", id, &text, context)
}

fn change_password(
    opened: &Opened,
    source: &PasswordSource,
    kdf_memory: u64,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let slots = opened.repository.key_slots()?.found;
    let current = slots.iter().find(|slot| slot.opened);
    let current = current
        .ok_or_else(|| Failure::failed("the key slot that opened the repository is gone").hint(LIST))?;
    if current.kind == SlotKind::Raw {
        return Err(Failure::usage(
            "the repository was opened with a recovery code or key file, which has no password",
        )
        .hint("lumivault key add adds a new password; lumivault key remove ID removes a forgotten one"));
    }
    opened.progress.finish();
    let password = new_password(source)?;
    let new = password_slot(&password, &current.info.label, kdf_memory);
    opened.repository.rewrap_key_slot(current.id, &new)?;
    let text = format!("changed the password {}", short(current.id));
    let code = tell_change("changed", current.id, &text, context)?;
    context.remark("copies of the repository that were made before still open with the old password");
    Ok(code)
}

fn remove(opened: &Opened, prefix: &str, context: &Context) -> Result<ExitCode, Failure> {
    let prefix = prefix.trim().to_ascii_lowercase();
    let slots = opened.repository.key_slots()?.found;
    let fitting: Vec<_> = slots
        .iter()
        .filter(|slot| hex(slot.id.as_bytes()).starts_with(&prefix))
        .collect();
    let slot = match fitting.as_slice() {
        [only] => *only,
        [] => return Err(Failure::failed(format!("no key's id begins with `{prefix}`")).hint(LIST)),
        _ => {
            return Err(Failure::usage(format!("several keys' ids begin with `{prefix}`"))
                .hint("type more of the id"));
        }
    };
    opened.repository.remove_key_slot(slot.id)?;
    let text = format!("removed {} ({})", short(slot.id), slot.info.label);
    let code = tell_change("removed", slot.id, &text, context)?;
    context.remark(
        "copies of the repository that were made before still open with it; lumivault key rotate keeps what is \
         stored from now on from whoever has both",
    );
    Ok(code)
}

fn rotate(opened: &Opened, context: &Context) -> Result<ExitCode, Failure> {
    let epoch = opened.repository.rotate_epoch()?;
    opened.progress.finish();
    if context.output.is_json() {
        let answer = RotationAnswer {
            status: "rotated",
            epoch,
        };
        context.output.document(&answer)?;
    } else {
        context
            .output
            .line("what is stored from now on is encrypted with a new key; what is there stays as it is")?;
    }
    Ok(ExitCode::Done)
}

fn tell_change(status: &'static str, id: SlotId, text: &str, context: &Context) -> Result<ExitCode, Failure> {
    if context.output.is_json() {
        let id = hex(id.as_bytes());
        context.output.document(&ChangeAnswer { status, id })?;
    } else {
        context.output.line(text)?;
    }
    Ok(ExitCode::Done)
}
