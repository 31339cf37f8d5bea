//! Mints access tokens for the side-by-side runs, by the code that signs them in the product: so many that none comes twice.
//!
//! Usage: `mint KEY ISSUER COUNT`, with ids of apps on standard input, which take turns. `KEY` is the data folder of a node
//! that is not running, whose key then signs, or a file with a P-256 key pair in PKCS#8 DER, which is made if it is not
//! there. A token a line goes to standard output.

use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate::credential::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use tollgate::credential::sealing::SealingKey;
use tollgate::credential::signing_keys::SigningKeys;
use tollgate::domain::id::AppId;
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::Clock;
use tollgate::server::clock::SystemClock;
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;

/// Longer than any run.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

const SCOPE: &str = "logistics:read";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [key, issuer, count] = arguments.as_slice() else {
        return Err("usage: mint KEY ISSUER COUNT".into());
    };
    let apps = io::stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
    let now = SystemClock::new().now();
    let signer = TokenSigner::new(ring(Path::new(key), issuer).await?);
    let mut tokens = BufWriter::new(io::stdout().lock());
    for (number, app) in (0..count.parse::<usize>()?).zip(apps.iter().cycle()) {
        let token = NewToken {
            id: format!("bench-{number:024}"),
            ..NewToken::of_app(AppId::new(app)?, SCOPE.parse()?)
        };
        writeln!(tokens, "{}", signer.sign(token, now, LIFETIME)?)?;
    }
    Ok(tokens.flush()?)
}

async fn ring(path: &Path, issuer: &str) -> Result<Arc<KeyRing>, Box<dyn Error>> {
    let algorithm = SigningAlgorithm::Es256;
    if path.is_dir() {
        let store = Store::open(&format!("sqlite:{}", path.join("tollgate.db").display())).await?;
        let sealing = SealingKey::new(&std::fs::read(path.join("sealing.key"))?).ok_or("no sealing key")?;
        let sources = (Arc::new(SystemClock::new()) as _, Arc::new(MachineRandom::new()) as _);
        let keys = SigningKeys::open((store.clone(), sealing.into()), issuer, algorithm, sources).await?;
        store.close().await;
        return Ok(keys.ring().clone());
    }
    if !path.exists() {
        std::fs::write(path, &*SigningKey::generate(algorithm)?)?;
    }
    let key = SigningKey::from_pkcs8(algorithm, &std::fs::read(path)?)?;
    Ok(Arc::new(KeyRing::new(vec![RingKey::alone(key)], issuer)))
}
