//! Fetching from real servers, good and bad, and what stays on disk.

use crate::fetch_server::{Server, Step, reply};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use wardnet_collect::catalogue::{Catalogue, FeedConfig};
use wardnet_collect::feeds::{self, FeedError, FeedReport, Format, ReadOptions, Rejection, Sink};
use wardnet_collect::fetch::{
    FeedFolder, FeedState, FetchError, FetchSettings, Fetched, Fetcher, FolderError, Verdict,
    WhichCopy, judge, request_release,
};
use wardnet_model::{Observation, Timestamp};

const NOW: Timestamp = Timestamp(1_800_000_000);
const HOUR: u64 = 3600;

/// Counts are all these tests look at.
struct Nowhere;

impl Sink for Nowhere {
    fn observation(&mut self, _: Observation) {}
    fn rejection(&mut self, _: Rejection) {}
}

/// What an update came to, as the caller of this crate sees it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Applied(u64),
    Held(String),
    Unchanged(WhichCopy),
    Failed(String),
}

/// An installation with one feed.
struct Install {
    data: TempDir,
    feed: FeedConfig,
    fetcher: Fetcher,
}

impl Install {
    fn new(url: &str, options: &str) -> Self {
        Self::with_settings(url, options, |_| {})
    }

    fn with_settings(url: &str, options: &str, change: impl FnOnce(&mut FetchSettings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = FetchSettings::default();
        settings.system_roots = false;
        change(&mut settings);
        let feed = feed(data.path(), &format!("url = '{url}'\nallow_private = true\n{options}"));
        Self { data, feed, fetcher: Fetcher::new(&settings).unwrap() }
    }

    /// An installation that trusts a server's own certificate.
    fn trusting(server: &Server, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        fs::write(&ca_file, &server.certificate).unwrap();
        let url = format!("{}/list.txt", server.url);
        Self::with_settings(&url, options, |settings| settings.ca_file = Some(ca_file))
    }

    fn folder(&self) -> FeedFolder {
        FeedFolder::open(self.data.path(), &self.feed, 1).unwrap()
    }

    fn fetch_error(&self) -> FetchError {
        self.fetcher.fetch(&self.feed, &self.folder(), NOW).unwrap_err()
    }

    /// Fetches, reads, judges and keeps, as an updater does.
    fn update(&self, now: Timestamp) -> Outcome {
        let mut folder = self.folder();
        match self.fetcher.fetch(&self.feed, &folder, now) {
            Err(error) => {
                folder.failed(&error, now).unwrap();
                Outcome::Failed(error.to_string())
            }
            Ok(Fetched::Unchanged(news)) => {
                let which = news.which;
                folder.unchanged(news, now).unwrap();
                Outcome::Unchanged(which)
            }
            Ok(Fetched::Fresh(fresh)) => {
                let report = read(fresh.path());
                let previous = folder.state().applied.as_ref().map(|applied| applied.counts);
                match judge(previous, report.as_ref(), self.feed.shrink_limit) {
                    Verdict::Apply(counts) => {
                        folder.apply(fresh, counts, now).unwrap();
                        Outcome::Applied(counts.accepted)
                    }
                    Verdict::HoldBack(reason) => {
                        folder.hold_back(fresh, &reason, now).unwrap();
                        Outcome::Held(reason.to_string())
                    }
                    other => panic!("{other:?}"),
                }
            }
            Ok(other) => panic!("{other:?}"),
        }
    }

    fn state(&self) -> FeedState {
        FeedState::read(self.data.path(), &self.feed.name).unwrap().unwrap()
    }

    fn current_rows(&self) -> u64 {
        read(&self.folder().current().unwrap()).unwrap().rows
    }
}

fn feed(base_dir: &Path, options: &str) -> FeedConfig {
    let text = format!("[[feed]]\nname = 'test'\nallow_http = true\n{options}");
    Catalogue::parse(&text, base_dir).unwrap().feeds.remove(0)
}

fn read(path: &Path) -> Result<FeedReport, FeedError> {
    let options = ReadOptions::default();
    let plain = feeds::open_plain(fs::File::open(path).unwrap(), &options.limits)?;
    feeds::read_feed(plain, Format::DomainList, &options, &mut Nowhere)
}

/// A list of that many names.
fn list(rows: u32) -> String {
    (0..rows).fold(String::new(), |mut text, row| {
        writeln!(text, "host{row}.threats-example.com").unwrap();
        text
    })
}

/// A server that gives the first answer, then the second, and so on; the last one for good.
fn in_turn(answers: Vec<fn() -> Vec<Step>>) -> Server {
    let turn = AtomicUsize::new(0);
    Server::start(move |_| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        answers[turn.min(answers.len() - 1)]()
    })
}

