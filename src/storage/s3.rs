//! Files in a bucket of an S3-compatible service.

use crate::config;
use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    BackoffConfig, ClientOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};
use reqwest::Method;
use std::future::ready;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Bytes of a part of a large file: services take 5 MiB at least, and 10,000 parts at most.
const PART_BYTES: usize = 8 << 20;
/// Bytes that are asked for at a time when a file is sent: each request is short, however slowly its bytes are taken.
const PIECE_BYTES: u64 = 1 << 20;
const PIECE_STEP: usize = 1 << 20;
/// Pieces that are asked for ahead of what the network takes, as the service may be far.
const READ_AHEAD: usize = 4;
/// Such a link is signed in whole seconds.
const SHORTEST_LINK: Duration = Duration::from_secs(1);
/// For how long a request is tried again that the service did not answer, or answered with its own fault.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 },
    max_retries: 5,
    retry_timeout: Duration::from_secs(30),
};

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    io: Arc<Io>,
    name: String,
    link_lifetime: Option<Duration>,
}

/// The runtime of the requests to the service. Connections belong to the runtime that made them; those of requests, jobs and
/// draws come and go.
struct Io(Option<Runtime>);

impl Io {
    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is there until this is dropped")
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background(); // whoever drops it may be asynchronous, and must not wait
        }
    }
}

impl Bucket {
    /// Describes a bucket; nothing is asked of the service yet.
    pub fn open(settings: &config::S3) -> Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("s3").enable_all().build()?;
        // Where the settings name no key, the machine's own is looked for, as every program for this service does.
        let mut builder = match &settings.access_key_id {
            Some(id) => AmazonS3Builder::new().with_access_key_id(id),
            None => AmazonS3Builder::from_env(),
        };
        if let Some(secret) = &settings.secret_access_key {
            builder = builder.with_secret_access_key(secret.expose());
        }
        let mut client = ClientOptions::new().with_connect_timeout(Duration::from_secs(5));
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
            client = client.with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_virtual_hosted_style_request(settings.virtual_hosted)
            .with_retry(RETRY)
            .with_client_options(client)
            .with_http_connector(SpawnedReqwestConnector::new(runtime.handle().clone()))
            .build()
            .map_err(|cause| Error::invalid(format!("[storage.s3] does not describe a bucket: {cause}.")))?;
        let link_lifetime = (settings.redirect_s > 0).then(|| Duration::from_secs(settings.redirect_s));
        Ok(Bucket {
            store: Arc::new(store),
            io: Arc::new(Io(Some(runtime))),
            name: settings.bucket.clone(),
            link_lifetime,
        })
    }

    /// The same as a store of objects.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as Arc<dyn ObjectStore>
    }

    /// Writes, reads and removes a file of no importance.
    pub async fn check(&self) -> Result<()> {
        let (key, content) = (Path::from("checks/start"), "Refrain wrote this when it started.");
        let cannot = |what: &'static str| {
            let name = &self.name;
            move |cause| {
                Error::invalid(format!(
                    "[storage.s3] Files cannot be {what} the bucket {name}: {}. Look at bucket, endpoint, region and keys.",
                    chain(&cause)
                ))
            }
        };
        self.store.put(&key, content.into()).await.map_err(cannot("written to"))?;
        let read = self.store.get(&key).await.map_err(cannot("read from"))?.bytes().await;
        read.map_err(cannot("read from"))?;
        self.store.delete(&key).await.map_err(cannot("removed from"))
    }

    /// Begins a file.
    pub fn upload(&self, key: Path) -> Parts {
        Parts { bucket: self.clone(), key, begun: None, part: Vec::new(), size_bytes: 0 }
    }

    /// Part of a file in pieces, some of which are asked for ahead.
    pub async fn stream(&self, key: Path, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let store = Arc::clone(&self.store);
        let end = range.end;
        let piece = move |at: u64| at..end.min(at.saturating_add(PIECE_BYTES));
        let first = store.get_range(&key, piece(range.start)).await?;
        let later = (range.start..end).step_by(PIECE_STEP).skip(1);
        let pieces = stream::iter(later).map(move |at| {
            let (store, key) = (Arc::clone(&store), key.clone());
            async move { Ok(store.get_range(&key, piece(at)).await?) }
        });
        Ok(stream::once(ready(Ok(first))).chain(pieces.buffered(READ_AHEAD)).boxed())
    }

    /// The service's own link, where the settings allow it.
    pub async fn own_link(&self, key: &Path, most: Duration) -> Result<Option<String>> {
        let Some(lifetime) = self.link_lifetime else { return Ok(None) };
        let url = self.store.signed_url(Method::GET, key, lifetime.min(most).max(SHORTEST_LINK)).await?;
        Ok(Some(url.into()))
    }
}

/// An error with what led to it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file that is being sent: a small one in one request, a large one in parts, of which the service makes one file at the end.
pub struct Parts {
    bucket: Bucket,
    key: Path,
    begun: Option<Box<dyn MultipartUpload>>,
    part: Vec<u8>,
    size_bytes: u64,
}

impl Parts {
    /// Sends what is left, and has the service make the file.
    pub fn finish(mut self) -> Result<u64> {
        let last = PutPayload::from(std::mem::take(&mut self.part));
        let runtime = self.bucket.io.runtime();
        match &mut self.begun {
            None => drop(runtime.block_on(self.bucket.store.put(&self.key, last))?),
            Some(upload) => {
                if last.content_length() > 0 {
                    runtime.block_on(upload.put_part(last))?;
                }
                runtime.block_on(upload.complete())?;
            }
        }
        self.begun = None; // there is nothing to take back any more
        Ok(self.size_bytes)
    }

    fn send_part(&mut self) -> object_store::Result<()> {
        let runtime = self.bucket.io.runtime();
        let upload = match &mut self.begun {
            Some(upload) => upload,
            None => self.begun.insert(runtime.block_on(self.bucket.store.put_multipart(&self.key))?),
        };
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES));
        runtime.block_on(upload.put_part(part.into()))
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART_BYTES - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        self.size_bytes += taken as u64;
        if self.part.len() == PART_BYTES {
            self.send_part()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Parts {
    /// Parts of a file that will not be are taken back, so that they cost nobody anything and hold nobody's plays.
    fn drop(&mut self) {
        if let Some(mut upload) = self.begun.take() {
            let name = self.bucket.name.clone();
            self.bucket.io.runtime().spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(storage.bucket = %name, error.message = %error, "parts of a file could not be taken back");
                }
            });
        }
    }
}
