//! Known answers that others published: the primitives below us are the ones that the specification names.

use std::convert::Infallible;

use hex_literal::hex;
use kith_crypto::aead::AeadKey;
use kith_crypto::dh::DhSecret;
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_wire::id::KemCiphertext;
use rand_core::{TryCryptoRng, TryRng};

/// RFC 5869, appendix A.3: no salt and no info, as Kith extracts without a salt.
#[test]
fn hkdf_sha256_gives_the_answer_of_rfc_5869() {
    let mut out = [0; 42];
    hkdf::Hkdf::<sha2::Sha256>::new(None, &[0x0b; 22]).expand(&[], &mut out).unwrap();
    let expected = hex!("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    assert_eq!(out, expected);
}

/// RFC 8439, §2.8.2.
#[test]
fn chacha20_poly1305_gives_the_answer_of_rfc_8439() {
    let key = AeadKey::new(hex!("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
    let nonce = hex!("070000004041424344454647");
    let aad = hex!("50515253c0c1c2c3c4c5c6c7");
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let expected = hex!(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
    );
    let sealed = key.seal(&nonce, &aad, plaintext);
    assert_eq!(sealed, expected);
    assert_eq!(key.open(&nonce, &aad, &sealed).unwrap().as_ref(), plaintext);
}

/// RFC 8032, §7.1, test 2.
#[test]
fn ed25519_gives_the_answer_of_rfc_8032() {
    use ed25519_dalek::{Signer, SigningKey};
    let key = SigningKey::from_bytes(&hex!("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    let public = hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(key.verifying_key().to_bytes(), public);
    let expected = hex!(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    assert_eq!(key.sign(&[0x72]).to_bytes(), expected);
}

/// RFC 7748, §6.1.
#[test]
fn x25519_gives_the_answer_of_rfc_7748() {
    let alice = DhSecret::from_bytes(hex!("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob = DhSecret::from_bytes(hex!("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    assert_eq!(alice.public().0, hex!("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    let shared = hex!("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(*alice.agree(&bob.public()).unwrap(), shared);
    assert_eq!(*bob.agree(&alice.public()).unwrap(), shared);
}

/// RFC 9106, §5.3: Argon2id with secret and associated data.
#[test]
fn argon2id_gives_the_answer_of_rfc_9106() {
    use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
    let data = AssociatedData::new(&[4; 12]).unwrap();
    let params = ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).output_len(32).build().unwrap();
    let argon = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    assert_eq!(tag, hex!("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

/// RFC 9180, appendix A.2.1: base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305; the first sealed message and the first
/// exported value.
#[test]
fn hpke_gives_the_answer_of_rfc_9180() {
    use hpke::aead::ChaCha20Poly1305;
    use hpke::kdf::HkdfSha256;
    use hpke::kem::X25519HkdfSha256;
    use hpke::{Deserializable, Kem, OpModeR, setup_receiver};
    type Suite = X25519HkdfSha256;
    let secret = hex!("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    let enc = hex!("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    let key = <Suite as Kem>::PrivateKey::from_bytes(&secret).unwrap();
    let enc = <Suite as Kem>::EncappedKey::from_bytes(&enc).unwrap();
    let mut context =
        setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(&OpModeR::Base, &key, &enc, b"Ode on a Grecian Urn")
            .unwrap();
    let sealed = hex!("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28");
    assert_eq!(context.open(&sealed, b"Count-0").unwrap(), b"Beauty is truth, truth beauty");
    let mut exported = [0; 32];
    context.export(b"", &mut exported).unwrap();
    assert_eq!(exported, hex!("4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e"));
}

/// Gives out prepared bytes.
struct Prepared(std::vec::IntoIter<u8>);

impl TryRng for Prepared {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.0.next().unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Prepared {}

/// The vectors of draft-connolly-cfrg-xwing-kem, in `spec/vectors/x-wing.json`.
#[test]
fn x_wing_gives_the_answers_of_its_draft() {
    let file: serde_json::Value = serde_json::from_str(include_str!("../../../../spec/vectors/x-wing.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let bytes = |name: &str| data_encoding::HEXLOWER.decode(vector[name].as_str().unwrap().as_bytes()).unwrap();
        let secret = KemSecret::from_seed(bytes("seed").try_into().unwrap());
        let public = secret.public();
        assert_eq!(public.as_bytes().as_slice(), bytes("pk"));
        let (ciphertext, shared) = encapsulate(&public, &mut Prepared(bytes("eseed").into_iter())).unwrap();
        assert_eq!(ciphertext.as_bytes().as_slice(), bytes("ct"));
        assert_eq!(shared.as_slice(), bytes("ss"));
        let ciphertext = KemCiphertext::from_slice(&bytes("ct")).unwrap();
        assert_eq!(secret.decapsulate(&ciphertext).unwrap().as_slice(), bytes("ss"));
    }
}