#[test]
fn validators_save_the_second_download() {
    let server = Server::start(|head| {
        if head.contains("if-none-match: \"v1\"") {
            reply("304 Not Modified", "", "")
        } else {
            let headers = "ETag: \"v1\"\r\nLast-Modified: Tue, 03 Nov 2026 10:00:00 GMT\r\n";
            reply("200 OK", headers, list(30))
        }
    });
    let install = Install::new(&server.url, "");
    assert_eq!(install.update(NOW), Outcome::Applied(30));
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied));
    let second = &server.requests()[1];
    assert!(second.contains("if-modified-since: tue, 03 nov 2026 10:00:00 gmt"), "{second}");
    let state = install.state();
    assert_eq!((state.failures, state.answered_at), (0, Some(NOW)));
    assert!(!state.is_due(NOW) && state.is_due(NOW.plus_secs(2 * HOUR)));
}

#[test]
fn the_same_bytes_without_validators_are_unchanged_too() {
    let server = Server::start(|_| reply("200 OK", "", list(30)));
    let install = Install::new(&server.url, "");
    assert_eq!(install.update(NOW), Outcome::Applied(30));
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied));
}

#[test]
fn a_304_that_nobody_asked_for_is_an_error() {
    let server = Server::start(|_| reply("304 Not Modified", "", ""));
    let error = Install::new(&server.url, "").fetch_error();
    assert!(matches!(error, FetchError::Status { status: 304, .. }), "{error}");
}

#[test]
fn validators_are_not_shown_to_another_address() {
    let server = Server::start(|_| reply("200 OK", "ETag: \"v1\"\r\n", list(30)));
    let mut install = Install::new(&format!("{}/a", server.url), "");
    install.update(NOW);
    install.feed =
        feed(install.data.path(), &format!("url = '{}/b'\nallow_private = true", server.url));
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied), "the same bytes");
    assert!(!server.requests()[1].contains("if-none-match"));
}

#[test]
fn errors_keep_the_last_good_copy_and_back_off() {
    let server = in_turn(vec![
        || reply("200 OK", "", list(30)),
        || reply("404 Not Found", "", "<html>gone</html>"),
        || reply("503 Busy", "Retry-After: 7200\r\n", ""),
    ]);
    let install = Install::new(&server.url, "");
    install.update(NOW);
    let Outcome::Failed(message) = install.update(NOW) else { panic!("404 is a failure") };
    assert!(message.contains("404") && message.contains("homepage"), "{message}");
    let wait = install.state().next_due.unwrap().secs_since(NOW);
    assert!((54..=66).contains(&wait), "{wait}");
    assert!(matches!(install.update(NOW), Outcome::Failed(_)));
    let state = install.state();
    assert_eq!(state.failures, 2);
    assert!(state.next_due.unwrap().secs_since(NOW) >= 7200, "the server asked for two hours");
    assert_eq!(install.current_rows(), 30);
}

