//! As many histories as are asked for. One that fails is made as short as it can be.

use std::sync::Mutex;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::player::{Player, Tally};
use super::steps::{History, history};

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// No two worlds may draw the same random bytes, so each history that is played has a world of its own, in which it is
/// played the same way.
fn play(history: &History, world: &str) -> Tally {
    let mut player = Player::new(world, history.cached);
    for step in &history.steps {
        player.play(step);
    }
    player.end();
    player.tally
}

#[test]
fn every_history_ends_as_the_model_says() {
    let histories = setting("LUMIVAULT_MODEL_HISTORIES", 200);
    let seed = setting("LUMIVAULT_MODEL_SEED", 20_261_121);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(histories).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let totals = Mutex::new((0, Tally::default()));
    let result = runner.run(&history(), |history| {
        let world = {
            let mut totals = totals.lock().unwrap();
            totals.0 += 1;
            format!("model: seed {seed}, played {}", totals.0)
        };
        let tally = play(&history, &world);
        totals.lock().unwrap().1.add(&tally);
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, history)) => panic!("seed {seed}: {reason}\n{history:#?}"),
        Err(TestError::Abort(reason)) => panic!("seed {seed}: {reason}"),
    }
    let tally = totals.into_inner().unwrap().1;
    eprintln!("{histories} histories, seed {seed}: {tally:?}");
    // A campaign in which nothing happens shows nothing.
    assert!(tally.backups > histories && tally.compared > histories && tally.forgotten > histories / 4);
    assert!(tally.removed_packs > histories / 2 && tally.faults > histories / 4);
    let rare = [tally.revived, tally.copied, tally.revoked, tally.in_use];
    assert!(
        histories < 100 || rare.iter().all(|count| *count > 0),
        "{tally:?}"
    );
}
