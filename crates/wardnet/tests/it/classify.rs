//! Judging what nobody has listed, and learning to.

use crate::program::{Folder, json_lines};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

#[test]
fn every_line_is_answered_in_order_by_the_contract_of_scripts() {
    let folder = Folder::new();
    let asked = "http://secure-paypal.example.net/webscr/login.php?cmd=_login\n\n\
                 https://en.wikipedia.org/wiki/Rust\r\n\u{7f}%%//@\nexample.com";
    let output = folder.feed(&["classify", "url", "--json", "-"], asked);
    assert!(output.status.success());
    let answers = json_lines(&output);
    let inputs: Vec<&Value> = answers.iter().map(|answer| &answer["input"]).collect();
    let lines: Vec<&str> = asked.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        inputs,
        lines.iter().map(|line| Value::from(*line)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    for answer in &answers {
        let score = answer["score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score));
        assert_eq!(answer["label"] == "malicious", score >= 0.5, "{answer}");
        assert!(!answer["reasons"].as_array().unwrap().is_empty(), "{answer}");
    }
    assert_eq!(answers[0]["label"], "malicious");
    assert_eq!(answers[1]["label"], "benign");
}

#[test]
fn the_shipped_models_know_generated_names_from_chosen_ones() {
    let folder = Folder::new();
    let asked = "nccojqvabqvkiwhj.mx\nwikipedia.org\npaypal.com.example.net\n";
    let answers = json_lines(&folder.feed(&["classify", "domain", "--json"], asked));
    let labels: Vec<&Value> = answers.iter().map(|answer| &answer["label"]).collect();
    assert_eq!(labels, ["malicious", "benign", "malicious"]);
}

#[test]
fn pages_are_judged_by_where_they_were_found() {
    let folder = Folder::new();
    let page = "<title>PayPal</title><form action=https://x.example.org/a><input type=password>";
    let file = folder.file("page.html", page).to_string_lossy().into_owned();
    let words = ["classify", "page", "--json", "--url", "https://example.net/", &file, &file];
    let output = folder.run(&words);
    let answers = json_lines(&output);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["label"], "malicious");
    assert_eq!(answers[0]["input"], Value::from(file));
}

#[test]
fn a_page_was_found_at_a_url_or_nowhere() {
    let folder = Folder::new();
    let page = folder.file("page.html", "<p>").to_string_lossy().into_owned();
    for option in ["--url", "--redirect"] {
        let run = |url: &str| folder.run(&["classify", "page", option, url, &page]);
        for wrong in ["not a url", "http://a b.example/", "/path", "https://", "mailto:a@b.example"]
        {
            let output = run(wrong);
            assert_eq!(output.status.code(), Some(3), "{wrong}");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("give one such as https://example.net/"), "{told}");
        }
        for right in
            ["example.net", "localhost:8080/a b", "https://münchen.example/", "http://[::1]/"]
        {
            assert!(run(right).status.success(), "{right}");
        }
    }
}

#[test]
fn a_model_is_learned_and_a_damaged_one_is_refused() {
    let folder = Folder::new();
    let (mut bad, mut good) = ("# bad\n".to_owned(), String::new());
    for at in 0..120 {
        writeln!(bad, "qx{at}zzk{}w.biz\tmade{}", at * 7919 % 1000, at % 5).unwrap();
        writeln!(good, "garden-shop{at}.org").unwrap();
    }
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let (bad, good, few) = (path("bad", &bad), path("good", &good), path("few", "a.com\n"));
    let model = folder.path("own.model").to_string_lossy().into_owned();
    let train = ["train", "domain", "--malicious", &bad, "--benign", &good, "--out", &model];
    let told = folder.succeed(&train);
    assert!(told.contains("120 malicious and 120 benign domains"), "{told}");
    let first = std::fs::read(&model).unwrap();
    folder.succeed(&train);
    assert!(first == std::fs::read(&model).unwrap(), "equal files and seeds give equal models");

    let own = ["classify", "domain", "--json", "--model", &model];
    let answers = json_lines(&folder.feed(&own, "qx5zzk77w.biz\ngarden-shop.org\n"));
    assert_eq!([&answers[0]["label"], &answers[1]["label"]], ["malicious", "benign"]);

    let card = folder.succeed(&["classify", "domain", "--card", "--model", &model]);
    assert!(card.contains("benign = [\"good\"]\nmalicious = [\"bad\"]\n"), "{card}");
    let shipped = folder.succeed(&["classify", "url", "--card"]);
    assert!(shipped.contains("CC0-1.0") && shipped.contains("expires = "), "{shipped}");

    let train = ["train", "domain", "--malicious", &bad, "--benign", &few, "--out", &model];
    let output = folder.run(&train);
    assert_eq!(output.status.code(), Some(3));
    assert!(first == std::fs::read(&model).unwrap(), "what could not be learned replaces nothing");
    let other = folder.feed(&["classify", "url", "--model", &model], "");
    assert!(String::from_utf8_lossy(&other.stderr).contains("give a model that judges urls"));
    std::fs::write(&model, &first[..first.len() - 9]).unwrap();
    let output = folder.feed(&own, "");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("damaged"));
}

