//! Everything that is neither file nor folder: links, pipes, sockets, devices.

use super::names::MappedName;
use super::stat::{self, NoMode, Parts};
use super::sys::{Dir, Kind, Node, Object};
use super::{Finished, Folder, Outcome, Overwrite, TargetError, place};
use lumivault_format::tree::{Extra, ExtraKind, StatRecord};
use std::ffi::OsStr;
use std::io;

/// `ERROR_PRIVILEGE_NOT_HELD`: Windows lets few users make symbolic links.
const PRIVILEGE_NOT_HELD: i32 = 1314;
/// `FILE_ATTRIBUTE_DIRECTORY`
const DIRECTORY: u32 = 16;

/// A kind of node that only [`SpecialPolicy::special_files`](super::SpecialPolicy) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialKind {
    /// A named pipe.
    Fifo,
    /// A socket, that nobody listens on.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Folder {
    /// Makes a symbolic link. Its target is data and may lead anywhere; nothing here ever follows it. To be called
    /// when all files and folders are written. Where links may not be made the outcome says so; there is no copy.
    pub fn create_symlink(
        &self,
        name: &MappedName,
        target: &[u8],
        stat: &StatRecord,
        overwrite: Overwrite,
    ) -> Result<Finished, TargetError> {
        stat::check_critical(stat, || self.stored_path_of(name.stored()))?;
        self.component(name)?;
        let to_folder = stat::windows_attributes(stat).is_some_and(|a| a & DIRECTORY != 0);
        let dir = self.dir()?;
        let temp = self.node.shared.temps.next();
        if let Err(cause) = dir.symlink(target, &temp, to_folder) {
            return self.refused(&dir, name, cause);
        }
        let warnings = stat::apply(
            &self.node.shared,
            Object::Entry(&dir, &temp),
            stat,
            Parts::Link,
            NoMode::Keep,
        );
        let outcome = place::place(self, &dir, &temp, name, overwrite)?;
        Ok(Finished { outcome, warnings })
    }

    /// Gives a regular file that was restored before, in `from`, a second name in this folder. The outcome is
    /// [`Outcome::NotSupported`] where files have one name only: write a copy then.
    pub fn hard_link(
        &self,
        name: &MappedName,
        from: (&Folder, &MappedName),
        overwrite: Overwrite,
    ) -> Result<Finished, TargetError> {
        let (source_folder, source_name) = from;
        let source = source_folder.component(source_name)?;
        let source_dir = source_folder.dir()?;
        let not_regular = || TargetError::NotRegular {
            path: source_folder.stored_path_of(source_name.stored()),
        };
        let source_failed = |cause| source_folder.failed_at("linking to", source_name, cause);
        let found = match source_dir.find(&source).map_err(source_failed)? {
            Some(found) if found.kind == Kind::File => found,
            _ => return Err(not_regular()),
        };
        self.component(name)?;
        let dir = self.dir()?;
        let temp = self.node.shared.temps.next();
        if let Err(cause) = source_dir.hard_link(&source, &dir, &temp) {
            return match cause.kind() {
                io::ErrorKind::Unsupported
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::CrossesDevices
                | io::ErrorKind::TooManyLinks => Ok(Finished::bare(Outcome::NotSupported)),
                _ => Err(self.failed_at("linking", name, cause)),
            };
        }
        // Something else may have got the source's name since the look at it.
        let linked = dir
            .find(&temp)
            .map_err(|cause| self.failed_at("linking", name, cause))?;
        if linked.is_none_or(|linked| linked.identity != found.identity || linked.kind != Kind::File) {
            drop(place::remove_if_there(&dir, &temp));
            return Err(not_regular());
        }
        place::place(self, &dir, &temp, name, overwrite).map(Finished::bare)
    }

    /// Makes a pipe, socket or device, if the policy asks for such things.
    pub fn create_special(
        &self,
        name: &MappedName,
        kind: SpecialKind,
        stat: &StatRecord,
        overwrite: Overwrite,
    ) -> Result<Finished, TargetError> {
        stat::check_critical(stat, || self.stored_path_of(name.stored()))?;
        self.component(name)?;
        let shared = &self.node.shared;
        if !shared.special.special_files {
            return Ok(Finished::bare(Outcome::NotAsked));
        }
        let node = self.node_of(name, kind, stat)?;
        let dir = self.dir()?;
        let temp = shared.temps.next();
        if let Err(cause) = dir.make_node(&temp, node, 0o600) {
            return self.refused(&dir, name, cause);
        }
        let no_mode = NoMode::Set(shared.file_mode);
        let object = Object::Entry(&dir, OsStr::new(&temp));
        let warnings = stat::apply(shared, object, stat, Parts::Node, no_mode);
        let outcome = place::place(self, &dir, &temp, name, overwrite)?;
        Ok(Finished { outcome, warnings })
    }

    fn node_of(&self, name: &MappedName, kind: SpecialKind, stat: &StatRecord) -> Result<Node, TargetError> {
        let numbers = || {
            let device = stat.extras.iter().find(|extra| extra.kind == ExtraKind::Device);
            device
                .and_then(Extra::as_device)
                .and_then(|(major, minor)| Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?)))
                .ok_or_else(|| TargetError::NoDeviceNumbers {
                    path: self.stored_path_of(name.stored()),
                })
        };
        Ok(match kind {
            SpecialKind::Fifo => Node::Fifo,
            SpecialKind::Socket => Node::Socket,
            SpecialKind::CharDevice => numbers().map(|(major, minor)| Node::CharDevice(major, minor))?,
            SpecialKind::BlockDevice => numbers().map(|(major, minor)| Node::BlockDevice(major, minor))?,
        })
    }

    /// Tells what this user or system may not make at all from a folder that cannot be written to.
    fn refused(&self, dir: &Dir, name: &MappedName, cause: io::Error) -> Result<Finished, TargetError> {
        let unsupported = cause.kind() == io::ErrorKind::Unsupported;
        let privilege = cause.raw_os_error() == Some(PRIVILEGE_NOT_HELD);
        let denied = cause.kind() == io::ErrorKind::PermissionDenied;
        if unsupported {
            Ok(Finished::bare(Outcome::NotSupported))
        } else if privilege || (denied && self.is_writable(dir)) {
            Ok(Finished::bare(Outcome::NotPermitted))
        } else {
            Err(self.failed_at("creating", name, cause))
        }
    }

    fn is_writable(&self, dir: &Dir) -> bool {
        let temp = self.node.shared.temps.next();
        dir.create_file(&temp, 0o600, None).is_ok() && place::remove_if_there(dir, &temp).is_ok()
    }
}
