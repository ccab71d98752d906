//! What scoring reads before anybody says otherwise: the first calibration epoch.

use wardnet_model::{CalibrationChange, LENDERS, SuffixList};
use wardnet_score::Epoch;

/// Names without which the internet, or Wardnet's own work, would stop.
const NEVER_LISTED: [&str; 3] = ["arpa", "iana.org", "root-servers.net"];

/// What is never listed on any installation, sorted.
pub(crate) fn never_listed() -> Vec<Box<str>> {
    NEVER_LISTED.iter().map(|text| Box::from(*text)).collect()
}

/// The domains that lend space to strangers, with those that this version knows of and the epoch does
/// not; nothing where it knows them all.
pub(crate) fn new_hosting(epoch: &Epoch) -> Option<CalibrationChange> {
    let is_new = LENDERS.iter().any(|name| !epoch.is_hosting(name));
    let mut all: Vec<Box<str>> =
        LENDERS.iter().copied().chain(epoch.hosting()).map(Box::from).collect();
    all.sort_unstable();
    all.dedup();
    is_new.then_some(CalibrationChange::Hosting(all))
}

/// The changes of the first epoch.
pub(crate) fn changes() -> Vec<CalibrationChange> {
    let hosting = LENDERS.iter().map(|text| Box::from(*text)).collect();
    vec![
        CalibrationChange::Hosting(hosting),
        CalibrationChange::NeverListed(never_listed()),
        CalibrationChange::SuffixList(SuffixList::shipped_digest()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_model::{Calibration, DomainName, Timestamp};

    #[test]
    fn what_a_version_knows_joins_what_is_known() {
        let calibration = |epoch, changes| Calibration {
            epoch,
            at: Timestamp(0),
            reason: "test".into(),
            changes,
        };
        let mut epoch = Epoch::default();
        let own = CalibrationChange::Hosting(vec!["own.example".into(), "bit.ly".into()]);
        epoch.apply(&calibration(1, vec![own]));
        epoch.apply(&calibration(2, vec![new_hosting(&epoch).unwrap()]));
        assert!(epoch.is_hosting("own.example") && epoch.is_hosting("github.com"));
        assert!(
            epoch.is_above_hosting("google.com") && !epoch.is_above_hosting("sites.google.com")
        );
        assert_eq!(new_hosting(&epoch), None);
    }

    #[test]
    fn the_lists_are_sorted_and_canonical() {
        for list in [&LENDERS[..], &NEVER_LISTED[..]] {
            assert!(list.is_sorted());
            for name in list {
                assert_eq!(DomainName::parse(name).unwrap().as_str(), *name);
            }
        }
    }
}
