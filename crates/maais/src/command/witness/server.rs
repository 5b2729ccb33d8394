//! HTTP around a witness: C2SP `tlog-witness`'s `POST /add-checkpoint`.
//!
//! Requests come from anybody. Their size, their time and their number at once have limits; the disk is
//! waited for on threads of its own. Stops on SIGTERM and SIGINT when the answers under way are out.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use maais_runtime::audit::{Cosigned, Refusal, SUBMISSION_BYTES_MAX, Witness};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::term::{printable, say_raw};

/// Connections at the same time; more wait.
const CONNECTIONS_MAX: usize = 256;

/// For a request's head, and for a connection on which nothing comes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// For a whole request, from its head to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// For the answers under way when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Before connections are accepted again, when the system has no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until the process is told to stop.
pub(super) fn serve(address: SocketAddr, witness: Arc<Witness>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        say_raw!("listening on http://{}", listener.local_addr()?);
        let graceful = GracefulShutdown::new();
        tokio::select! {
            () = accept(&listener, router(witness), &graceful) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        drop(listener);
        let _ = timeout(STOP_TIMEOUT, graceful.shutdown()).await;
        say_raw!("stopped");
        Ok(())
    })
}

fn router(witness: Arc<Witness>) -> Router {
    let vkey = format!("{}\n", witness.cosigner().vkey());
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/maais/v1/vkey", get(move || async move { vkey }))
        .route("/maais/v1/checkpoints", get(checkpoints))
        .layer(DefaultBodyLimit::max(SUBMISSION_BYTES_MAX))
        .layer(from_fn(in_time))
        .with_state(witness)
}

/// Takes connections for ever.
async fn accept(listener: &TcpListener, router: Router, graceful: &GracefulShutdown) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream: TcpStream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: String) -> Response {
    let answered = tokio::task::spawn_blocking(move || {
        let now = Timestamp::now();
        let answer = witness.add_checkpoint(&body, u64::try_from(now.as_second()).unwrap_or(0));
        note(now, &answer, &body);
        answer
    });
    match answered.await {
        Ok(Ok(cosigned)) => cosigned.line.into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What each log was when it was cosigned last, as `maais audit verify --known-checkpoint` takes it.
async fn checkpoints(State(witness): State<Arc<Witness>>) -> Response {
    match tokio::task::spawn_blocking(move || witness.newest()).await {
        Ok(notes) => {
            let lines = notes.iter().map(|note| format!("{}\n", serde_json::json!({ "note": note })));
            ([(header::CONTENT_TYPE, "application/jsonl")], lines.collect::<String>()).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match refusal.seen() {
        Some(size) => {
            (status, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response()
        }
        None => (status, format!("{refusal}\n")).into_response(),
    }
}

/// Says what was done. Of a fork, the signed checkpoint too: it is the proof.
fn note(now: Timestamp, answer: &Result<Cosigned, Refusal>, body: &str) {
    let line = match answer {
        Ok(Cosigned { checkpoint, new_key, .. }) => {
            let origin = printable(&checkpoint.origin, 200);
            let follows = new_key.as_ref().map(|key| format!(", from here on with the key {key}"));
            let (size, root) = (checkpoint.size, checkpoint.root);
            format!("{now:.0} cosigned {origin} {size} {root}{}", follows.unwrap_or_default())
        }
        Err(refusal @ (Refusal::Fork { .. } | Refusal::Unproved { .. })) => {
            let evidence = serde_json::json!({ "refused": refusal.to_string(), "request": body });
            format!("{now:.0} REFUSED {evidence}")
        }
        Err(refusal) => format!("{now:.0} refused: {}", printable(&refusal.to_string(), 400)),
    };
    // Nobody reading this is no reason to answer nobody.
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        tracing::error!(%error, "cannot print: {line}");
    }
}
