//! The way to a home server over the native carriers: for the person's account, and for somebody who has no account yet.

use std::time::Duration;

use bytes::Bytes;
use kith_crypto::request::RequestStamp;
use kith_keep::{AskError, HomeServer, KeepError, NotCarried, Way};
use kith_net::{Carrier, CarrierError};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::operation::{Operation, RequestSignature};
use rand_core::CryptoRng;

use crate::client::{Client, Options, now, rng};
use crate::home_backup::HomeBackupError;

/// The way of a person who is here: what needs their account is signed.
pub(crate) struct AccountWay(Client);

/// The way of somebody who has nothing but an address.
pub(crate) struct StrangersWay(Carrier);

/// Finds the home server of a person, to be asked by the person's account.
pub(crate) async fn home_server(client: &Client) -> Result<HomeServer<AccountWay>, HomeBackupError> {
    let status = client.ask(|engine| engine.status(now()))?;
    let found = HomeServer::find(AccountWay(client.clone()), status.server, Some(status.server_key)).await;
    Ok(found.map_err(KeepError::from)?)
}

impl StrangersWay {
    pub(crate) fn new(options: Options) -> Result<Self, KeepError> {
        let carrier = Carrier::builder(options.policy).build();
        Ok(Self(carrier.map_err(|_| AskError::from(not_carried(CarrierError::Handshake)))?))
    }
}

impl Way for AccountWay {
    async fn descriptor(&self, url: &ServerUrl) -> Result<Vec<u8>, NotCarried> {
        descriptor(&self.0.inner.carrier, url).await
    }

    async fn one_shot(&self, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried> {
        one_shot(&self.0.inner.carrier, url, sealed).await
    }

    fn sign(
        &self,
        operation: &Operation,
        stamp: &RequestStamp,
    ) -> Result<Option<RequestSignature>, Box<dyn std::error::Error>> {
        Ok(Some(self.0.ask(|engine| engine.sign_request(operation, stamp))?))
    }

    async fn rest(&self, seconds: u64) {
        rest(seconds).await;
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn rng(&self) -> impl CryptoRng {
        rng()
    }
}

impl Way for StrangersWay {
    async fn descriptor(&self, url: &ServerUrl) -> Result<Vec<u8>, NotCarried> {
        descriptor(&self.0, url).await
    }

    async fn one_shot(&self, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried> {
        one_shot(&self.0, url, sealed).await
    }

    fn sign(&self, _: &Operation, _: &RequestStamp) -> Result<Option<RequestSignature>, Box<dyn std::error::Error>> {
        Ok(None)
    }

    async fn rest(&self, seconds: u64) {
        rest(seconds).await;
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn rng(&self) -> impl CryptoRng {
        rng()
    }
}

async fn descriptor(carrier: &Carrier, url: &ServerUrl) -> Result<Vec<u8>, NotCarried> {
    Ok(carrier.descriptor(url).await.map_err(not_carried)?.to_vec())
}

async fn one_shot(carrier: &Carrier, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried> {
    Ok(carrier.one_shot(url, Bytes::from(sealed)).await.map_err(not_carried)?.to_vec())
}

async fn rest(seconds: u64) {
    match seconds {
        0 => tokio::task::yield_now().await,
        seconds => tokio::time::sleep(Duration::from_secs(seconds)).await,
    }
}

fn not_carried(error: CarrierError) -> NotCarried {
    NotCarried::new(error, error.may_pass())
}