#[test]
fn a_connection_that_breaks_is_an_error() {
    let torn = |headers: &'static str, body: &'static str| {
        Server::start(move |_| {
            vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}").into_bytes())]
        })
    };
    for server in [
        torn("Content-Length: 1000", "a.example.com\n"),
        torn("Transfer-Encoding: chunked", "e\r\na.example.com\n\r\n"),
    ] {
        let install = Install::new(&server.url, "");
        let error = install.fetch_error();
        assert!(matches!(error, FetchError::Incomplete), "{error:?}");
        let folder = install.folder();
        assert!(folder.current().is_none());
        drop(folder);
        let unfinished = fs::read_dir(install.data.path().join("feeds/test")).unwrap();
        let names: Vec<_> = unfinished.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["lock"], "nothing of it is kept");
    }
}

#[test]
fn servers_that_stall_or_dribble_are_left() {
    let stalling = Server::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec();
        vec![Step::Send(head), Step::Wait(Duration::from_millis(1500))]
    });
    let silent = Server::start(|_| vec![Step::Wait(Duration::from_millis(1500))]);
    for server in [&stalling, &silent] {
        let install = Install::with_settings(&server.url, "", |settings| {
            settings.limits.stall_timeout = Duration::from_millis(200);
        });
        let error = install.fetch_error();
        assert!(matches!(error, FetchError::Stalled(_)), "{error:?}");
    }
    let dribbling = Server::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_vec();
        let drop = || [Step::Send(b"a".to_vec()), Step::Wait(Duration::from_millis(50))];
        std::iter::once(Step::Send(head)).chain((0..30).flat_map(|_| drop())).collect()
    });
    let install = Install::with_settings(&dribbling.url, "", |settings| {
        settings.limits.total_timeout = Duration::from_millis(400);
    });
    let error = install.fetch_error();
    assert!(matches!(error, FetchError::TooSlow(_)), "{error:?}");
}

#[test]
fn copies_beyond_the_cap_are_refused() {
    let declared = Server::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_vec();
        vec![Step::Send(head), Step::Wait(Duration::from_millis(300))]
    });
    let streamed = Server::start(|_| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'a', 1001));
        vec![Step::Send(bytes)]
    });
    for server in [&declared, &streamed] {
        let error = Install::new(&server.url, "max_bytes = 1000").fetch_error();
        assert!(matches!(error, FetchError::TooLarge(1000)), "{error:?}");
    }
    let exact = Server::start(|_| reply("200 OK", "", "a".repeat(1000)));
    let install = Install::new(&exact.url, "max_bytes = 1000");
    assert!(install.fetcher.fetch(&install.feed, &install.folder(), NOW).is_ok());
}

#[test]
fn redirects_are_followed_five_times() {
    let looping = Server::start(|_| reply("302 Found", "Location: /again\r\n", ""));
    let error = Install::new(&looping.url, "").fetch_error();
    assert!(matches!(error, FetchError::TooManyRedirects(5)), "{error:?}");
    assert_eq!(looping.requests().len(), 6);

    let moved = Server::start(|head| {
        if head.starts_with("get /new ") {
            reply("200 OK", "", list(3))
        } else {
            reply("301 Moved", "Location: /new\r\n", "")
        }
    });
    assert_eq!(Install::new(&moved.url, "").update(NOW), Outcome::Applied(3));
}

#[test]
fn a_feeds_key_is_not_shown_to_other_servers() {
    let other = Server::start(|_| reply("200 OK", "", list(3)));
    let location = format!("Location: {}/list\r\n", other.url);
    let first = Server::start(move |_| reply("307 Elsewhere", &location, ""));
    let install = Install::new(&first.url, "headers = { Auth-Key = 's3cret' }");
    assert_eq!(install.update(NOW), Outcome::Applied(3));
    assert!(first.requests()[0].contains("auth-key: s3cret"));
    assert!(!other.requests()[0].contains("s3cret"), "{}", other.requests()[0]);
}

