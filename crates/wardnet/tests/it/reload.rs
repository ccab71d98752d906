//! Settings that are read again while the server runs.

use crate::program::{Folder, Server};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A server under a `wardnet.toml` of the test's own.
struct House {
    folder: Folder,
    server: Server,
}

impl House {
    fn new(settings: &str) -> Self {
        let folder = Folder::new();
        let path = folder.file("wardnet.toml", settings);
        let server = Server::start_with(&folder, &["--config", path.to_str().unwrap(), "serve"]);
        Self { folder, server }
    }

    /// Writes other settings and has them read.
    fn reload(&self, settings: &str) -> String {
        self.folder.file("wardnet.toml", settings);
        self.folder.succeed(&["reload"])
    }

    /// Waits until the server's log has said something.
    fn wait_for_log(&self, text: &str) {
        for _ in 0..600 {
            if std::fs::read_to_string(self.folder.path("server.log")).unwrap().contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("`{text}` is not in the log within 30 s");
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn http(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("[[http]]\nlisten = \"{address}\"\n")).collect()
}

/// Sends a request on a connection that stays open, and reads the reply; gives its status.
fn ask(stream: &mut TcpStream, request: &str) -> u16 {
    stream.write_all(request.as_bytes()).unwrap();
    reply(stream)
}

fn reply(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    let mut byte = [0u8];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: wardnet\r\n\r\n";

#[test]
fn a_mistake_is_told_with_its_line_and_changes_nothing() {
    let (one, two) = (free_address(), free_address());
    let house = House::new(&http(&[one]));
    house.folder.file("feeds.toml", "[[feed]]\nname = \"a\"\nkategory = \"x\"\n");
    let bad_feeds = format!("feeds = \"feeds.toml\"\n{}", http(&[two]));
    let tls = format!("{}tls_certificate = \"no.pem\"\ntls_key = \"no.pem\"\n", http(&[two]));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = http(&[taken.local_addr().unwrap(), two]);
    for (settings, told) in [
        ("listne = 3\n".to_owned() + &http(&[two]), "line 1"),
        (http(&[two]) + "[limits]\nheader_bytes_max = 1\n", "at least 8192"),
        (bad_feeds, "feeds.toml:3"),
        (tls, "no.pem"),
        (in_use, "cannot listen on"),
    ] {
        house.folder.file("wardnet.toml", &settings);
        let refused = house.folder.run(&["reload"]);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(3), "{text}");
        assert!(text.contains(told), "{told} in {text}");
        assert_eq!(ask(&mut connect(one), HEALTH), 200);
        assert!(TcpStream::connect(two).is_err(), "nothing of it was taken up");
    }
    house.wait_for_log("the settings stay as they were");
}

#[test]
fn listeners_come_and_go_without_harm_to_open_connections() {
    let (one, two) = (free_address(), free_address());
    let house = House::new(&http(&[one]));
    let mut old = connect(one);
    assert_eq!(ask(&mut old, HEALTH), 200);

    let told = house.reload(&http(&[one, two]));
    assert!(told.contains(&format!("listening on {two}")), "{told}");
    assert_eq!(ask(&mut connect(two), HEALTH), 200);
    assert_eq!(ask(&mut old, HEALTH), 200, "who was connected before goes on");
    assert_eq!(house.reload(&http(&[one, two])), "nothing has changed\n");

    // A request is under way on the listener that goes.
    let body = "{\"indicators\":[\"good.example\"]}";
    let head = format!(
        "POST /v1/lookup HTTP/1.1\r\nHost: wardnet\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        house.server.token,
        body.len()
    );
    // A chunked answer would need a parser: one question is asked and its status looked at.
    let mut flight = connect(one);
    flight.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let told = house.reload(&http(&[two]));
    assert!(told.contains(&format!("no longer listening on {one}")), "{told}");
    flight.write_all(body.as_bytes()).unwrap();
    let mut begin = [0; 12];
    flight.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    // Whoever accepts may be told a moment before it has let go.
    let refuses = |_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(one).is_err()
    };
    assert!((0..500).any(refuses), "{one} still listens");
    assert_eq!(ask(&mut connect(two), HEALTH), 200);
}

#[test]
fn a_listener_whose_limits_change_is_opened_anew_at_its_address() {
    let one = free_address();
    let house = House::new(&http(&[one]));
    let told = house.reload(&(http(&[one]) + "[limits]\nconnections_max = 50\n"));
    assert!(told.contains(&format!("listening anew on {one}")), "{told}");
    assert_eq!(ask(&mut connect(one), HEALTH), 200);
    assert!(house.folder.succeed(&["status"]).contains("version"), "the socket, too");
    assert_eq!(house.folder.succeed(&["reload"]), "nothing has changed\n");
}

#[test]
fn a_signal_brings_new_names_feeds_and_budgets_into_force() {
    let one = free_address();
    let house = House::new(&http(&[one]));
    house.folder.ingest("list", "bad-shop.top\n", &["--format", "domain-list"]);
    house.folder.file("rows.txt", "worse-shop.top\n");
    let feeds = "[[feed]]\nname = \"rows\"\nurl = \"file:rows.txt\"\nformat = \"domain-list\"\n";
    house.folder.file("feeds.toml", feeds);
    let settings = "feeds = \"feeds.toml\"\nnever_listed = [\"bad-shop.top\"]\nlog = \"debug\"\n\
                    metrics_anonymous = true\n[budget]\ntoken = { per_second = 1, burst = 1 }\n";
    house.folder.file("wardnet.toml", &(settings.to_owned() + &http(&[one])));
    house.server.signal("HUP");
    house.wait_for_log("settings read again");
    house.wait_for_log("metrics_anonymous takes effect at the next start");
    assert_eq!(house.folder.bands(&["bad-shop.top"]), ["trusted"]);
    house.folder.succeed(&["feeds", "update", "rows"]);
    assert_eq!(house.folder.bands(&["worse-shop.top"]), ["suspicious"]);
    let ask_as = |stream: &mut TcpStream| {
        let token = &house.server.token;
        let path = "/v1/status HTTP/1.1\r\nHost: wardnet\r\nAuthorization: Bearer";
        ask(stream, &format!("GET {path} {token}\r\n\r\n"))
    };
    let mut stream = connect(one);
    let statuses = [ask_as(&mut stream), ask_as(&mut stream)];
    assert_eq!(statuses, [200, 429], "the new budget is one");

    house.folder.file("feeds.toml", &(feeds.to_owned() + "enabled = false\n"));
    let told = house.folder.succeed(&["reload"]);
    assert!(told.contains("feed rows: switched off"), "{told}");
    assert!(told.contains("metrics_anonymous: takes effect at the next start"), "{told}");
    assert!(house.folder.succeed(&["feeds", "list"]).contains(" off "));
}

#[test]
fn a_damaged_model_takes_no_listener_down() {
    let one = free_address();
    let folder = Folder::new();
    let model = folder.file("own.model", "no model");
    let settings = format!("{}[models]\nurl = {model:?}\n", http(&[one]));
    let path = folder.file("wardnet.toml", &settings);
    let config = path.to_str().unwrap();
    let check = folder.run(&["--config", config, "check"]);
    assert_eq!(check.status.code(), Some(3));
    let server = Server::start_with(&folder, &["--config", config, "serve"]);
    let house = House { folder, server };
    assert_eq!(ask(&mut connect(one), HEALTH), 200);
    house.wait_for_log("the shipped url model stands in");
    assert_eq!(house.folder.run(&["reload"]).status.code(), Some(3), "a reload refuses it");
    let promote = house.folder.run(&["model", "promote", "url", "--force"]);
    assert_eq!(promote.status.code(), Some(3), "another one would be promoted");
    assert!(String::from_utf8_lossy(&promote.stderr).contains("the shipped one stands in"));
    house.reload(&http(&[one]));
    house.folder.succeed(&["model", "promote", "url", "--force"]);
}

#[test]
fn a_replaced_model_stays_in_sight_and_a_stale_one_is_told() {
    let house = House::new(&http(&[free_address()]));
    let folder = &house.folder;
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let model = crate::classify::old_model(folder, "url");
    folder.succeed(&["model", "promote", "url", "--force"]);
    let config = path("next.toml", &format!("[models]\nurl = {model:?}\n"));
    let too_old = "warning: the url model is too old";
    assert!(folder.succeed(&["--config", &config, "check"]).contains(too_old));
    let told = house.reload(&format!("[models]\nurl = {model:?}\n"));
    assert!(told.contains(too_old), "{told}");
    let former = told.split_once("`wardnet model shadow ").unwrap().1.split('`').next().unwrap();
    let listed = folder.succeed(&["model", "list"]);
    assert!(listed.contains(&format!("model:{former}: promoted, no longer in force")), "{listed}");
    folder.succeed(&["model", "shadow", former]);
    let told = folder.succeed(&["reload"]);
    assert!(told.contains(too_old) && !told.contains("no longer in force"), "{told}");
    let unknown = folder.run(&["model", "shadow", "url@0123456789abcdef"]);
    assert_eq!(unknown.status.code(), Some(3));
    folder.succeed(&["model", "shadow", "url"]);
    assert_eq!(house.reload("").lines().last().unwrap().split(' ').next(), Some("models"));
}

#[test]
fn without_a_server_there_is_nothing_to_reload() {
    let folder = Folder::new();
    let refused = folder.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no server is running"));
    assert!(!folder.data().exists(), "and none is made");
}
