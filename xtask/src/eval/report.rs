//! What an evaluation found, as a section of docs/EVALUATION.md.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use wardnet_analyze::learn::{Learned, Metrics, TrainOptions, calibrate, metrics};
use wardnet_analyze::{Model, Scratch, Subject};

use super::data::Row;
use super::speed;

/// How many mistakes of either kind are listed.
const MISTAKES: usize = 12;

/// Collects figures.
pub(super) struct Report<'a> {
    subject: Subject,
    rows: &'a [Row],
    text: String,
    main: Option<Metrics>,
}

impl<'a> Report<'a> {
    pub(super) fn new(subject: Subject, rows: &'a [Row]) -> Self {
        let mut text = String::from(
            "| judged | malicious | benign | AUC | found at 0.05 % | at 0.1 % | at 1 % |\n\
             |---|---:|---:|---:|---:|---:|---:|\n",
        );
        text.reserve(4096);
        Self { subject, rows, text, main: None }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, name: &str, found: &Metrics) {
        let [bad, good] = found.counts;
        let [a, b, c] = found.tpr.map(|tpr| tpr * 100.0);
        self.say(&format!(
            "| {name} | {bad} | {good} | {:.4} | {a:.1} % | {b:.1} % | {c:.1} % |",
            found.auc
        ));
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Figures from margins of folds that were left out, for several parts of the rows.
    pub(super) fn splits(&mut self, learned: &Learned) {
        let unseen = &learned.unseen;
        match self.subject {
            Subject::Url => {
                let main = self.part(unseen, |row| !row.is_host && !row.is_extra);
                self.line("URLs, by registered domain", &main);
                self.main = Some(main);
                let hosts = self.part(unseen, |row| row.is_host && !row.is_extra);
                self.line("bare hosts, by registered domain", &hosts);
                let shared =
                    self.part(unseen, |row| !row.is_host && !row.is_extra && is_shared(row));
                self.line("look-alikes: URLs on popular sites and lent names only", &shared);
                let modern = |row: &Row| !row.sample.is_bad || row.date.as_str() >= "2021";
                let modern = self.part(unseen, |row| !row.is_host && !row.is_extra && modern(row));
                self.line("URLs, phishing of 2021 and later only", &modern);
                let recent = self.part(unseen, |row| !row.is_host && row.is_extra);
                self.line(
                    "URLs of July 2026 (TweetFeed) against references of 2018 to 2025",
                    &recent,
                );
                self.recent(unseen, learned);
                self.top_sites(unseen, learned);
            }
            Subject::Domain => {
                let main = self.names(unseen, "by registered domain");
                self.main = Some(main);
                if let Some(margins) = &learned.unseen_family {
                    self.names(margins, "families never seen");
                }
                self.top_sites(unseen, learned);
                self.families(learned);
            }
        }
    }

    /// Generated names of the labelled set, and of Maltrail's trails; the figures of the former.
    fn names(&mut self, margins: &[f32], split: &str) -> Metrics {
        let main = self.part(margins, |row| !row.is_extra);
        self.line(&format!("generated names, {split}"), &main);
        let is_tail = |row: &Row| row.source == "dga/benign";
        let is_labelled = |row: &Row| row.sample.is_bad && !row.is_extra;
        let tail = self.part(margins, |row| is_tail(row) || is_labelled(row));
        self.line("the same, against the long tail only", &tail);
        let trails = self.part(margins, |row| row.source == "maltrail" || !row.sample.is_bad);
        self.line(&format!("names of Maltrail's trails, {split}"), &trails);
        main
    }

    fn part(&self, margins: &[f32], keep: impl Fn(&Row) -> bool) -> Metrics {
        let pick = |is_bad: bool| -> Vec<f32> {
            let rows = self.rows.iter().zip(margins);
            let kept = rows.filter(|(row, _)| keep(row) && row.sample.is_bad == is_bad);
            kept.map(|(_, margin)| *margin).collect()
        };
        metrics(&pick(true), &pick(false))
    }

    /// How many ordinary URLs of these years are called malicious, and how many of what is reported.
    fn recent(&mut self, margins: &[f32], learned: &Learned) {
        let called = |is_bad: bool| {
            let rows = self.rows.iter().zip(margins);
            let kept = rows.filter(|(row, _)| row.is_extra && row.sample.is_bad == is_bad);
            kept.fold((0_usize, 0_usize), |(all, called), (_, margin)| {
                let is_called = learned.calibration.probability(*margin) >= 0.5;
                (all + 1, called + usize::from(is_called))
            })
        };
        let ((bad, found), (good, wrong)) = (called(true), called(false));
        self.say(&format!(
            "\nOf {good} references {wrong} are called malicious, of {bad} phishing URLs and hosts of \
             July 2026 {found}.\n"
        ));
    }

    fn top_sites(&mut self, margins: &[f32], learned: &Learned) {
        let is_top =
            |row: &Row| row.source.starts_with("cloudflare") || row.source.starts_with("tranco");
        let tops: Vec<f32> = self
            .rows
            .iter()
            .zip(margins)
            .filter(|(row, _)| is_top(row) && !row.sample.is_bad)
            .map(|(_, margin)| learned.calibration.probability(*margin))
            .collect();
        let wrong = tops.iter().filter(|score| **score >= 0.5).count();
        let share = wrong as f64 / tops.len().max(1) as f64 * 100.0;
        self.say(&format!(
            "\nTop sites (Cloudflare, Tranco) called malicious: {wrong} of {}, {share:.3} %.",
            tops.len()
        ));
    }

    /// What is found of each family at 1 % of false positives.
    fn families(&mut self, learned: &Learned) {
        let cut = |margins: &[f32]| {
            let rows = self.rows.iter().zip(margins);
            let mut good: Vec<f32> =
                rows.filter(|(row, _)| !row.sample.is_bad).map(|(_, margin)| *margin).collect();
            good.sort_by(|a, b| b.total_cmp(a));
            wardnet_analyze::learn::cut(&good, 0.01).unwrap_or(f32::INFINITY)
        };
        let Some(never) = &learned.unseen_family else { return };
        let cuts = [cut(&learned.unseen), cut(never)];
        let mut names: Vec<&str> = self.rows.iter().map(|row| row.sample.family.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut table = String::from(
            "\nFound of each family at 1 % of false positives: when names of the family were seen, \
             and when none was.\n\n| family | names | seen | never seen |\n|---|---:|---:|---:|\n",
        );
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let of = |margins: &[f32], cut: f32| {
                let rows =
                    self.rows.iter().zip(margins).filter(|(row, _)| row.sample.family == name);
                rows.fold((0_usize, 0_usize), |(all, found), (_, margin)| {
                    (all + 1, found + usize::from(*margin > cut))
                })
            };
            let (count, seen) = of(&learned.unseen, cuts[0]);
            let (_, unseen) = of(never, cuts[1]);
            let share = |found: usize| found as f64 / count as f64 * 100.0;
            let (seen, unseen) = (share(seen), share(unseen));
            if writeln!(table, "| {name} | {count} | {seen:.0} % | {unseen:.0} % |").is_err() {
                break;
            }
        }
        self.say(&table);
    }

    pub(super) fn holdout(&mut self, name: &str, model: &Model, judged: &[&Row]) {
        let mut scratch = Scratch::default();
        let (mut bad, mut good) = (Vec::new(), Vec::new());
        for row in judged {
            let margin = model.margin(&row.sample.text, &mut scratch);
            if row.sample.is_bad { bad.push(margin) } else { good.push(margin) }
        }
        let found = metrics(&bad, &good);
        let [a, b, c] = found.tpr.map(|tpr| tpr * 100.0);
        self.say(&format!(
            "\n{name}: {} malicious, {} benign, AUC {:.4}, found {a:.1} % at 0.05 %, {b:.1} % at \
             0.1 %, {c:.1} % at 1 % of false positives.",
            bad.len(),
            good.len(),
            found.auc
        ));
    }

    /// Names of lists that may be judged but not learned from.
    pub(super) fn aside(&mut self, model: &Model, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        let mut scratch = Scratch::default();
        let mut found = 0_usize;
        for row in rows {
            found += usize::from(model.score(&row.sample.text, &mut scratch) >= 0.5);
        }
        let share = found as f64 / rows.len() as f64 * 100.0;
        self.say(&format!(
            "\nOf {} names of the 360 Netlab sample, none of which were learned from, {share:.1} % \
             are called malicious.",
            rows.len()
        ));
    }

    /// The worst mistakes, by host and defanged: whole URLs are their lists' to publish.
    pub(super) fn mistakes(&mut self, learned: &Learned) {
        let is_shown = |at: &usize| !self.rows[*at].is_host && !self.rows[*at].is_extra;
        let mut order: Vec<usize> = (0..self.rows.len()).filter(is_shown).collect();
        order.sort_by(|a, b| learned.unseen[*a].total_cmp(&learned.unseen[*b]));
        let hosts = |order: &mut dyn Iterator<Item = usize>, is_bad: bool| {
            let mut shown: Vec<String> = Vec::new();
            for at in order {
                let row = &self.rows[at];
                let host = format!("`{}`", defanged(row));
                if row.sample.is_bad == is_bad && !shown.contains(&host) {
                    shown.push(host);
                }
                if shown.len() == MISTAKES {
                    break;
                }
            }
            shown.join(", ")
        };
        let good = hosts(&mut order.iter().rev().copied(), false);
        let bad = hosts(&mut order.iter().copied(), true);
        self.say(&format!("\nThe benign that score highest: {good}."));
        self.say(&format!("\nThe malicious that score lowest: {bad}."));
    }

    /// How far scores are to be believed: fitted on one half, checked on the other.
    pub(super) fn calibration(&mut self, learned: &Learned, fpr: f64) {
        let rows = self.rows.iter().zip(&learned.unseen).filter(|(row, _)| !row.is_extra);
        let half = |odd: usize| -> (Vec<f32>, Vec<f32>) {
            let pairs =
                rows.clone().map(|(row, margin)| (*margin, f32::from(u8::from(row.sample.is_bad))));
            pairs.enumerate().filter(|(at, _)| at % 2 == odd).map(|(_, pair)| pair).unzip()
        };
        let (margins, truth) = half(0);
        let mut fitted = calibrate(&margins, &truth, fpr);
        fitted.shift = 0.0;
        let (margins, truth) = half(1);
        let mut error = 0.0;
        let mut brier = 0.0;
        let mut bins = [(0.0_f64, 0.0_f64, 0_u32); 10];
        for (margin, label) in margins.iter().zip(&truth) {
            let score = f64::from(fitted.probability(*margin));
            brier += (score - f64::from(*label)).powi(2);
            let bin = &mut bins[((score * 10.0) as usize).min(9)];
            *bin = (bin.0 + score, bin.1 + f64::from(*label), bin.2 + 1);
        }
        let all = margins.len() as f64;
        for (score, label, _) in bins {
            error += (score - label).abs() / all;
        }
        self.say(&format!(
            "\nCalibration, before the shift to a lower base rate, fitted on one half of the \
             subjects and checked on the other: expected error {error:.4}, Brier score {:.4}. The \
             log-odds are then lowered by {:.2}, so that one half falls where {:.2} % of the \
             benign lie above.",
            brier / all,
            learned.calibration.shift,
            fpr * 100.0
        ));
    }

    /// How long a subject takes, of whatever years it is.
    pub(super) fn throughput(&mut self, model: &Model) {
        let (median, average) = speed::measure(model, self.rows);
        self.say(&format!(
            "\nIn a batch on one core, one subject takes {median:.1} µs (median), {average:.1} µs of \
             processor time on average."
        ));
    }

    pub(super) fn card(&self, options: &TrainOptions) -> String {
        let Some(main) = &self.main else { return String::new() };
        let [bad, good] = main.counts;
        let [_, tenth, one] = main.tpr;
        format!(
            "{}\n[figures]\nsplit = \"{} folds by registered domain; each judged by a model of the \
             others\"\nseed = {}\nmalicious = {bad}\nbenign = {good}\nauc = {:.4}\n\
             tpr_at_fpr_0_1_percent = {tenth:.3}\ntpr_at_fpr_1_percent = {one:.3}\n",
            match self.subject {
                Subject::Url => include_str!("url.card.toml"),
                Subject::Domain => include_str!("domain.card.toml"),
            },
            options.folds,
            options.seed,
            main.auc
        )
    }

    /// Replaces the subject's section of the page.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let page = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let name = self.subject.name();
        let (start, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let (head, rest) = page.split_once(&start).context("the page has no such section")?;
        let (_, tail) = rest.split_once(&end).context("the page's section has no end")?;
        let page = format!("{head}{start}{}\n{end}{tail}", self.text);
        std::fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
    }
}

fn is_shared(row: &Row) -> bool {
    row.spelled(Subject::Url).is_shared()
}

fn defanged(row: &Row) -> String {
    String::from_utf8_lossy(row.spelled(Subject::Url).host()).replace('.', "[.]").replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardnet_analyze::learn::{Sample, train};

    fn rows(word: &str, is_bad: bool, is_extra: bool) -> impl Iterator<Item = Row> {
        let one = move |at: usize| {
            let text = format!("http://{word}{at}.example.com/{word}/a{at}");
            let row = Row::new(&text, is_bad, "", "list");
            Row { is_extra, ..row }
        };
        (0..120).map(one)
    }

    #[test]
    fn what_is_judged_apart_is_in_no_other_figure() {
        let old: Vec<Row> =
            rows("garden", false, false).chain(rows("login", true, false)).collect();
        let recent = rows("gardens", true, true).chain(rows("logins", false, true));
        let all: Vec<Row> = old.iter().cloned().chain(recent).collect();
        let samples: Vec<Sample> = all.iter().map(|row| row.sample.clone()).collect();
        let mut options = TrainOptions::shipped(Subject::Url);
        (options.folds, options.boost.trees, options.familiar_bits) = (2, 3, 8);
        (options.linear.bits, options.network.bits) = (16, 8);
        let learned = train(Subject::Url, &samples, &options, |_| ());
        let text = |rows: &[Row]| {
            let mut report = Report::new(Subject::Url, rows);
            report.calibration(&learned, options.fpr);
            report.mistakes(&learned);
            report.text().to_owned()
        };
        // The margins of the old ones come first.
        assert_eq!(text(&all), text(&old));
    }
}