#[test]
fn private_addresses_are_refused_unless_allowed() {
    let server = Server::start(|_| reply("200 OK", "", list(3)));
    let mut install = Install::new(&server.url, "");
    for host in ["127.0.0.1", "localhost"] {
        let url = server.url.replace("127.0.0.1", host);
        install.feed = feed(install.data.path(), &format!("url = '{url}'"));
        let error = install.fetch_error();
        assert!(matches!(error, FetchError::PrivateAddress(_)), "{error:?}");
    }
    assert_eq!(server.requests().len(), 0, "it was not even connected to");
}

#[test]
fn https_needs_a_trusted_certificate() {
    let server = Server::start_tls(|_| reply("200 OK", "", list(30)));
    assert_eq!(Install::trusting(&server, "").update(NOW), Outcome::Applied(30));

    let another = Server::start_tls(|_| reply("200 OK", "", list(30)));
    let mut install = Install::trusting(&another, "");
    install.feed =
        feed(install.data.path(), &format!("url = '{}'\nallow_private = true", server.url));
    let error = install.fetch_error();
    assert!(matches!(error, FetchError::Tls(_)), "{error:?}");
    let error = Install::new(&server.url, "").fetch_error();
    assert!(matches!(error, FetchError::NoAuthorities), "{error:?}");
}

#[test]
fn encryption_is_not_given_up_on_the_way() {
    let plain = Server::start(|_| reply("200 OK", "", list(3)));
    let location = format!("Location: {}/list?key=1\r\n", plain.url);
    let server = Server::start_tls(move |_| reply("302 Found", &location, ""));
    let error = Install::trusting(&server, "").fetch_error();
    assert!(matches!(error, FetchError::RedirectRefused(_)), "{error:?}");
    assert!(!error.to_string().contains("key=1"), "{error}");
    assert_eq!(plain.requests().len(), 0);
}

#[test]
fn compressed_copies_stay_as_they_came() {
    let gzip = |text: String| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let file = gzip(list(30));
    let served = file.clone();
    let server = Server::start(move |head| {
        // Some servers label a `.gz` file by its type, others by its encoding.
        let label = if head.starts_with("get /list.txt.gz ") {
            assert!(head.contains("accept-encoding: identity"), "{head}");
            "Content-Type: application/gzip\r\n"
        } else {
            assert!(head.contains("accept-encoding: gzip, zstd"), "{head}");
            "Content-Encoding: gzip\r\n"
        };
        reply("200 OK", label, &served)
    });
    for path in ["list.txt.gz", "list.txt"] {
        let install = Install::new(&format!("{}/{path}", server.url), "");
        assert_eq!(install.update(NOW), Outcome::Applied(30));
        assert_eq!(fs::read(install.folder().current().unwrap()).unwrap(), file);
    }
    let unknown = Server::start(|_| reply("200 OK", "Content-Encoding: br\r\n", "x"));
    let error = Install::new(&unknown.url, "").fetch_error();
    assert!(matches!(error, FetchError::Encoding(_)), "{error:?}");
}

#[test]
fn a_web_page_is_held_back_until_the_feed_returns() {
    let server = in_turn(vec![
        || reply("200 OK", "ETag: \"1\"\r\n", list(30)),
        || reply("200 OK", "ETag: \"2\"\r\n", "<!DOCTYPE html>\n<html><body>Moved</body></html>"),
        || reply("304 Not Modified", "", ""),
        || reply("200 OK", "ETag: \"1\"\r\n", list(30)),
    ]);
    let install = Install::new(&server.url, "");
    install.update(NOW);
    let Outcome::Held(reason) = install.update(NOW) else { panic!("a page is not a feed") };
    assert!(reason.contains("web page"), "{reason}");
    assert_eq!(install.current_rows(), 30, "the last good copy stays");
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Held));
    assert!(server.requests()[2].contains("if-none-match: \"2\""), "it is not downloaded again");
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied));
    assert!(install.state().held.is_none() && install.folder().held().is_none());
}

