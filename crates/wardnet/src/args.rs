//! The command line.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use wardnet_verdictdb::PublicKey;

/// A self-hosted smart protection network: feeds in, one explainable verdict per indicator out.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Args {
    /// The data folder.
    #[arg(long, global = true, env = crate::paths::DATA_DIR_VARIABLE, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answers what is known of indicators. Exit status: 0 trusted or safe, 10 unrated, 20
    /// suspicious, 30 malicious, 2 usage error, 3 no answer; of several, the highest.
    Lookup(Lookup),
    /// Shows how a verdict came about: every piece of evidence, and the whole sum.
    Explain(Explain),
    /// Takes in files of indicators.
    Ingest(Ingest),
    /// Lists, updates and inspects the feeds of feeds.toml.
    #[command(subcommand)]
    Feeds(Feeds),
    /// Lists and describes sources.
    #[command(subcommand)]
    Sources(Sources),
    /// Trusts an indicator, whatever the evidence says.
    Allow(Decide),
    /// Blocks an indicator, whatever the evidence says.
    Block(Decide),
    /// Lists decisions; confirms, refutes or withdraws.
    #[command(subcommand)]
    Decisions(Decisions),
    /// Lists what people say is listed wrongly, until somebody has decided.
    Reports(Output),
    /// Looks into the verdict database.
    #[command(subcommand)]
    Db(Db),
    /// Judges URLs, names or pages that nobody has listed, by models and rules; asks no data folder.
    #[command(subcommand)]
    Classify(ClassifySubject),
    /// Tells which names a generator of a known family makes on a day; without one, lists families.
    Dga(Dga),
    /// Learns a model from labelled URLs or names.
    #[command(subcommand)]
    Train(TrainSubject),
    /// Shows how the models do on what is asked here; promotes them.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Creates, lists and revokes access tokens.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Lists CrowdSec's agents that introduced themselves, and lets them in.
    #[command(subcommand)]
    Crowdsec(CrowdSec),
    /// Checks the configuration files and says what is wrong with them.
    Check,
    /// Drops from the journal what nothing needs any more.
    Compact,
    /// Shows what the data folder holds.
    Status(Output),
    /// Answers over HTTP, keeps the feeds fresh.
    Serve(Serve),
    /// Shows live what the running server is asked and what changes.
    Watch(WatchOptions),
    /// Has the running server read wardnet.toml, feeds.toml, tokens and certificates again.
    Reload(Output),
}