#[test]
fn a_card_says_what_only_its_maker_knows() {
    let folder = Folder::new();
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let lines = |word: &str| (0..120).map(|at| format!("{word}{at}.org\n")).collect::<String>();
    let (bad, good) = (path("bad", &lines("qxzzk")), path("good", &lines("garden")));
    let model = folder.path("own.model").to_string_lossy().into_owned();
    let train = |about: &str| {
        let about = path("about.toml", about);
        let files = ["--malicious", &bad, "--benign", &good, "--about", &about, "--out", &model];
        folder.run(&[&["train", "domain"][..], &files[..]].concat())
    };
    let about = "what = \"names of ours\"\n[data]\nbenign = [\"proxy: our own\"]\n[use]\n\
                 weaknesses = [\"few\"]\nexpires = \"2999-06-30\"\n";
    let output = train(about);
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("too old"), "{output:?}");
    let card = folder.succeed(&["classify", "domain", "--card", "--model", &model]);
    let card: toml::Table = card.parse().unwrap();
    assert_eq!(card["what"].as_str(), Some("names of ours"));
    assert_eq!(card["data"]["benign"][0].as_str(), Some("proxy: our own"));
    assert_eq!(card["data"]["malicious"][0].as_str(), Some("bad"));
    assert_eq!(card["use"]["expires"].as_str(), Some("2999-06-30"));
    assert_eq!(card["figures"]["malicious"].as_integer(), Some(120));
    assert!(card["figures"]["tpr_at_fpr_1_percent"].is_float(), "{card}");
    assert!(card["figures"].get("tpr_at_fpr_0_1_percent").is_none(), "120 cannot show it: {card}");
    for (wrong, part) in [
        ("[figures]\nauc = 1.0", "leave `figures` out"),
        ("expires = \"soon\"", "a day in quotes"),
        ("expires = \"2020-06-30\"", "`expires` is over"),
        ("what = 3", "`what` is a text in quotes"),
        ("what = ", "about.toml"),
        (
            "licence = \"MIT\"",
            "nothing is called `licence` there; `what`, `note`, `expires`, `data`, `use`",
        ),
        ("data = \"ours\"", "`[data]`"),
    ] {
        let output = train(wrong);
        assert_eq!(output.status.code(), Some(3), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{output:?}");
    }
}

#[test]
fn lines_of_both_labels_are_counted_and_must_not_be_most() {
    let folder = Folder::new();
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let lines = |word: &str, count: usize| -> String {
        (0..count).map(|at| format!("{word}{at}.org\n")).collect()
    };
    let model = folder.path("own.model").to_string_lossy().into_owned();
    let train = |shared: usize| {
        let both = lines("both", shared);
        let bad = path("bad", &(lines("qxzzk", 60) + &both));
        let good = path("good", &(lines("garden", 120) + &both));
        let words = ["train", "domain", "--malicious", &bad, "--benign", &good, "--out", &model];
        folder.run(&words)
    };
    let output = train(60);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    let both = "60 of 120 malicious and 60 of 180 benign lines are in files of both";
    assert!(told.contains(both), "{told}");
    std::fs::remove_file(&model).unwrap();
    let output = train(61);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("61 of 121") && told.contains("take them out"), "{told}");
    assert!(!std::path::Path::new(&model).exists(), "{told}");
}

