//! The admin API of a running node, as commands use it: JSON in, JSON out, problems as failures.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::failure::{Failure, Outcome};
use super::listing::with_listing;
use super::query::with_query;
use crate::config::environment;

/// Longest answer that a command takes, in bytes: a statement of a busy app.
const MAX_ANSWER: usize = 512 << 20;
/// How long a command waits for an answer; closing a big period takes its time.
const ANSWER_TIME: Duration = Duration::from_secs(15 * 60);
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Most pages of a list: a server that never says that it is done is not followed for ever.
const MAX_PAGES: usize = 100_000;

const NO_TOKEN: &str = "no admin token: set TOLLGATE_ADMIN_TOKEN, or give --admin-token-file FILE; \
     for `tollgate dev --ready-file FILE`, give the same --ready-file FILE here";

/// Which node to speak to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which node")]
pub(super) struct NodeArguments {
    /// The admin address of the node [env: TOLLGATE_ADMIN_URL] [default: http://127.0.0.1:8081]
    #[arg(long, global = true, value_name = "URL")]
    admin_url: Option<String>,
    /// A file that holds the admin token [env: TOLLGATE_ADMIN_TOKEN_FILE, or TOLLGATE_ADMIN_TOKEN for the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// The ready file of a `tollgate dev`, which has address and token [env: TOLLGATE_READY_FILE, unless TOLLGATE_ADMIN_URL is
    /// set too]
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["admin_url", "admin_token_file"])]
    ready_file: Option<PathBuf>,
}

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    url: String,
    authorization: HeaderValue,
    /// Where the token comes from, in words.
    token_source: String,
    runtime: tokio::runtime::Runtime,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl NodeArguments {
    /// Whether anything says which node to speak to, or how to prove oneself to it.
    pub(super) fn is_told(&self) -> bool {
        let names = [
            "TOLLGATE_ADMIN_URL",
            "TOLLGATE_ADMIN_TOKEN",
            "TOLLGATE_ADMIN_TOKEN_FILE",
            "TOLLGATE_READY_FILE",
        ];
        self.admin_url.is_some()
            || self.admin_token_file.is_some()
            || self.ready_file.is_some()
            || names.iter().any(|name| environment::variable(name).is_some())
    }

    /// Ready to speak to the node; does not connect yet.
    pub(super) fn node(&self) -> Result<Node, Failure> {
        let Access { url, token, source } = self.access()?;
        if !url.starts_with("http://") {
            return Err(anyhow!("the admin address begins with http://; {url} does not").into());
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| anyhow!("the admin token holds characters that no token has"))?;
        authorization.set_sensitive(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let url = url.trim_end_matches('/').to_owned();
        Ok(Node { url, authorization, token_source: source, runtime, client })
    }

    /// What the command line names goes before what the environment does, and an address before a ready file: the token in
    /// that is for its own node, and never sent to an address that was named.
    fn access(&self) -> Result<Access, Failure> {
        let from_environment = || environment::variable("TOLLGATE_READY_FILE").map(PathBuf::from);
        let named_url = self.admin_url.clone().or_else(|| environment::variable("TOLLGATE_ADMIN_URL"));
        let is_named = named_url.is_some() || self.admin_token_file.is_some();
        let ready_file = self.ready_file.clone().or_else(|| from_environment().filter(|_| !is_named));
        if let Some(file) = ready_file {
            return Ok(from_ready_file(&file)?);
        }
        let (token, source) = self.token()?;
        if token.is_empty() {
            return Err(anyhow!("{source} holds no admin token: it is empty").into());
        }
        let url = named_url.unwrap_or_else(|| "http://127.0.0.1:8081".to_owned());
        Ok(Access { url, token, source })
    }

    /// The token, and where it comes from.
    fn token(&self) -> Result<(String, String), Failure> {
        let from_environment = || environment::variable("TOLLGATE_ADMIN_TOKEN_FILE").map(PathBuf::from);
        if let Some(file) = self.admin_token_file.clone().or_else(from_environment) {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            return Ok((text.trim().to_owned(), file.display().to_string()));
        }
        let token = environment::variable("TOLLGATE_ADMIN_TOKEN");
        let token = token.ok_or_else(|| Failure::Usage(format!("tollgate: {NO_TOKEN}")))?;
        Ok((token, "TOLLGATE_ADMIN_TOKEN".to_owned()))
    }
}

/// How to speak to a node.
struct Access {
    url: String,
    token: String,
    /// Where the token comes from, in words.
    source: String,
}

fn from_ready_file(file: &std::path::Path) -> anyhow::Result<Access> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let ready: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let field = |name: &str| {
        let text = ready[name].as_str().map(str::to_owned);
        text.ok_or_else(|| anyhow!("{} has no {name}: is it a ready file?", file.display()))
    };
    Ok(Access { url: field("admin_url")?, token: field("admin_token")?, source: file.display().to_string() })
}

