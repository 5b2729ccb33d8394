//! The area under the ROC curve, and what stands on it.

/// The chance that an unusual one scores higher than a usual one; ties count half. None without both.
pub(crate) fn area(scores: &[f64], unusual: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut at, mut ranks) = (0, 0.0);
    while at < order.len() {
        let ties = order[at..].iter().take_while(|other| scores[**other] == scores[order[at]]).count();
        let rank = (2 * at + ties + 1) as f64 / 2.0;
        ranks += rank * order[at..at + ties].iter().filter(|place| unusual[**place]).count() as f64;
        at += ties;
    }
    let positive = unusual.iter().filter(|label| **label).count() as f64;
    let negative = unusual.len() as f64 - positive;
    let both = positive > 0.0 && negative > 0.0;
    both.then(|| (ranks - positive * (positive + 1.0) / 2.0) / (positive * negative))
}

/// The share of the unusual that scores above all but that share of the usual.
pub(crate) fn found_at(scores: &[f64], unusual: &[bool], false_alarms: f64) -> f64 {
    let mut usual: Vec<f64> =
        scores.iter().zip(unusual).filter(|(_, u)| !**u).map(|(score, _)| *score).collect();
    usual.sort_by(f64::total_cmp);
    let allowed = (usual.len() as f64 * false_alarms) as usize;
    let threshold = usual.len().checked_sub(allowed + 1).map_or(f64::MIN, |at| usual[at]);
    let hits = scores.iter().zip(unusual).filter(|(score, u)| **u && **score > threshold).count();
    hits as f64 / unusual.iter().filter(|label| **label).count().max(1) as f64
}

pub(crate) fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().fold(0.0, |sum, value| sum + value) / values.count().max(1) as f64
}
