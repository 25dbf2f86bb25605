//! What only the target has, as far as the request means it.

use super::request::Scope;
use crate::RestoreError;
use crate::filter::{Within, push_component};
use crate::target::{Child, ExistingKind, Folder, MappedName};

/// What is called for each: its folder in the target, itself, its path.
pub(crate) type Each<'e> = dyn FnMut(&Folder, &Child, &[u8]) -> Result<(), RestoreError> + 'e;

/// Calls `each` for everything in a folder of the target that is to be removed: what is none of `keep` and selected by
/// the filter. Of a folder that holds something to be kept only the rest is removed.
pub(crate) fn for_each_extraneous(
    scope: &Scope,
    folder: &Folder,
    keep: &[MappedName],
    (path, within): (&[u8], Within),
    each: &mut Each<'_>,
) -> Result<(), RestoreError> {
    for child in folder.extraneous(keep)? {
        remove_child(scope, folder, &child, (path, within), each)?;
    }
    Ok(())
}

/// Tells whether the child is gone with everything in it.
fn remove_child(
    scope: &Scope,
    folder: &Folder,
    child: &Child,
    (path, within): (&[u8], Within),
    each: &mut Each<'_>,
) -> Result<bool, RestoreError> {
    let name = child.name();
    let mut path = path.to_vec();
    push_component(&mut path, &name);
    let is_folder = child.kind() == ExistingKind::Folder;
    let verdict = scope.filter.judge_foreign(&path, is_folder, within);
    if !scope.everything && is_folder && verdict.descend {
        let (mapped, _) = folder.map_names(&[&name]);
        let Some(inner) = mapped
            .first()
            .map(|name| folder.open_folder(name))
            .transpose()?
            .flatten()
        else {
            return Ok(false);
        };
        let mut all = true;
        for grandchild in inner.children()? {
            all &= remove_child(scope, &inner, &grandchild, (&path, verdict.within), each)?;
        }
        if !all {
            return Ok(false);
        }
    }
    if verdict.selected {
        each(folder, child, &path)?;
    }
    Ok(verdict.selected)
}
