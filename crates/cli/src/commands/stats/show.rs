//! Statistics for people.

use super::Answer;
use crate::commands::Context;
use crate::commands::summary::{files, grouped, many};
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, count, size};

pub(super) fn show(answer: &Answer<'_>, context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    let snapshots = count(answer.snapshots, "snapshot", "snapshots");
    let phones = count(answer.phones, "phone", "phones");
    output.line(&format!("{snapshots} of {phones}"))?;
    output.line(&format!(
        "  files       {}, {}",
        files(answer.files),
        size(answer.bytes_logical)
    ))?;
    output.line(&format!(
        "  contents    {} different, {}",
        grouped(answer.contents),
        size(answer.bytes_unique)
    ))?;
    output.line(&format!(
        "  chunks      {} of {}, stored as {}",
        grouped(answer.chunks),
        size(answer.bytes_chunks),
        size(answer.bytes_compressed)
    ))?;
    output.line(&format!(
        "  folders     {}, stored as {}",
        many(answer.tree_chunks, "chunk"),
        size(answer.bytes_trees)
    ))?;
    if let (Some(sharing), Some(compression), Some(total)) =
        (answer.sharing_ratio, answer.compression_ratio, answer.total_ratio)
    {
        output.line(&format!(
            "  saved       {total:.2} times: {sharing:.2} by sharing, {compression:.2} by compression"
        ))?;
    }
    repository(answer, context)?;
    if answer.unreadable > 0 {
        context.warn("some of it could not be read and is not counted; lumivault check tells more");
    }
    if answer.by_snapshot.is_empty() {
        return Ok(());
    }
    output.line("")?;
    output.table(&by_snapshot(answer))?;
    if answer.by_month.len() < answer.by_snapshot.len() {
        output.line("")?;
        output.table(&by_month(answer))?;
    }
    Ok(())
}

fn repository(answer: &Answer<'_>, context: &Context) -> Result<(), Failure> {
    let Some(place) = &answer.repository else {
        return Ok(());
    };
    let output = &context.output;
    output.line(&format!(
        "  repository  {}, {} of it around the data",
        size(place.bytes_stored),
        size(place.bytes_overhead)
    ))?;
    let unreferenced = match place.bytes_unreferenced {
        0 => String::new(),
        bytes => format!(", {} that no snapshot needs", size(bytes)),
    };
    output.line(&format!(
        "  packs       {}, {} of padding{unreferenced}",
        grouped(place.packs),
        size(place.bytes_padding)
    ))?;
    if place.bytes_parity > 0 {
        output.line(&format!("  parity      {}", size(place.bytes_parity)))?;
    }
    Ok(())
}

fn by_snapshot(answer: &Answer<'_>) -> Table {
    let mut table = Table::new(&[
        ("Id", Align::Left),
        ("Date", Align::Left),
        ("Phone", Align::Left),
        ("Files", Align::Right),
        ("Size", Align::Right),
        ("New", Align::Right),
        ("Stored", Align::Right),
    ]);
    for one in &answer.by_snapshot {
        let cost = &one.cost;
        table.row([
            one.short.as_str(),
            &one.date,
            one.phone,
            &grouped(cost.files),
            &size(cost.bytes_logical),
            &size(cost.bytes_added),
            &size(cost.bytes_stored),
        ]);
    }
    table
}

fn by_month(answer: &Answer<'_>) -> Table {
    let mut table = Table::new(&[
        ("Month", Align::Left),
        ("Snapshots", Align::Right),
        ("Size", Align::Right),
        ("New", Align::Right),
        ("Stored", Align::Right),
    ]);
    for one in &answer.by_month {
        table.row([
            one.month.as_str(),
            &grouped(one.snapshots),
            &size(one.cost.bytes_logical),
            &size(one.cost.bytes_added),
            &size(one.cost.bytes_stored),
        ]);
    }
    table
}
