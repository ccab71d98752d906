//! Starting the program and reading what it prints.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

/// A data folder with the files a test makes beside it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Where a file of this name lies, beside the data folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A command on this folder, not yet run.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardnet"));
        command.arg("--data-dir").arg(self.data()).args(words).env_remove("WARDNET_DATA_DIR");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {:?}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn feed(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Ingests a text as a file of a source.
    pub(crate) fn ingest(&self, source: &str, text: &str, more: &[&str]) -> Value {
        let file = self.file(&format!("{source}.txt"), text);
        let mut words = vec!["ingest", "--json", "--source", source];
        words.extend(more);
        let path = file.to_string_lossy().into_owned();
        words.push(&path);
        serde_json::from_str(&self.succeed(&words)).unwrap()
    }

    /// Looks up and gives one JSON object per indicator.
    pub(crate) fn lookup(&self, indicators: &[&str]) -> Vec<Value> {
        let mut words = vec!["lookup", "--json"];
        words.extend(indicators);
        json_lines(&self.run(&words))
    }

    /// The bands of some indicators.
    pub(crate) fn bands(&self, indicators: &[&str]) -> Vec<String> {
        let answers = self.lookup(indicators);
        answers.iter().map(|answer| answer["band"].as_str().unwrap_or("none").to_owned()).collect()
    }
}

/// The lines of a command's output as JSON.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A running server; killed when the test ends, however it ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) token: String,
    /// Held open: a command whose output nobody reads any more ends.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `serve` on any free port and waits until its socket answers.
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &["serve", "--listen", "127.0.0.1:0"])
    }

    /// Starts a server as these words say, and waits until its socket answers.
    pub(crate) fn start_with(folder: &Folder, words: &[&str]) -> Self {
        let mut command = folder.command(words);
        let log = std::fs::File::create(folder.path("server.log")).unwrap();
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut token = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on ") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the server ended at once");
            if let Some(text) = line.strip_prefix("admin token: ") {
                text.trim().clone_into(&mut token);
            }
        }
        let mut server = Self { child, token, _output: output };
        server.wait_for(&folder.data().join("wardnet.sock"));
        server
    }

    fn wait_for(&mut self, socket: &Path) {
        for _ in 0..600 {
            if std::os::unix::net::UnixStream::connect(socket).is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended at once");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no server at {} within 30 s", socket.display());
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Ends the server as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
