//! Makes sure that a recovery code was written down: two of its groups are typed back.

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::terminal::{Terminal, unanswered};

/// How often one group may be mistyped.
const TRIES: usize = 3;

/// Asks for two different groups of the code, chosen by `pick`, which returns a number below its argument.
///
/// The code is groups of letters and digits joined by `-`; as in its definition, case does not matter and `O`, `I`
/// and `L` are read as `0`, `1` and `1`.
pub(crate) fn confirm_recovery_code(
    code: &str,
    terminal: &mut dyn Terminal,
    pick: &mut dyn FnMut(usize) -> Result<usize, Failure>,
) -> Result<(), Failure> {
    let groups: Vec<&str> = code.split('-').collect();
    let first = pick(groups.len())?;
    // Shifted past the first, so that the two always differ.
    let second = (first + 1 + pick(groups.len().saturating_sub(1).max(1))?) % groups.len();
    terminal.say("To be sure that the code is on paper, type two of its groups.");
    for number in [first.min(second), first.max(second)] {
        let Some(group) = groups.get(number) else { continue };
        confirm_group(number + 1, group, terminal)?;
    }
    Ok(())
}

fn confirm_group(number: usize, group: &str, terminal: &mut dyn Terminal) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let typed = terminal
            .line(&format!("group {number}: "))
            .map_err(|error| unanswered(&error))?;
        if *normal(&typed) == *normal(group) {
            return Ok(());
        }
        terminal.say(&format!("that is not group {number}, counted from the left"));
    }
    Err(Failure::usage("the recovery code was not confirmed")
        .hint("init --recovery-file FILE writes the code to a file instead"))
}

fn normal(text: &str) -> Zeroizing<String> {
    let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    Zeroizing::new(
        letters
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect(),
    )
}

/// A number below `limit` from the system's random source. Which group is asked for is no secret, so the slight
/// preference of a remainder does no harm.
pub(crate) fn pick_at_random(limit: usize) -> Result<usize, Failure> {
    let number = getrandom::u32()
        .map_err(|error| Failure::failed("the system gives no random numbers").because(&error))?;
    Ok(usize::try_from(number).unwrap_or_default() % limit.max(1))
}

#[cfg(test)]
mod tests {
    use super::{confirm_recovery_code, pick_at_random};
    use crate::exit::ExitCode;
    use crate::terminal::fake::Fake;

    const CODE: &str = "A0B1-C2D3-E4F5-G6H7-J8K9-MNPQ-RSTV-WXYZ-0123-4567-89AB-CDEF-GHJK-MN1Q";

    fn confirm(picks: [usize; 2], answers: &[&str]) -> (Result<(), ExitCode>, Fake) {
        let mut terminal = Fake::answering(answers);
        let mut picks = picks.into_iter();
        let result = confirm_recovery_code(CODE, &mut terminal, &mut |limit| {
            let pick = picks.next().unwrap();
            assert!(pick < limit);
            Ok(pick)
        });
        (result.map_err(|failure| failure.code()), terminal)
    }

    #[test]
    fn two_groups_from_left_to_right() {
        let (result, terminal) = confirm([13, 0], &["A0B1", "MN1Q"]);
        assert_eq!(result, Ok(()));
        assert_eq!(terminal.prompts, ["group 1: ", "group 14: "]);
    }

    #[test]
    fn the_two_always_differ() {
        for first in 0..14 {
            for second in 0..13 {
                let (_, terminal) = confirm([first, second], &["", "", "", ""]);
                let chosen = terminal.prompts.first().cloned().unwrap();
                assert!(chosen.starts_with("group "));
                let groups: Vec<&str> = CODE.split('-').collect();
                let other = (first + 1 + second) % 14;
                let both = [groups[first.min(other)], groups[first.max(other)]];
                let (result, terminal) = confirm([first, second], &both);
                assert_eq!((result, terminal.prompts.len()), (Ok(()), 2), "{first} {second}");
                assert_ne!(terminal.prompts[0], terminal.prompts[1]);
            }
        }
    }

    #[test]
    fn letters_are_read_as_the_code_defines_them() {
        assert_eq!(confirm([0, 12], &[" aob l ", "mniq"]).0, Ok(()));
    }

    #[test]
    fn mistakes_are_said_and_end_after_three() {
        let (result, terminal) = confirm([0, 0], &["x", "A0B1", "C2D3"]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            terminal.said.last().unwrap(),
            "that is not group 1, counted from the left"
        );
        assert_eq!(
            confirm([0, 0], &["x", "x", "x", "A0B1", "C2D3"]).0,
            Err(ExitCode::Usage)
        );
        assert_eq!(confirm([0, 0], &[]).0, Err(ExitCode::Usage));
    }

    #[test]
    fn random_picks_stay_below_their_limit() {
        for limit in [1, 2, 13, 14] {
            for _ in 0..50 {
                assert!(pick_at_random(limit).unwrap() < limit);
            }
        }
    }
}
