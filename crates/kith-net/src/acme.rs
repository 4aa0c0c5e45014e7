//! Certificates from an ACME authority (RFC 8555), by the `http-01` challenge.
//!
//! One [`order`] brings one certificate. When to ask, where to keep what comes back and how to go on after a failure
//! is the program's business; so is a listener on port 80 that shows [`Challenges::page`].

mod http;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::Carrier;
use crate::acme::http::AcmeHttp;

/// Where Let's Encrypt is.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// What is asked of an authority.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The authority's directory.
    pub directory: String,
    /// The name that the certificate is for.
    pub name: String,
    /// Where the authority may warn of trouble: `mailto:…`. Told to the authority and nobody else.
    pub contact: Option<String>,
    /// The account as an earlier order returned it; without it, a new one is made and the authority's terms are
    /// agreed to.
    pub account: Option<String>,
}

/// What an authority gave.
pub struct Issued {
    /// The certificate chain as PEM, own certificate first.
    pub certificates: String,
    /// Its private key as PEM.
    pub key: String,
    /// The account, to be kept as secretly as the key and given to the next order.
    pub account: String,
}

/// Answers to challenges that are open right now.
#[derive(Clone, Default)]
pub struct Challenges {
    open: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Challenges {
    /// Returns the text for a path that the authority asks for on port 80.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix("/.well-known/acme-challenge/")?;
        self.lock().get(token).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why no certificate came.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcmeError {
    /// The authority could not be reached, or refused; it says why.
    #[error("the certificate authority did not help: {0}")]
    Authority(#[from] instant_acme::Error),
    /// The kept account cannot be read.
    #[error("the kept account with the certificate authority cannot be read")]
    Account(#[from] serde_json::Error),
    /// The authority does not offer the challenge that this server can meet.
    #[error("the certificate authority offers no http-01 challenge")]
    NoChallenge,
    /// The authority could not see our answer on port 80, most likely.
    #[error("the certificate authority did not accept the proof for this name")]
    NotProven,
}

/// Asks the authority for one certificate, proving the name through `challenges`.
///
/// # Errors
///
/// See [`AcmeError`]; nothing is left behind but an account with the authority.
pub async fn order(carrier: &Carrier, wanted: &Wanted, challenges: &Challenges) -> Result<Issued, AcmeError> {
    let (account, kept) = account(carrier, wanted).await?;
    let identifiers = [Identifier::Dns(wanted.name.clone())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let proof = prove(&mut order, challenges).await;
    let outcome = match proof {
        Ok(()) => collect(&mut order).await,
        Err(error) => Err(error),
    };
    challenges.lock().clear();
    let (certificates, key) = outcome?;
    Ok(Issued { certificates, key, account: kept })
}

async fn account(carrier: &Carrier, wanted: &Wanted) -> Result<(Account, String), AcmeError> {
    let builder = Account::builder_with_http(Box::new(AcmeHttp::new(carrier.clone())));
    if let Some(kept) = &wanted.account {
        let credentials: AccountCredentials = serde_json::from_str(kept)?;
        return Ok((builder.from_credentials(credentials).await?, kept.clone()));
    }
    let contact: Vec<&str> = wanted.contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, wanted.directory.clone(), None).await?;
    Ok((account, serde_json::to_string(&credentials)?))
}

async fn prove(order: &mut instant_acme::Order, challenges: &Challenges) -> Result<(), AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or(AcmeError::NoChallenge)?;
        let answer = challenge.key_authorization().as_str().to_owned();
        challenges.lock().insert(challenge.token.clone(), answer);
        challenge.set_ready().await?;
    }
    Ok(())
}

async fn collect(order: &mut instant_acme::Order) -> Result<(String, String), AcmeError> {
    let patience = RetryPolicy::new().initial_delay(Duration::from_millis(250)).timeout(PATIENCE);
    match order.poll_ready(&patience).await? {
        OrderStatus::Ready => {}
        _ => return Err(AcmeError::NotProven),
    }
    let key = order.finalize().await?;
    let certificates = order.poll_certificate(&patience).await?;
    Ok((certificates, key))
}

/// Returns certificate and key for `name` under nobody's authority, as PEM: something to show until an authority
/// has given the real one. `None` when the name cannot stand in a certificate.
#[must_use]
pub fn stand_in(name: &str) -> Option<(String, String)> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).ok()?;
    Some((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// Returns when the first certificate of a chain begins and ceases to be valid, in seconds since 1970.
#[must_use]
pub fn validity(certificates: &str) -> Option<(u64, u64)> {
    let first = CertificateDer::from_pem_slice(certificates.as_bytes()).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&first).ok()?;
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).ok();
    Some((seconds(parsed.validity().not_before)?, seconds(parsed.validity().not_after)?))
}

/// How long an authority may take to look at a proof, and to sign.
const PATIENCE: Duration = Duration::from_secs(60);
