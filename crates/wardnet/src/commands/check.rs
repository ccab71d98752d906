//! `wardnet check`.

use crate::args::Args;
use crate::backend::folder;
use crate::config::Config;
use crate::output::line;
use anyhow::Context as _;
use std::process::ExitCode;
use wardnet_protect::known_files::KnownFiles;
use wardnet_server::Tls;

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (data_dir, config) = folder(args)?;
    line(format!("data folder: {}", data_dir.display()));
    match &args.config {
        Some(path) => line(format!("{}: good", path.display())),
        None => line("no configuration file: all defaults"),
    }
    for http in &config.http {
        let mut kind = "HTTP";
        if let Some(files) = &http.tls {
            Tls::load(files.clone())?;
            kind = "HTTPS";
        }
        line(format!("listener: {kind} on {}", http.listen));
    }
    for primary in &config.rpz {
        wardnet_protect::rpz::Primary::check(primary)?;
        let zones: Vec<_> = primary.zone.iter().map(|zone| zone.name.to_string()).collect();
        let addresses = primary.listen.iter().chain(&primary.tls);
        let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
        let (zones, addresses) = (zones.join(", "), addresses.join(", "));
        line(format!("listener: response policy zones {zones} on {addresses}"));
    }
    for dns in &config.dns {
        let zones: Vec<&str> = dns.list.iter().map(|list| list.zone.as_str()).collect();
        line(format!("listener: DNS lists on {}: {}", dns.listen, zones.join(", ")));
    }
    for resolver in &config.resolver {
        let addresses = resolver.listen.iter().chain(&resolver.dot).chain(&resolver.doh);
        let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
        let name = format!("resolver on {}", addresses.join(", "));
        wardnet_protect::resolver::Resolver::prepare(resolver.clone())
            .with_context(|| name.clone())?;
        if let Some(files) = resolver.tls() {
            Tls::load(files).with_context(|| name.clone())?;
        }
        line(format!("listener: {name}"));
    }
    other_listeners(&config)?;
    let models = crate::models::load_all(&config.models)?;
    let mut warnings = config.warnings();
    warnings.extend(crate::models::too_old(&models, crate::clock::now()));
    for warning in warnings {
        line(format!("warning: {warning}"));
    }
    for told in KnownFiles::default().apply(crate::known::prepare(&config)?) {
        line(told);
    }
    match &config.feeds {
        Some(path) => {
            let catalogue = crate::feeds::load(path)?;
            let on = catalogue.enabled().count();
            line(format!("{}: {} feeds, {on} of them on", path.display(), catalogue.feeds.len()));
        }
        None => line("no feeds configured"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What speaks HTTP to clients of others.
fn other_listeners(config: &Config) -> anyhow::Result<()> {
    if let Some(page) = &config.block_page {
        if let Some(files) = page.tls() {
            Tls::load(files)?;
        }
        let addresses = page.listen.iter().chain(&page.tls_listen).map(ToString::to_string);
        line(format!("listener: block page on {}", addresses.collect::<Vec<_>>().join(", ")));
    }
    for section in &config.crowdsec {
        if let Some(files) = section.tls() {
            Tls::load(files).with_context(|| format!("CrowdSec `{}`", section.name))?;
        }
        let addresses: Vec<_> = section.listen.iter().map(ToString::to_string).collect();
        line(format!("listener: CrowdSec `{}` on {}", section.name, addresses.join(", ")));
    }
    if config.safe_browsing.is_some() {
        line("Safe Browsing on every HTTP listener");
    }
    if config.hashlookup.is_some() {
        line("hashlookup on every HTTP listener, below /hashlookup/");
    }
    if config.virustotal.is_some() {
        line("VirusTotal's interface on every HTTP listener, below /api/v3/");
    }
    Ok(())
}
