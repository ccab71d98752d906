//! Work in named steps: one line and one time for each, and a stop at the first failure.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Steps that were done, in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Does one step, then prints its name and how long it took.
    #[expect(clippy::disallowed_methods, reason = "measures how long people wait")]
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("{}", line(word, name, took));
        self.done.push((name.to_owned(), took));
        outcome.with_context(|| format!("step `{name}` failed"))
    }

    /// Prints how many steps there were and the sum of their times.
    pub(crate) fn finish(&self) {
        let total = self.done.iter().map(|(_, took)| *took).sum();
        println!("{}", line("ok", &format!("all {} steps", self.done.len()), total));
    }
}

fn line(word: &str, name: &str, took: Duration) -> String {
    format!("{word:<7} {name:<24} {:>7.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_named_in_the_error() {
        let mut steps = Steps::default();
        steps.run("first", || Ok(())).unwrap();
        let error = steps.run("second", || anyhow::bail!("broken")).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `second` failed: broken");
        assert_eq!(steps.done.len(), 2);
    }
}
