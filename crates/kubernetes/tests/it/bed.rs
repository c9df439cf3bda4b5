//! The control plane that the tests run against: one for the whole run, each test in namespaces of
//! its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A cluster to test on.
pub struct Bed {
    pub kubeconfig: PathBuf,
    testbed: Option<PathBuf>,
    /// It ends when its stdin closes, which happens however this process ends.
    _process: Option<(Child, tempfile::TempDir)>,
}

/// The cluster, or `None` where there is none; then the reason was printed. In CI there must be one.
pub fn bed() -> Option<&'static Bed> {
    static BED: OnceLock<Option<Bed>> = OnceLock::new();
    BED.get_or_init(|| match find() {
        Ok(bed) => Some(bed),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{why}"),
        Err(why) => {
            eprintln!("not tested: {why}");
            None
        }
    })
    .as_ref()
}

/// What `TRUEUP_TEST_KUBECONFIG` names, else a testbed, if it is built: building it takes minutes,
/// which no test is to take by surprise.
fn find() -> Result<Bed, String> {
    if let Some(kubeconfig) = std::env::var_os("TRUEUP_TEST_KUBECONFIG") {
        return Ok(Bed { kubeconfig: kubeconfig.into(), testbed: None, _process: None });
    }
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/build");
    let output =
        Command::new(&build).arg("--if-built").output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("no cluster: `testbed/build` builds one (it needs Go), or TRUEUP_TEST_KUBECONFIG names another".to_owned());
    }
    start(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn start(testbed: PathBuf) -> Result<Bed, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let kubeconfig = folder.path().join("kubeconfig");
    let mut process = Command::new(&testbed)
        .args(["run", "--kubeconfig-out"])
        .arg(&kubeconfig)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", testbed.display()))?;
    let stdout = process.stdout.take().ok_or("the testbed has no output")?;
    let ready = BufReader::new(stdout).lines().next().and_then(Result::ok).unwrap_or_default();
    if !ready.starts_with("ready") {
        return Err("the testbed did not start".to_owned());
    }
    Ok(Bed { kubeconfig, testbed: Some(testbed), _process: Some((process, folder)) })
}

impl Bed {
    /// Whether it is another cluster than our testbed: then it has neither its users nor its pods
    /// that misbehave on request.
    pub fn is_foreign() -> bool {
        std::env::var_os("TRUEUP_TEST_KUBECONFIG").is_some()
    }

    /// Runs kubectl; gives what it prints.
    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        let (ok, text) = self.try_kubectl(args, input);
        assert!(ok, "kubectl {}: {text}", args.join(" "));
        text
    }

    /// Runs kubectl; gives whether it succeeded and what it prints.
    pub fn try_kubectl(&self, args: &[&str], input: &str) -> (bool, String) {
        let mut command = match &self.testbed {
            Some(testbed) => {
                let mut command = Command::new(testbed);
                command.arg("kubectl");
                command
            }
            None => Command::new("kubectl"),
        };
        let mut process = command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = process.stdin.take().expect("stdin is piped");
        stdin.write_all(input.as_bytes()).expect("kubectl reads its input");
        drop(stdin);
        let output = process.wait_with_output().expect("kubectl ends");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// A namespace of its own for a test, and a name that no other test or run has.
    pub fn namespace(&self, test: &str) -> String {
        let name = unique(test);
        self.kubectl(&["create", "namespace", &name], "");
        name
    }
}

/// A name that no other test or run has.
pub fn unique(test: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{test}-{:x}-{n}", std::process::id())
}