#[test]
fn a_packed_file_is_learned_from_as_its_text_is() {
    let folder = Folder::new();
    let (mut bad, mut good) = (String::new(), String::new());
    for at in 0..120 {
        writeln!(bad, "qx{at}zzk{}w.biz", at * 7919 % 1000).unwrap();
        writeln!(good, "garden-shop{at}.org").unwrap();
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bad.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let learn = |bytes: &[u8], out: &str| {
        let bad = folder.path("bad");
        std::fs::write(&bad, bytes).unwrap();
        let (bad, out) = (bad.to_str().unwrap().to_owned(), folder.path(out));
        let good = folder.file("good", &good).to_string_lossy().into_owned();
        let out = out.to_str().unwrap().to_owned();
        let words = ["train", "domain", "--malicious", &bad, "--benign", &good, "--out", &out];
        (folder.run(&words), std::fs::read(out).unwrap_or_default())
    };
    let (plain, packed_too) = (learn(bad.as_bytes(), "plain"), learn(&packed, "packed"));
    assert!(!plain.1.is_empty() && plain.1 == packed_too.1, "{packed_too:?}");
    let (output, model) = learn(&packed[..packed.len() - 9], "torn");
    assert_eq!((output.status.code(), model.len()), (Some(3), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be inflated"));
}

#[test]
fn output_that_is_lost_is_no_success() {
    let folder = Folder::new();
    let urls = folder.file("urls.txt", "http://a.example/\n");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(&["classify", "url", "--json", urls.to_str().unwrap()]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the output cannot be written"), "{told}");
}

#[test]
fn what_was_not_read_of_a_page_is_told() {
    let folder = Folder::new();
    let page = format!("<title>{}</title>", "x".repeat(2 << 20));
    let file = folder.file("long.html", &page).to_string_lossy().into_owned();
    let told = folder.succeed(&["classify", "page", &file]);
    assert!(told.contains("only its first 699051 and last 349525 bytes were read"), "{told}");
}

#[test]
fn a_line_without_end_hides_no_line_behind_it() {
    let folder = Folder::new();
    let long = format!("http://a.example/{}", "x".repeat(3 << 20));
    let asked = format!("example.com\n{long}\nexample.org\n");
    let output = folder.feed(&["classify", "url", "--json"], &asked);
    assert_eq!(output.status.code(), Some(0));
    let answers = json_lines(&output);
    assert_eq!(answers.len(), 3);
    assert_eq!([&answers[0]["input"], &answers[2]["input"]], ["example.com", "example.org"]);
    let head = long.split_at(1 << 20).0;
    assert!(answers[1]["input"] == head, "the head of the line was judged");
    let reasons = answers[1]["reasons"].to_string();
    assert!(reasons.contains("only the first 2048 bytes"), "{reasons}");
    assert!(reasons.contains("longer than the 1048576 bytes that are shown"), "{reasons}");
}

/// The path of a small model of `subject` that was good until 2020.
pub(crate) fn old_model(folder: &Folder, subject: &str) -> String {
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let lines = |word: &str| (0..120).map(|at| format!("{word}{at}.org\n")).collect::<String>();
    let (bad, good) = (path("bad", &lines("qxzzk")), path("good", &lines("garden")));
    let about = path("about.toml", "expires = \"2999-06-30\"\n");
    let model = folder.path("own.model").to_string_lossy().into_owned();
    let files = ["--malicious", &bad, "--benign", &good, "--about", &about, "--out", &model];
    folder.succeed(&[&["train", subject][..], &files[..]].concat());
    grow_old(&folder.path("own.model"));
    model
}

/// Makes a model that is good until 2999 one that was until 2020.
fn grow_old(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(bytes.len() - 32);
    let at = bytes.windows(10).position(|part| part == b"2999-06-30").unwrap();
    bytes[at..at + 4].copy_from_slice(b"2020");
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_status_tells_of_models_that_are_too_old() {
    let folder = Folder::new();
    for subject in ["domain", "url"] {
        let model = old_model(&folder, subject);
        let config = folder.file("wardnet.toml", &format!("[models]\n{subject} = {model:?}\n"));
        let config = config.to_string_lossy().into_owned();
        let run = |words: &[&str]| folder.succeed(&[&["--config", &config][..], words].concat());
        let told = run(&["status"]);
        assert!(told.contains(&format!("the {subject} model is too old")), "{told}");
        let status: Value = serde_json::from_str(&run(&["status", "--json"])).unwrap();
        assert!(status["degraded"]["models"].as_str().is_some_and(|told| told.contains("too old")));
        let listed = run(&["model", "list"]);
        assert!(listed.contains("too old since 2020-06-30\n"), "{listed}");
        assert!(listed.contains("good until 20"), "the shipped one: {listed}");
    }
    let told = folder.succeed(&["status"]);
    assert!(!told.contains("degraded"), "{told}");
    let refused = folder.run(&["model", "promote", "url"]);
    assert_eq!(refused.status.code(), Some(3));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("`--force` promotes it nevertheless"), "{told}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let folder = Folder::new();
    let urls = "https://paypal.com.evil.ru/\n";
    let file = folder.file("urls.txt", &format!("\u{feff}{urls}")).to_string_lossy().into_owned();
    let marked = json_lines(&folder.run(&["classify", "url", "--json", &file, &file]));
    let plain = json_lines(&folder.feed(&["classify", "url", "--json"], urls));
    assert_eq!(marked, [plain[0].clone(), plain[0].clone()]);
}

#[test]
fn a_file_that_cannot_be_read_keeps_nobody_from_the_next() {
    let folder = Folder::new();
    let path = |name: &str, text: &str| folder.file(name, text).to_string_lossy().into_owned();
    let (one, two) = (path("one", "<p>a.example\n"), path("two", "b.example\n"));
    let missing = folder.path("missing").to_string_lossy().into_owned();
    for subject in ["url", "domain", "page"] {
        let output = folder.run(&["classify", subject, "--json", &one, &missing, &two]);
        assert_eq!(output.status.code(), Some(3), "{subject}");
        assert_eq!(json_lines(&output).len(), 2, "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(&format!("{missing} cannot be read")), "{told}");
    }
}

#[test]
fn what_is_packed_is_judged_by_its_text() {
    let folder = Folder::new();
    let text = "a.example\n \t\n\nb.example\n";
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(text.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let file = folder.path("urls.gz");
    std::fs::write(&file, &packed).unwrap();
    let named = folder.run(&["classify", "url", "--json", file.to_str().unwrap()]);
    let input = std::fs::File::open(&file).unwrap();
    let piped = folder.command(&["classify", "url", "--json"]).stdin(input).output().unwrap();
    for output in [named, piped, folder.feed(&["classify", "url", "--json"], text)] {
        let inputs: Vec<Value> = json_lines(&output).iter().map(|a| a["input"].clone()).collect();
        assert_eq!(inputs, ["a.example", "b.example"], "{output:?}");
    }
    std::fs::write(&file, &packed[..packed.len() - 9]).unwrap();
    let torn = folder.run(&["classify", "url", file.to_str().unwrap()]);
    assert_eq!(torn.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&torn.stderr).contains("cannot be inflated"), "{torn:?}");
}

#[test]
fn a_line_is_answered_before_the_next_one_comes() {
    let folder = Folder::new();
    let mut command = folder.command(&["classify", "domain", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut asked = child.stdin.take().unwrap();
    asked.write_all(b"example.org\n").unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert!(answer.contains("example.org"), "{answer}");
    drop(asked);
    child.wait().unwrap();
}

#[test]
fn names_are_told_ahead() {
    let folder = Folder::new();
    let told = folder.succeed(&["dga", "cryptolocker-early", "--date", "2014-01-07"]);
    assert_eq!(told, "intgmxdeadnxuyla.com\n");
    assert!(folder.succeed(&["dga"]).contains("necurs"));
    let wrong = folder.run(&["dga", "necurs", "--date", "2014-02-30"]);
    assert_eq!(wrong.status.code(), Some(3));
}

/// Lists of 120 names of either label, and where a model may go.
fn lists(folder: &Folder) -> [String; 3] {
    let list = |name: &str, word: &str| {
        let text: String = (0..120).map(|at| format!("{word}{at}.org\n")).collect();
        folder.file(name, &text).to_string_lossy().into_owned()
    };
    let model = folder.path("own.model").to_string_lossy().into_owned();
    [list("bad", "qxzzk"), list("good", "garden"), model]
}

#[test]
fn lines_that_repeat_others_count_once() {
    let folder = Folder::new();
    let [bad, good, model] = lists(&folder);
    let train = |bad: &str| {
        folder.run(&["train", "domain", "--malicious", bad, "--benign", &good, "--out", &model])
    };
    let twice = std::fs::read_to_string(&bad).unwrap().repeat(2);
    let twice = folder.file("twice", &twice).to_string_lossy().into_owned();
    let output = train(&twice);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("120 malicious and 120 benign domains"), "{told}");
    assert!(told.contains("120 lines repeat another and counted once"), "{told}");
    let same = folder.file("same", &"evil.example\n".repeat(150)).to_string_lossy().into_owned();
    let output = train(&same);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("1 malicious and 120 benign") && told.contains("149 lines"), "{told}");
}

#[test]
fn a_model_never_takes_the_place_of_what_it_is_learned_from() {
    let folder = Folder::new();
    let [bad, good, _] = lists(&folder);
    let before = std::fs::read(&good).unwrap();
    let output =
        folder.run(&["train", "domain", "--malicious", &bad, "--benign", &good, "--out", &good]);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("name another file for the model"), "{told}");
    assert!(before == std::fs::read(&good).unwrap());
}

#[test]
fn standard_input_is_learned_from_once() {
    let folder = Folder::new();
    let [bad, good, model] = lists(&folder);
    let text = std::fs::read_to_string(&bad).unwrap();
    let from = |benign: &str| {
        let words = ["train", "domain", "--malicious", "-", "--benign", benign, "--out", &model];
        folder.feed(&words, &text)
    };
    let output = from(&good);
    assert!(output.status.success(), "{output:?}");
    let card = folder.succeed(&["classify", "domain", "--card", "--model", &model]);
    assert!(card.contains("malicious = [\"standard input\"]"), "{card}");
    let output = from("-");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("give `-` once"), "{output:?}");
}

#[test]
fn a_card_that_would_be_too_long_is_told_before_anything_is_learned() {
    let folder = Folder::new();
    let [bad, good, model] = lists(&folder);
    let name = "b".repeat(250);
    let long = folder.path(&name);
    std::fs::copy(&bad, &long).unwrap();
    let long = long.to_string_lossy().into_owned();
    let mut words = vec!["train", "domain", "--benign", &good, "--out", &model];
    words.extend(std::iter::repeat_n(["--malicious", &long], 260).flatten());
    let output = folder.run(&words);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("at most 65536"), "{told}");
}

#[test]
fn text_in_utf_16_is_refused() {
    let folder = Folder::new();
    let [_, good, model] = lists(&folder);
    for (name, bytes) in [("little", &b"\xff\xfea\0.\0b\0\n\0"[..]), ("big", b"\xfe\xff\0a\0\n")] {
        let file = folder.path(name);
        std::fs::write(&file, bytes).unwrap();
        let file = file.to_string_lossy().into_owned();
        let train = ["train", "domain", "--benign", &good, "--out", &model, "--malicious"];
        for words in [&["classify", "url"][..], &["classify", "domain"], &train] {
            let words = [words, &[&file]].concat();
            let output = folder.run(&words);
            assert_eq!(output.status.code(), Some(3), "{words:?}");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains(&format!("{name} cannot be read: it is UTF-16")), "{told}");
            assert!(output.stdout.is_empty(), "{output:?}");
        }
    }
}

#[test]
fn signs_around_a_url_are_taken_off() {
    let folder = Folder::new();
    let url = "https://paypal.com.evil.top/a";
    let asked = format!("{url}\n<{url}>\n\"{url}\"\n({url})\n");
    let answers = json_lines(&folder.feed(&["classify", "url", "--json"], &asked));
    assert_eq!(answers.len(), 4);
    for (answer, input) in answers.iter().zip(asked.lines()) {
        assert_eq!(answer["input"], input);
        assert_eq!(answer["score"], answers[0]["score"], "{answer}");
    }
}

#[test]
fn the_models_of_the_settings_judge() {
    let folder = Folder::new();
    let [bad, good, model] = lists(&folder);
    folder.succeed(&["train", "domain", "--malicious", &bad, "--benign", &good, "--out", &model]);
    // Beside the file, whatever folder the command runs in.
    let config = folder.file("wardnet.toml", "[models]\ndomain = \"own.model\"\n");
    let path = config.to_string_lossy().into_owned();
    let card = |words: &[&str]| {
        folder.succeed(&[&["--config", &path, "classify", "domain", "--card"], words].concat())
    };
    assert!(card(&[]).contains("malicious = [\"bad\"]"));
    std::fs::rename(&model, folder.path("moved.model")).unwrap();
    let moved = folder.path("moved.model").to_string_lossy().into_owned();
    assert!(card(&["--model", &moved]).contains("malicious = [\"bad\"]"), "the option goes first");
    let missing = folder.path("none.toml").to_string_lossy().into_owned();
    let wrong = folder.file("wrong.toml", "[modells]\n").to_string_lossy().into_owned();
    for (path, part) in
        [(&path, "own.model"), (&missing, "cannot read"), (&wrong, "field `modells`")]
    {
        let output = folder.run(&["--config", path, "classify", "domain", &bad]);
        assert_eq!(output.status.code(), Some(3), "{part}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(part), "{told}");
    }
}