#[test]
fn a_feed_that_loses_half_its_rows_waits_for_the_operator() {
    let server = in_turn(vec![|| reply("200 OK", "", list(100)), || reply("200 OK", "", list(40))]);
    let install = Install::new(&server.url, "");
    install.update(NOW);
    assert!(matches!(install.update(NOW), Outcome::Held(_)));
    assert!(install.folder().released().is_none(), "nobody has released it");

    let held = request_release(install.data.path(), &install.feed.name).unwrap();
    assert!(held.reason.contains("40") && held.reason.contains("100"), "{}", held.reason);
    let mut folder = install.folder();
    let counts = (&read(&folder.released().unwrap()).unwrap()).into();
    folder.apply_held(counts, NOW).unwrap();
    assert!(folder.released().is_none() && folder.held().is_none());
    let previous = install.data.path().join("feeds/test/previous");
    assert_eq!(read(&previous).unwrap().rows, 100, "the copy before is kept, too");
    drop(folder);
    assert_eq!(install.current_rows(), 40);
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied));
}

#[test]
fn a_release_is_for_the_copy_that_was_looked_at() {
    let server =
        in_turn(vec![|| reply("200 OK", "", list(100)), || reply("200 OK", "", list(40)), || {
            reply("200 OK", "", list(2))
        }]);
    let install = Install::new(&server.url, "");
    let nothing = request_release(install.data.path(), &install.feed.name);
    assert!(matches!(nothing, Err(FolderError::NothingHeld(_))), "{nothing:?}");
    install.update(NOW);
    install.update(NOW);
    request_release(install.data.path(), &install.feed.name).unwrap();
    assert!(matches!(install.update(NOW), Outcome::Held(_)), "another copy came meanwhile");
    assert!(install.folder().released().is_none());
}

#[test]
fn local_files_are_read_where_they_lie() {
    let install = Install::new("file:list.txt", "");
    let path = install.data.path().join("list.txt");
    assert!(matches!(install.update(NOW), Outcome::Failed(_)), "it is not there yet");
    fs::write(&path, list(30)).unwrap();
    assert_eq!(install.update(NOW), Outcome::Applied(30));
    assert_eq!(install.folder().current(), Some(path.clone()));
    assert_eq!(install.update(NOW), Outcome::Unchanged(WhichCopy::Applied));
    fs::write(&path, list(31)).unwrap();
    assert_eq!(install.update(NOW), Outcome::Applied(31));
    fs::write(&path, list(3)).unwrap();
    assert!(matches!(install.update(NOW), Outcome::Held(_)));
    request_release(install.data.path(), &install.feed.name).unwrap();
    assert_eq!(install.folder().released(), Some(path.clone()));
    fs::write(&path, list(3).replace("host0", "hostX")).unwrap();
    assert!(install.folder().released().is_none(), "it has changed since, at the same size");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(install.update(NOW), Outcome::Failed(_)), "a folder is not a feed");
}

/// A MISP feed whose manifest names two events, the second with that time.
fn misp_server(second_time: &'static AtomicUsize) -> Server {
    const FIRST: &str = "67317f07-5461-555f-9491-d7685196f614";
    const SECOND: &str = "ec185261-dda2-5256-bf1a-f93d913192fa";
    Server::start(move |head| {
        let time = second_time.load(Ordering::SeqCst);
        let entry = |uuid: &str, time: usize| {
            format!("\"{uuid}\":{{\"info\":\"x\",\"Orgc\":{{}},\"timestamp\":\"{time}\"}}")
        };
        let event = |uuid: &str, time: usize, name: &str| {
            format!(
                "{{\n\"Event\": {{\"uuid\":\"{uuid}\",\"timestamp\":\"{time}\",\"info\":\"x\",\r\n\"Attribute\":[\
                 {{\"type\":\"domain\",\"to_ids\":true,\"value\":\"{name}-{time}.top\"}}]}}}}"
            )
        };
        let body = if head.contains("/manifest.json ") {
            format!("{{{},{}}}", entry(FIRST, 1), entry(SECOND, time))
        } else if head.contains(FIRST) {
            event(FIRST, 1, "evil-shop")
        } else {
            event(SECOND, time, "steal-login")
        };
        reply("200 OK", "", body)
    })
}

