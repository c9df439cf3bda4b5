//! Lives through many seeds; `SIM_SEEDS` says how many, `SIM_FROM` from which.

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn every_seed_comes_to_rest_and_keeps_the_rules() {
    let (from, count) = (number("SIM_FROM", 0), number("SIM_SEEDS", 2_000));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut failures = Vec::new();
    for seed in from..from + count {
        if let Err(failure) = runtime.block_on(trueup_sim::run(seed)) {
            failures.push(failure);
        }
        if failures.len() >= 3 {
            break;
        }
    }
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    eprintln!("sim: {count}/{count}");
}
