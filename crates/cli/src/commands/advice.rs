//! What to do about damage: the commands that help, in the order in which they are to be run.

use std::collections::BTreeSet;

use lumivault_chunk_store::check::Remedy;

/// What fetches or stores again what parity and copies in the repository do not mend.
pub(super) const FETCH: &str = "lumivault repair packs --from COPY fetches what is lost from another copy of the repository; without \
                                one, lumivault repair packs saves what is good, and then lumivault backup of the originals stores \
                                again what is missing";

/// The last line of a check that found damage.
pub(super) fn after_check(remedies: &BTreeSet<Remedy>) -> String {
    // What is fetched from a copy is mended from parity before.
    let mends_all = !remedies.contains(&Remedy::Packs);
    let steps: Vec<&str> = remedies
        .iter()
        .filter(|remedy| **remedy != Remedy::Parity || mends_all)
        .map(|remedy| match remedy {
            Remedy::ByHand => "put the damaged files above back from another copy of the repository",
            Remedy::Index => "lumivault repair index",
            Remedy::Snapshots => {
                "lumivault repair snapshots --from COPY, COPY being another copy of the repository"
            }
            Remedy::Parity => "lumivault repair packs, which mends from parity",
            Remedy::Packs => FETCH,
        })
        .collect();
    match steps.as_slice() {
        [] => "what to do is said above; another copy of the repository may be whole".into(),
        [only] => format!("next: {only}"),
        several => format!("next, in this order: {}", several.join("; then ")),
    }
}

/// The last line of a repair of packs after which something that snapshots need is nowhere.
pub(super) fn after_packs(dry_run: bool, from_copy: bool) -> String {
    let copy = if from_copy {
        "another copy of the repository may still hold it: lumivault repair packs --from COPY; without one"
    } else {
        "lumivault repair packs --from COPY fetches it from another copy of the repository; without one"
    };
    let first = if dry_run {
        "lumivault repair packs, then "
    } else {
        ""
    };
    format!(
        "next: {copy}, {first}lumivault backup of the originals stores it again, and lumivault repair snapshots --drop-lost gives \
         up what stays lost"
    )
}

#[cfg(test)]
mod tests {
    use lumivault_chunk_store::check::Remedy;

    use super::{after_check, after_packs};

    #[test]
    fn what_is_nowhere_is_fetched_stored_again_or_given_up() {
        for how in [(false, false), (false, true), (true, false), (true, true)] {
            let said = after_packs(how.0, how.1);
            for needed in ["--from COPY", "lumivault backup", "--drop-lost"] {
                assert!(said.contains(needed), "{said}");
            }
        }
    }

    fn of(remedies: &[Remedy]) -> String {
        after_check(&remedies.iter().copied().collect())
    }

    #[test]
    fn what_helps_is_said_in_order() {
        assert_eq!(
            of(&[Remedy::Parity, Remedy::Index]),
            "next, in this order: lumivault repair index; then lumivault repair packs, which mends from parity"
        );
        let lost = of(&[Remedy::Packs, Remedy::Parity]);
        assert!(
            lost.starts_with("next: lumivault repair packs --from COPY"),
            "{lost}"
        );
        assert!(!lost.contains("parity"), "{lost}");
        assert!(of(&[]).contains("above"));
    }
}