/// How to print.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Output {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `lookup`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Lookup {
    /// What to ask about; `-` reads one a line from standard input.
    #[arg(required = true, value_name = "INDICATOR")]
    pub(crate) indicators: Vec<String>,
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `watch`.
#[derive(Debug, ClapArgs)]
pub(crate) struct WatchOptions {
    /// Only these kinds of indicator.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Only what is, or was, in one of these categories.
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Vec<String>,
    /// Only what has, or had, at least this risk.
    #[arg(long, value_name = "RISK")]
    pub(crate) risk_min: Option<u8>,
    /// Goes on from here, as the change stream told it; otherwise from now.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Ends after so many changes.
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
    /// Print one JSON object per change.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// What to explain.
    pub(crate) indicator: String,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Options of `ingest`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Ingest {
    /// Who says so: the name of a source, known or new.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: String,
    /// How the files are written; guessed when it is left out.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// What rows without a category are bad for.
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// How far names and URLs reach whose row does not say: exact, below or subtree.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
    /// What rows say: malicious, benign or context.
    #[arg(long, value_name = "STANCE")]
    pub(crate) stance: Option<String>,
    /// How sure rows are that do not say, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) confidence: Option<u8>,
    /// The file is all that the source says now: what it no longer holds has ended.
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Print one JSON object per file.
    #[arg(long)]
    pub(crate) json: bool,
    /// Files to read; plain, gzip or zstd. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// What to do with feeds.
#[derive(Debug, Subcommand)]
pub(crate) enum Feeds {
    /// Lists all feeds and how they are.
    List(Output),
    /// Fetches feeds now: those named, or all that are on.
    Update {
        /// Which feeds.
        names: Vec<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Shows one feed.
    Show {
        /// Which feed.
        name: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Applies a copy that was held back.
    Release {
        /// Which feed.
        name: String,
    },
    /// Lists the formats that can be read.
    Formats,
    /// Lists the public feeds that Wardnet knows; with a name, prints the entry for feeds.toml.
    Catalogue {
        /// Which feed.
        name: Option<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Fetches a feed and shows what would come in. Nothing is stored.
    Try(TryFeed),
    /// Says what the feeds that are on have in common, and which groups that suggests.
    Overlap {
        /// The feeds' catalogue; the configured one when it is left out.
        #[arg(long, value_name = "FILE")]
        feeds: Option<PathBuf>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// Options of `feeds try`.
#[derive(Debug, ClapArgs)]
pub(crate) struct TryFeed {
    /// A URL, a file, or the name of a feed: one of feeds.toml or of the catalogue.
    #[arg(value_name = "URL|FILE|NAME")]
    pub(crate) feed: String,
    /// How it is written; guessed when it is left out.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// How far names and URLs reach whose row does not say: exact, below or subtree.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
    /// What rows say: malicious, benign or context.
    #[arg(long, value_name = "STANCE")]
    pub(crate) stance: Option<String>,
    /// The feeds' catalogue that names are looked for in; the configured one when it is left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) feeds: Option<PathBuf>,
    /// How many entries of each kind, and rejected rows of each reason, are shown.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) samples: usize,
    /// Allow addresses of private networks and of this machine.
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with sources.
#[derive(Debug, Subcommand)]
pub(crate) enum Sources {
    /// Lists all sources.
    List(Output),
    /// Describes a source: opens a calibration epoch.
    Set {
        /// Which source.
        name: String,
        /// How far it is believed: A to F on the Admiralty scale.
        #[arg(long)]
        reliability: Option<String>,
        /// Which sources it depends on: those of one group count about once.
        #[arg(long)]
        group: Option<String>,
        /// In how many days its evidence loses half its weight.
        #[arg(long, value_name = "DAYS")]
        half_life: Option<u64>,
        /// What its rows are bad for when they do not say.
        #[arg(long)]
        category: Option<String>,
        /// Score it apart, without effect: `true` or `false`.
        #[arg(long)]
        shadow: Option<bool>,
    },
}

/// Options of `allow` and `block`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Decide {
    /// What to decide about.
    pub(crate) indicator: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "decided on the command line")]
    pub(crate) reason: String,
    /// How far it reaches: exact, below or subtree.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
    /// What a block is listed under.
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// How long it holds, such as `12h` or `30d`; for ever when it is left out.
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) hold: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with decisions.
#[derive(Debug, Subcommand)]
pub(crate) enum Decisions {
    /// Lists decisions: on one indicator, or all.
    List {
        /// On what.
        indicator: Option<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Says that it is dangerous: verified. Sources learn from it.
    Confirm(Decide),
    /// Says that it is not dangerous: verified. Sources learn from it.
    Refute(Decide),
    /// Takes back what was decided.
    Withdraw(Decide),
}

/// What to do with the verdict database.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Checks every byte of a database file, and who signed it.
    Verify {
        /// Whose signature it must bear: a key as `db key` prints it. The data folder's own must
        /// bear its own when this is left out.
        #[arg(long, value_name = "KEY")]
        key: Option<PublicKey>,
        /// The file; the data folder's own when it is left out.
        file: Option<PathBuf>,
    },
    /// Prints the public key with which others check what this data folder publishes.
    Key,
    /// Prints every entry, one JSON object per line.
    Dump {
        /// The file; the data folder's own when it is left out.
        file: Option<PathBuf>,
    },
    /// Prints what differs between two files, one JSON object per line.
    Diff {
        /// The older file.
        old: PathBuf,
        /// The newer file.
        new: PathBuf,
    },
    /// Prints how many entries of which kind there are, and what they cost.
    Stat {
        /// The file; the data folder's own when it is left out.
        file: Option<PathBuf>,
    },
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Lists the models in force and those before them, and how they do.
    List(Output),
    /// Puts a model on trial: what it finds is shown, and counts for nothing.
    Shadow {
        /// What it judges, `url` or `domain`; or one of before, as `list` names it.
        #[arg(value_name = "SUBJECT[@DIGEST]")]
        model: String,
    },
    /// Lets what a model finds of reported things count, once it has shown that it spares the good.
    Promote {
        /// What it judges.
        subject: ModelSubject,
        /// Promote it whatever it has shown.
        #[arg(long)]
        force: bool,
    },
}

/// What a model judges.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ModelSubject {
    /// URLs.
    Url,
    /// Names.
    Domain,
}

impl ModelSubject {
    /// Its name in paths.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Domain => "domain",
        }
    }
}

/// What to judge.
#[derive(Debug, Subcommand)]
pub(crate) enum ClassifySubject {
    /// URLs, one a line.
    Url(Classify),
    /// Names of hosts, one a line: made by a generator, or resembling a brand's?
    Domain(Classify),
    /// HTML pages, one a file.
    Page(ClassifyPage),
}

/// Options of `classify url` and `classify domain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Classify {
    /// Print one JSON object per line: `input`, `score`, `label`, `reasons`.
    #[arg(long)]
    pub(crate) json: bool,
    /// A model of your own instead of the one that ships.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Print where the model is from and what it is worth, and judge nothing.
    #[arg(long, conflicts_with = "files")]
    pub(crate) card: bool,
    /// Files to read, plain or packed with gzip or zstd; `-`, or none, is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `classify page`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ClassifyPage {
    /// Print one JSON object per line: `input`, `score`, `label`, `reasons`.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the page was found: what it claims to be is held against that.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// What led there, from the first link on; repeat for each.
    #[arg(long, value_name = "URL")]
    pub(crate) redirect: Vec<String>,
    /// Files to read; `-`, or none, is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `dga`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dga {
    /// The family.
    pub(crate) family: Option<String>,
    /// The day.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<String>,
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to learn to judge.
#[derive(Debug, Subcommand)]
pub(crate) enum TrainSubject {
    /// URLs.
    Url(TrainOptions),
    /// Names of hosts.
    Domain(TrainOptions),
}

/// Options of `train`.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrainOptions {
    /// Malicious ones, one a line; a generator's family may stand behind a tab. May be repeated; `-` is
    /// standard input.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) malicious: Vec<PathBuf>,
    /// Benign ones, one a line. May be repeated; `-` is standard input.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) benign: Vec<PathBuf>,
    /// Where to write the model.
    #[arg(long, value_name = "MODEL")]
    pub(crate) out: PathBuf,
    /// What the model's card says besides its figures, in TOML: data and licences, weaknesses, and
    /// `expires`, the day after which the model is too old.
    #[arg(long, value_name = "FILE")]
    pub(crate) about: Option<PathBuf>,
    /// Fixes every random choice: equal files of equal names and equal seeds give equal models.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Creates a token and prints it: the only time it is shown.
    Create {
        /// Whose token it is, in your words.
        name: String,
        /// What it may: reader, reporter, analyst or admin.
        #[arg(long, default_value = "reader")]
        role: String,
        /// Which tenant it belongs to; 0 is the operator.
        #[arg(long, default_value_t = 0)]
        tenant: u32,
    },
    /// Lists tokens, without their secrets.
    List(Output),
    /// Revokes a token: it is refused from the next request on.
    Revoke {
        /// The token's public identifier.
        id: String,
    },
}

/// What to do with CrowdSec's agents.
#[derive(Debug, Subcommand)]
pub(crate) enum CrowdSec {
    /// Lists the machines that introduced themselves.
    Machines(Output),
    /// Lets a machine log in: what it reports is evidence from then on.
    Validate {
        /// The machine's name.
        name: String,
    },
    /// Forgets a machine.
    Remove {
        /// The machine's name.
        name: String,
    },
}

/// Options of `serve`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Where to answer HTTP, besides the listeners of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// The feeds' catalogue.
    #[arg(long, value_name = "FILE")]
    pub(crate) feeds: Option<PathBuf>,
}
