//! The way to a home server over the native carriers: for the person's account, and for somebody who has no account yet.

use std::time::Duration;

use bytes::Bytes;
use kith_crypto::request::RequestStamp;
use kith_keep::{AskError, HomeServer, KeepError, NotCarried, Way};
use kith_net::{Carrier, CarrierError};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::id::ServerKey;
use kith_wire::operation::{Operation, RequestSignature};
use rand_core::CryptoRng;

use crate::client::{Client, Options, now, rng};
use crate::home_backup::HomeBackupError;

/// A way over the native carriers.
pub(crate) struct NativeWay {
    carrier: Carrier,
    /// Whose account signs what needs one; nobody's for somebody who has nothing but an address.
    account: Option<Client>,
}

/// Finds the home server of a person, to be asked by the person's account.
pub(crate) async fn home_server(client: &Client) -> Result<HomeServer<NativeWay>, HomeBackupError> {
    let status = client.ask(|engine| engine.status(now()))?;
    let way = NativeWay { carrier: client.inner.carrier.clone(), account: Some(client.clone()) };
    Ok(HomeServer::find(way, status.server, Some(status.server_key)).await.map_err(KeepError::from)?)
}

/// Finds a home server, for somebody who has no account there.
pub(crate) async fn strange_server(
    options: Options,
    url: ServerUrl,
    expect: Option<ServerKey>,
) -> Result<HomeServer<NativeWay>, KeepError> {
    let carrier = Carrier::builder(options.policy).build();
    let carrier = carrier.map_err(|_| AskError::from(not_carried(CarrierError::Handshake)))?;
    Ok(HomeServer::find(NativeWay { carrier, account: None }, url, expect).await?)
}

impl Way for NativeWay {
    async fn descriptor(&self, url: &ServerUrl) -> Result<Vec<u8>, NotCarried> {
        Ok(self.carrier.descriptor(url).await.map_err(not_carried)?.to_vec())
    }

    async fn one_shot(&self, url: &ServerUrl, sealed: Vec<u8>) -> Result<Vec<u8>, NotCarried> {
        Ok(self.carrier.one_shot(url, Bytes::from(sealed)).await.map_err(not_carried)?.to_vec())
    }

    fn sign(
        &self,
        operation: &Operation,
        stamp: &RequestStamp,
    ) -> Result<Option<RequestSignature>, Box<dyn std::error::Error>> {
        let signed = self.account.as_ref().map(|account| account.ask(|engine| engine.sign_request(operation, stamp)));
        Ok(signed.transpose()?)
    }

    async fn rest(&self, seconds: u64) {
        match seconds {
            0 => tokio::task::yield_now().await,
            seconds => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn rng(&self) -> impl CryptoRng {
        rng()
    }
}

fn not_carried(error: CarrierError) -> NotCarried {
    NotCarried::new(error, error.may_pass())
}
