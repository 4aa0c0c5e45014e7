//! Medians, percentiles and spreads.

use std::time::Duration;

/// What several rounds measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// The middle one; between the two middle ones of an even number.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The greatest.
    pub(crate) most: f64,
}

/// Summarises the rounds; `None` without any.
pub(crate) fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some(Summary { median: f64::midpoint(low, high), least, most })
}

/// Returns the smallest value that at least `percent` of all do not exceed (nearest rank); zero without any.
pub(crate) fn percentile(values: &[Duration], percent: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(summary(&[4.0, 1.0, 2.0, 10.0]), Some(Summary { median: 3.0, least: 1.0, most: 10.0 }));
        assert_eq!(summary(&[5.0]), Some(Summary { median: 5.0, least: 5.0, most: 5.0 }));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 50.0), Duration::from_millis(100));
        assert_eq!(percentile(&values, 99.0), Duration::from_millis(198));
        assert_eq!(percentile(&values, 100.0), Duration::from_millis(200));
        assert_eq!(percentile(&values[..1], 99.0), Duration::from_millis(200));
        assert_eq!(percentile(&[], 50.0), Duration::ZERO);
    }
}