#[test]
fn a_misp_feed_is_fetched_by_its_manifest_and_later_only_what_is_new() {
    static TIME: AtomicUsize = AtomicUsize::new(5);
    let server = misp_server(&TIME);
    let url = format!("{}/feed/manifest.json", server.url);
    let install = Install::new(&url, "format = 'misp-event'");
    let names = |folder: &FeedFolder, fetched: Fetched| {
        let Fetched::Fresh(fresh) = fetched else { panic!("{fetched:?}") };
        let text = fs::read_to_string(fresh.path()).unwrap();
        let options = ReadOptions::default();
        let report =
            feeds::read_feed(text.as_bytes(), Format::MispEvent, &options, &mut Nowhere).unwrap();
        assert_eq!((report.accepted, text.lines().count()), (2, 2), "{text}");
        (fresh, text, folder.current())
    };
    let mut folder = install.folder();
    let fetched = install.fetcher.fetch(&install.feed, &folder, NOW).unwrap();
    let (fresh, text, _) = names(&folder, fetched);
    assert!(text.contains("evil-shop-1.top") && text.contains("steal-login-5.top"));
    assert_eq!(server.requests().len(), 3);
    folder.apply(fresh, feeds_counts(), NOW).unwrap();

    // Nothing is new: only the manifest is asked for.
    let fetched = install.fetcher.fetch(&install.feed, &folder, NOW).unwrap();
    assert!(matches!(fetched, Fetched::Unchanged(_)), "{fetched:?}");
    assert_eq!(server.requests().len(), 4);

    // One event is: that one is fetched besides.
    TIME.store(6, Ordering::SeqCst);
    let fetched = install.fetcher.fetch(&install.feed, &folder, NOW).unwrap();
    let (_, text, _) = names(&folder, fetched);
    assert!(text.contains("evil-shop-1.top") && text.contains("steal-login-6.top"));
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_misp_feed_whose_manifest_names_too_much_is_what_there_is() {
    const THERE: &str = "67317f07-5461-555f-9491-d7685196f614";
    const GONE: &str = "ec185261-dda2-5256-bf1a-f93d913192fa";
    let serve = |has_events: bool| {
        Server::start(move |head| {
            let entry = |uuid: &str| format!("\"{uuid}\":{{\"timestamp\":\"1\"}}");
            if head.contains("/manifest.json ") {
                reply("200 OK", "", format!("{{{},{}}}", entry(THERE), entry(GONE)))
            } else if has_events && head.contains(THERE) {
                let event = format!(
                    "{{\"Event\": {{\"uuid\":\"{THERE}\",\"timestamp\":\"1\",\"info\":\"x\",\"Attribute\":[\
                     {{\"type\":\"domain\",\"to_ids\":true,\"value\":\"evil-shop.top\"}}]}}}}"
                );
                reply("200 OK", "", event)
            } else {
                reply("404 Not Found", "", "")
            }
        })
    };
    let fetch = |server: &Server| {
        let url = format!("{}/feed/manifest.json", server.url);
        let install = Install::new(&url, "format = 'misp-event'");
        let fetched = install.fetcher.fetch(&install.feed, &install.folder(), NOW);
        fetched.map(|fetched| match fetched {
            Fetched::Fresh(fresh) => fs::read_to_string(fresh.path()).unwrap(),
            other => panic!("{other:?}"),
        })
    };
    let text = fetch(&serve(true)).unwrap();
    assert!(text.contains("evil-shop.top") && text.lines().count() == 1, "{text}");
    // Where nothing is there, the feed is not there either.
    assert!(fetch(&serve(false)).is_err());
}

fn feeds_counts() -> wardnet_collect::fetch::Counts {
    wardnet_collect::fetch::Counts { rows: 2, accepted: 2, ..Default::default() }
}