impl Node {
    /// The JSON at `path`.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        parse(&self.send(Method::GET, path, None, "application/json")?)
    }

    /// What `path` answers in the media type `accept`, as it is.
    pub(super) fn download(&self, path: &str, accept: &'static str) -> Result<Bytes, Failure> {
        self.send(Method::GET, path, None, accept)
    }

    /// Has each page of what `path` answers in the media type `accept` taken, as it is; the `Link` of each says where the next one is.
    pub(super) fn download_pages(
        &self,
        path: &str,
        accept: &'static str,
        mut take: impl FnMut(Bytes) -> Outcome,
    ) -> Outcome {
        let mut path = path.to_owned();
        for _ in 0..MAX_PAGES {
            let (head, body) = self.answer(Method::GET, &path, None, accept)?;
            take(body)?;
            let next = head.headers().get(LINK).and_then(|link| link.to_str().ok()).and_then(next_in);
            match next {
                Some(next) => next.clone_into(&mut path),
                None => return Ok(()),
            }
        }
        Err(anyhow!("what {path} answers does not end").into())
    }

    /// Sends `body` to `path`.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        parse(&self.send(Method::POST, path, Some(body), "application/json")?)
    }

    /// Changes what is at `path` as `body` says.
    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        parse(&self.send(Method::PATCH, path, Some(body), "application/json")?)
    }

    /// Puts `body` at `path`.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        parse(&self.send(Method::PUT, path, Some(body), "application/json")?)
    }

    /// Takes away what is at `path`; gives what it was.
    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        parse(&self.send(Method::DELETE, path, None, "application/json")?)
    }

    /// All entries of the list at `path`, page by page.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut page = self.get(&with_query(path, &[("after", cursor.as_deref())]))?;
            let Value::Array(mut items) = page["items"].take() else {
                return Err(anyhow!("{} answers with no list at {path}", self.url).into());
            };
            entries.append(&mut items);
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(entries),
            }
        }
        Err(anyhow!("the list at {path} does not end").into())
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &'static str,
    ) -> Result<Bytes, Failure> {
        Ok(self.answer(method, path, body, accept)?.1)
    }

    fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &'static str,
    ) -> Result<(Response<()>, Bytes), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, accept)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .with_context(|| format!("{} is no address of a node", self.url))?;
        let answered = self.runtime.block_on(async {
            tokio::time::timeout(ANSWER_TIME, self.exchange(request))
                .await
                .context("the node does not answer")?
        });
        let (response, body) = answered?;
        if response.status().is_success() {
            Ok((response, body))
        } else {
            Err(self.problem(&response, &body))
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(Response<()>, Bytes)> {
        let response: Response<Incoming> = self.client.request(request).await.map_err(|error| {
            let url = &self.url;
            let told = match error.is_connect() {
                true => format!(
                    "no node answers at {url}: is one running? --admin-url and TOLLGATE_ADMIN_URL say where"
                ),
                false => {
                    format!(
                        "what answers at {url} speaks no HTTP in clear text: is it the admin port of a node?"
                    )
                }
            };
            anyhow::Error::new(error).context(told)
        })?;
        let (head, body) = response.into_parts();
        let Ok(body) = Limited::new(body, MAX_ANSWER).collect().await else {
            bail!("the node's answer broke off");
        };
        Ok((Response::from_parts(head, ()), body.to_bytes()))
    }
}

/// The path of the next page in a `Link` field, if it is one of this node.
fn next_in(link: &str) -> Option<&str> {
    let path = link.strip_suffix(">; rel=\"next\"")?.strip_prefix('<')?;
    path.starts_with('/').then_some(path)
}

fn parse(body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    Ok(serde_json::from_slice(body)
        .context("the node's answer is no JSON; is that address its admin port?")?)
}

impl Node {
    /// A refusal (RFC 9457): what is wrong, and each field that is.
    fn problem(&self, response: &Response<()>, body: &[u8]) -> Failure {
        let (status, url) = (response.status(), &self.url);
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(detail) = problem["detail"].as_str().or_else(|| problem["title"].as_str()) else {
            return anyhow!("{url} answers {status}: is it the admin port of a node?").into();
        };
        match problem["code"].as_str().unwrap_or_default() {
            "admin_token_invalid" => {
                return anyhow!("{url} refuses the admin token that {} holds", self.token_source).into();
            }
            // Only the data plane says whose fault it is.
            _ if problem["fault"].is_string() => {
                return anyhow!(
                    "{url} is where partners connect, and not the admin port, which is 8081 unless --admin-listen of the \
                     node says otherwise ({detail})"
                )
                .into();
            }
            _ => {}
        }
        let detail = detail.to_owned();
        // Files that are right in themselves but cannot follow those in force are invalid input too.
        if matches!(status.as_u16(), 400 | 422) || problem["code"] == "policy_refused" {
            // Mistakes in policy files have no pointer: the detail shows them all.
            let field = |error: &Value| {
                Some((error["pointer"].as_str()?.to_owned(), error["detail"].as_str()?.to_owned()))
            };
            let fields = problem["errors"].as_array().into_iter().flatten().filter_map(field).collect();
            return Failure::Refused { detail, fields };
        }
        anyhow!(with_listing(&detail)).into()
    }
}
