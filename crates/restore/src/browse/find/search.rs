//! The walk through all snapshots at once, and what it finds where.

use std::collections::HashMap;
use std::io;

use lumivault_chunk_store::{Error, StoredSnapshot};
use lumivault_format::tree::{EntryKind, FolderRef};
use lumivault_format::{ContentId, limits};

use super::class::Class;
use super::{FindEvent, FindSummary, Found};
use crate::browse::error::BrowseError;
use crate::browse::listed::Listed;
use crate::browse::query::Query;
use crate::browse::set::Set;
use crate::browse::streams::{NameAt, content_of};
use crate::browse::tree::{Browser, push_name, too_deep};

/// A walk through all snapshots at once.
pub(super) struct Search<'b, 't, 'r, 's, 'e> {
    browser: &'b Browser<'t, 'r>,
    query: &'b Query,
    /// Oldest first; a [`Set`] numbers them so.
    snapshots: Vec<&'s StoredSnapshot>,
    each: &'e mut dyn FnMut(FindEvent<'_, 's>) -> io::Result<()>,
    path: Vec<u8>,
    stack: Vec<Level>,
    summary: FindSummary,
}

/// All that the snapshots hold at one path.
struct Level {
    path_len: usize,
    /// Newest first.
    classes: Vec<Class>,
}

/// What makes two entries of one name the same find.
#[derive(PartialEq, Eq)]
struct Identity {
    kind: u8,
    content: Option<ContentId>,
    target: Option<Vec<u8>>,
}

/// Different references, each with the snapshots that hold it.
#[derive(Default)]
struct Versions {
    list: Vec<(FolderRef, Set)>,
    places: HashMap<Vec<u8>, usize>,
}

impl Versions {
    fn add(&mut self, reference: FolderRef, set: &Set) {
        let mut key = Vec::new();
        reference.encode(&mut key);
        let place = *self.places.entry(key).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some((_, known)) => known.add(set),
            None => self.list.push((reference, set.clone())),
        }
    }
}

