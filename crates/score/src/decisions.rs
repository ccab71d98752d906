//! What people decided: it beats all evidence.

use wardnet_model::{
    Action, Band, Basis, Category, CategorySet, Decision, Risk, Timestamp, Verdict,
};

/// The decision that counts for one indicator and scope, and the verdict it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling<'d> {
    /// The decision.
    pub decision: &'d Decision,
    /// What it makes of the indicator.
    pub verdict: Verdict,
}

/// Which of the decisions on one indicator and scope counts at `now`: a block before an allow, the
/// newer before the older. A withdrawal ends all that its tenant decided before it.
pub fn rule(decisions: &[Decision], now: Timestamp) -> Option<Ruling<'_>> {
    let standing = decisions.iter().enumerate().filter(|(at, decision)| {
        decision.in_force(now)
            && !decisions.iter().enumerate().any(|(other_at, other)| {
                other.action == Action::Withdraw
                    && other.tenant == decision.tenant
                    && (other.at, other_at) > (decision.at, *at)
            })
    });
    let (_, decision) =
        standing.max_by_key(|(at, decision)| (blocks(decision.action), decision.at, *at))?;
    Some(Ruling { decision, verdict: verdict(decision) })
}

const fn blocks(action: Action) -> bool {
    matches!(action, Action::Block | Action::Confirm)
}

fn verdict(decision: &Decision) -> Verdict {
    let (risk, band, categories) = match decision.action {
        Action::Block | Action::Confirm => (Risk::MAX, Band::Malicious, named(decision.category)),
        Action::Allow => (Risk::ZERO, Band::Trusted, CategorySet::EMPTY),
        // "Not dangerous" is a finding, not a promise: it clears without granting trust.
        Action::Refute | Action::Withdraw => (Risk::ZERO, Band::Safe, CategorySet::EMPTY),
    };
    Verdict {
        risk,
        band,
        basis: Basis::Decision,
        categories,
        first_seen: decision.at,
        last_seen: decision.at,
    }
}

/// The categories of a block: none where it names none, so that every policy heeds it.
fn named(category: Category) -> CategorySet {
    match category {
        Category::Uncategorised => CategorySet::EMPTY,
        named => CategorySet::EMPTY.with(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;
    use wardnet_model::{Indicator, Scope, TenantId};

    fn decision(action: Action, at: u64, until: Option<u64>) -> Decision {
        Decision {
            tenant: TenantId::SHARED,
            indicator: Indicator::parse("example.com").unwrap(),
            scope: Scope::Subtree,
            action,
            category: Category::Malware,
            author: "a".into(),
            reason: "r".into(),
            at: Timestamp(at),
            until: until.map(Timestamp),
        }
    }

    fn band_of(decisions: &[Decision], now: u64) -> Option<Band> {
        rule(decisions, Timestamp(now)).map(|ruling| ruling.verdict.band)
    }

    #[test]
    fn a_decision_holds_until_it_expires() {
        let allowed = [decision(Action::Allow, 100, Some(200))];
        assert_eq!(band_of(&allowed, 100), Some(Band::Trusted));
        assert_eq!(band_of(&allowed, 199), Some(Band::Trusted));
        assert_eq!(band_of(&allowed, 200), None);
    }

    #[test]
    fn a_block_comes_before_an_allow_and_the_newer_before_the_older() {
        let both = [decision(Action::Block, 1, None), decision(Action::Allow, 2, None)];
        assert_eq!(band_of(&both, 3), Some(Band::Malicious));
        let goods = [decision(Action::Refute, 1, None), decision(Action::Allow, 2, None)];
        assert_eq!(band_of(&goods, 3), Some(Band::Trusted));
    }

    #[test]
    fn a_block_without_a_category_is_heeded_by_every_policy() {
        let spam = CategorySet::EMPTY.with(Category::Spam);
        let policy = Policy { categories: spam, ..Policy::default() };
        let blocks = |category| {
            let block = [Decision { category, ..decision(Action::Block, 1, None) }];
            let verdict = rule(&block, Timestamp(2)).unwrap().verdict;
            policy.blocks(verdict.risk, verdict.band, verdict.categories)
        };
        assert!(blocks(Category::Uncategorised) && blocks(Category::Spam));
        assert!(!blocks(Category::Malware));
    }

    #[test]
    fn a_withdrawal_ends_what_came_before_it() {
        let taken_back = [decision(Action::Block, 1, None), decision(Action::Withdraw, 2, None)];
        assert_eq!(band_of(&taken_back, 3), None);
        let anew = [
            decision(Action::Block, 1, None),
            decision(Action::Withdraw, 2, None),
            decision(Action::Allow, 2, None),
        ];
        assert_eq!(band_of(&anew, 3), Some(Band::Trusted));
    }
}