impl<'b, 't, 'r, 's, 'e> Search<'b, 't, 'r, 's, 'e> {
    /// Of snapshots in order of time.
    pub(super) fn new(
        browser: &'b Browser<'t, 'r>,
        query: &'b Query,
        snapshots: Vec<&'s StoredSnapshot>,
        each: &'e mut dyn FnMut(FindEvent<'_, 's>) -> io::Result<()>,
    ) -> Self {
        Self {
            browser,
            query,
            snapshots,
            each,
            path: Vec::new(),
            stack: Vec::new(),
            summary: FindSummary::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<FindSummary, BrowseError> {
        let total = self.snapshots.len();
        let mut roots = Versions::default();
        for (number, snapshot) in self.snapshots.clone().into_iter().enumerate() {
            let set = Set::of(number, total);
            match self.browser.root(snapshot) {
                Ok(root) => root.folder.into_iter().for_each(|folder| roots.add(folder, &set)),
                Err(BrowseError::Store(error)) => self.unreadable(&set, &error)?,
                Err(error) => return Err(error),
            }
        }
        self.enter(roots)?;
        while let Some(level) = self.stack.last() {
            self.browser.check_cancelled()?;
            self.path.truncate(level.path_len);
            let subfolders = self.step()?;
            match subfolders {
                Some(versions) if !versions.list.is_empty() => self.enter(versions)?,
                Some(_) => {}
                None => drop(self.stack.pop()),
            }
        }
        Ok(self.summary)
    }

    /// Opens what the snapshots hold at the present path.
    fn enter(&mut self, versions: Versions) -> Result<(), BrowseError> {
        let mut list = versions.list;
        list.sort_by_key(|(_, set)| std::cmp::Reverse(set.newest()));
        if let Some(parent) = self.stack.last_mut() {
            parent.classes.iter_mut().for_each(Class::park);
        }
        let mut classes: Vec<Class> = Vec::new();
        let mut places: HashMap<[u8; 32], usize> = HashMap::new();
        for (reference, set) in list {
            if self.stack.len() > limits::TREE_DEPTH_MAX {
                self.unreadable(&set, &too_deep())?;
                continue;
            }
            self.summary.heads += 1;
            let opened = match self.browser.source().open(&reference) {
                Ok(opened) => opened,
                Err(error) => {
                    self.unreadable(&set, &error)?;
                    continue;
                }
            };
            let key = Class::key(&opened, self.query.needs_times());
            let place = *places.entry(key).or_insert(classes.len());
            match classes.get_mut(place) {
                Some(class) => class.add(opened.folders, set),
                None => classes.push(Class::new(opened, set)),
            }
        }
        self.summary.lists += u64::try_from(classes.len()).unwrap_or(u64::MAX);
        self.stack.push(Level {
            path_len: self.path.len(),
            classes: Vec::new(),
        });
        for mut class in classes {
            if self.advance(&mut class)?
                && let Some(level) = self.stack.last_mut()
            {
                level.classes.push(class);
            }
        }
        Ok(())
    }

    /// Goes on to the class's next name; `false` at its end, or where it cannot be read further.
    fn advance(&mut self, class: &mut Class) -> Result<bool, BrowseError> {
        match class.advance(self.browser.source()) {
            Ok(more) => Ok(more),
            Err(error) => self.unreadable(&class.set, &error).map(|()| false),
        }
    }

    /// Deals with the next name of the innermost level; returns what is to be entered there. `None` at its end.
    fn step(&mut self) -> Result<Option<Versions>, BrowseError> {
        let Some(level) = self.stack.last_mut() else {
            return Ok(None);
        };
        let mut classes = std::mem::take(&mut level.classes);
        let names = classes.iter().filter_map(|class| class.next.as_ref());
        let Some(name) = names
            .map(|next| next.record.name.as_slice())
            .min()
            .map(<[u8]>::to_vec)
        else {
            return Ok(None);
        };
        let folder_len = self.path.len();
        push_name(&mut self.path, &name);
        let wanted = self.query.wants_name(&name, &self.path);
        let mut subfolders = Versions::default();
        let mut finds: Vec<(Identity, Set, Listed)> = Vec::new();
        let mut here = Vec::new();
        for (at, class) in classes.iter_mut().enumerate() {
            let Some(next) = class.next.take_if(|next| next.record.name == name) else {
                continue;
            };
            here.push(at);
            if next.folder.is_some() {
                self.subfolders(class, &next, &mut subfolders)?;
            }
            if wanted && self.query.wants_kind(&next.record) {
                match self.judge(class, &next, &mut finds) {
                    Ok(()) => {}
                    Err(error) => self.unreadable(&class.set, &error)?,
                }
            }
        }
        for (_, set, listed) in finds {
            self.report(&set, &listed)?;
        }
        let path_len = self.path.len();
        self.path.truncate(folder_len);
        let mut ended = Vec::new();
        for at in here {
            if let Some(class) = classes.get_mut(at)
                && !self.advance(class)?
            {
                ended.push(at);
            }
        }
        for at in ended.into_iter().rev() {
            classes.remove(at);
        }
        push_name(&mut self.path, &name);
        debug_assert_eq!(self.path.len(), path_len);
        if let Some(level) = self.stack.last_mut() {
            level.classes = classes;
        }
        Ok(Some(subfolders))
    }

    /// Collects what the class's folders have at this name.
    fn subfolders(
        &mut self,
        class: &mut Class,
        name: &NameAt,
        versions: &mut Versions,
    ) -> Result<(), BrowseError> {
        for member in &mut class.members {
            let number = name.folder.unwrap_or(u64::MAX);
            match member.folders.get(self.browser.source(), number) {
                Ok(reference) => versions.add(reference.clone_inner(), &member.set),
                Err(error) => self.unreadable(&member.set, &error)?,
            }
        }
        Ok(())
    }

    /// Adds the entry to the finds, if it is wanted.
    fn judge(
        &self,
        class: &mut Class,
        name: &NameAt,
        finds: &mut Vec<(Identity, Set, Listed)>,
    ) -> Result<(), Error> {
        let source = self.browser.source();
        let content = content_of(&mut class.contents, source, name)?;
        if content
            .as_ref()
            .is_some_and(|content| !self.query.wants_size(content.len))
        {
            return Ok(());
        }
        if self.query.needs_times() && !self.query.wants_time(&*class.stats.get(source, name.index)?) {
            return Ok(());
        }
        let identity = Identity {
            kind: name.record.kind.number(),
            content: content.as_ref().map(|content| content.id),
            target: match &name.record.kind {
                EntryKind::Symlink { target } => Some(target.clone()),
                _ => None,
            },
        };
        if let Some((_, set, _)) = finds.iter_mut().find(|(known, ..)| *known == identity) {
            set.add(&class.set);
            return Ok(());
        }
        // Classes come newest first, so this is the newest that is like it.
        let stat = class.stats.get(source, name.index)?;
        let listed = Listed::new(self.path.clone(), &name.record, &stat, content.as_deref());
        finds.push((identity, class.set.clone(), listed));
        Ok(())
    }

    /// Reports a find, once for each phone.
    fn report(&mut self, set: &Set, listed: &Listed) -> Result<(), BrowseError> {
        let mut phones: Vec<Vec<&'s StoredSnapshot>> = Vec::new();
        for snapshot in self.members(set) {
            let same = |group: &&mut Vec<&'s StoredSnapshot>| {
                group
                    .first()
                    .is_some_and(|one| one.snapshot.phone == snapshot.snapshot.phone)
            };
            match phones.iter_mut().find(same) {
                Some(group) => group.push(snapshot),
                None => phones.push(vec![snapshot]),
            }
        }
        for snapshots in phones {
            self.summary.found += 1;
            let found = Found {
                listed: listed.clone(),
                snapshots,
            };
            (self.each)(FindEvent::Found(&found)).map_err(BrowseError::Output)?;
        }
        Ok(())
    }

    fn unreadable(&mut self, set: &Set, error: &Error) -> Result<(), BrowseError> {
        if matches!(error, Error::Cancelled) {
            return Err(Error::Cancelled.into());
        }
        self.summary.unreadable += 1;
        let event = FindEvent::Unreadable {
            path: &self.path,
            snapshots: self.members(set),
            error,
        };
        (self.each)(event).map_err(BrowseError::Output)
    }

    fn members(&self, set: &Set) -> Vec<&'s StoredSnapshot> {
        set.numbers()
            .filter_map(|number| self.snapshots.get(number).copied())
            .collect()
    }
}
