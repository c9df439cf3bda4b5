//! Private keys: generating, reading, writing, signing.

use num_bigint::BigUint;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::BoxedUint;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::PrivateKeyInfoRef;
use rsa::pkcs8::der::Decode;
use sha2::{Digest, Sha256, Sha384};

use super::super::Outcome;
use super::random::Stream;
use super::{der, pem, prime};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;

const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("genPrivateKey", &[STRING], STRING, generate)];

/// A private key of a kind that certificates can be made with, or DSA.
pub(super) enum PrivateKey {
    Rsa(Box<rsa::PrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
    Dsa(Dsa),
}

/// Parameters, public and private number of a DSA key.
pub(super) struct Dsa {
    p: BigUint,
    q: BigUint,
    g: BigUint,
    y: BigUint,
    x: BigUint,
}

/// What finding the primes of a key costs of the budget: some tens or hundreds of milliseconds.
const STEPS: u64 = 1_000_000;

const EC: &[u32] = &[1, 2, 840, 10045, 2, 1];
const P256: &[u32] = &[1, 2, 840, 10045, 3, 1, 7];
const P384: &[u32] = &[1, 3, 132, 0, 34];
const RSA: &[u32] = &[1, 2, 840, 113_549, 1, 1, 1];
const ED25519: &[u32] = &[1, 3, 101, 112];

fn generate(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let kind = args.string(0)?;
    let mut stream = Stream::new(context, "genPrivateKey", args);
    let key = match &kind[..] {
        b"" | b"rsa" => {
            context.charge_steps(8 * STEPS)?;
            rsa::<32>(&mut stream)?
        }
        b"dsa" => {
            context.charge_steps(8 * STEPS)?;
            PrivateKey::Dsa(dsa(&mut stream))
        }
        b"ecdsa" => p256(&mut stream),
        b"ed25519" => {
            let mut seed = [0; 32];
            stream.fill(&mut seed);
            PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
        }
        _ => return Ok(format!("Unknown type {kind}").into()),
    };
    Ok(key.to_pem()?.into())
}

/// The key that certificates get if none is given.
pub(super) fn rsa_2048(
    context: &mut Context<'_>,
    stream: &mut Stream,
) -> Result<PrivateKey, FunctionError> {
    context.charge_steps(STEPS)?;
    rsa::<16>(stream)
}

/// An RSA key of two primes of so many limbs.
fn rsa<const LIMBS: usize>(stream: &mut Stream) -> Result<PrivateKey, FunctionError> {
    const EXPONENT: u32 = 65_537;
    let mut factor = || loop {
        let prime = prime::random_prime::<LIMBS>(stream);
        if prime::remainder(&prime, EXPONENT) != 1 {
            break BoxedUint::from_be_slice_vartime(&prime::to_bytes(&prime));
        }
    };
    let (p, q) = (factor(), factor());
    let key = rsa::PrivateKey::from_p_q(p, q, BoxedUint::from(u64::from(EXPONENT)));
    key.map(|key| PrivateKey::Rsa(Box::new(key)))
        .map_err(|error| FunctionError::new(format!("error generating rsa key: {error}")))
}

fn p256(stream: &mut Stream) -> PrivateKey {
    loop {
        let mut bytes = [0; 32];
        stream.fill(&mut bytes);
        if let Ok(key) = p256::SecretKey::from_slice(&bytes) {
            return PrivateKey::P256(key);
        }
    }
}

/// A DSA key with parameters of 2048 and 256 bits (FIPS 186-3).
fn dsa(stream: &mut Stream) -> Dsa {
    let q = BigUint::from_bytes_be(&prime::to_bytes(&prime::random_prime::<4>(stream)));
    let p = dsa_modulus(&q, stream);
    let cofactor = (&p - 1u32) / &q;
    let one = BigUint::from(1u32);
    let generators = (2u32..).map(|h| BigUint::from(h).modpow(&cofactor, &p));
    let g = generators.into_iter().find(|g| *g != one).unwrap_or_default();
    let mut bytes = [0; 64];
    stream.fill(&mut bytes);
    let x = BigUint::from_bytes_be(&bytes) % (&q - 1u32) + 1u32;
    Dsa { y: g.modpow(&x, &p), p, q, g, x }
}

/// A prime of 2048 bits that is 1 modulo `q`.
fn dsa_modulus(q: &BigUint, stream: &mut Stream) -> BigUint {
    const SMALL: [u32; 12] = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41];
    loop {
        let mut bytes = [0; 256];
        stream.fill(&mut bytes);
        bytes[0] |= 0x80;
        let drawn = BigUint::from_bytes_be(&bytes);
        let candidate = &drawn - &drawn % (q * 2u32) + 1u32;
        let bytes = candidate.to_bytes_le();
        let mut limbs: prime::Number<32> = [0; 32];
        for (limb, bytes) in limbs.iter_mut().zip(bytes.chunks(8)) {
            *limb = bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        }
        let full = bytes.len() == 256 && limbs[31] >> 63 == 1;
        let coprime = SMALL.iter().all(|small| prime::remainder(&limbs, *small) != 0);
        if full && coprime && prime::is_prime(&limbs, stream) {
            return candidate;
        }
    }
}

impl PrivateKey {
    /// The key in the form that Go writes for its kind: PKCS #1, SEC 1, OpenSSL's DSA, PKCS #8.
    pub(super) fn to_pem(&self) -> Result<String, FunctionError> {
        let failed = |error: &dyn std::fmt::Display| {
            FunctionError::new(format!("failed to generate private key: {error}"))
        };
        Ok(match self {
            Self::Rsa(key) => {
                let document = key.to_pkcs1_der().map_err(|error| failed(&error))?;
                pem::encode("RSA PRIVATE KEY", document.as_bytes())
            }
            Self::P256(key) => {
                let point = key.public_key().to_sec1_point(false);
                let private = sec1(&key.to_bytes(), P256, point.as_bytes());
                pem::encode("EC PRIVATE KEY", &private)
            }
            Self::P384(key) => {
                let point = key.public_key().to_sec1_point(false);
                let private = sec1(&key.to_bytes(), P384, point.as_bytes());
                pem::encode("EC PRIVATE KEY", &private)
            }
            Self::Ed25519(key) => {
                let seed = der::element(der::OCTET_STRING, key.as_bytes());
                let algorithm = der::sequence(&[&der::oid(ED25519)]);
                let private = der::element(der::OCTET_STRING, &seed);
                let info = der::sequence(&[&der::integer(&[]), &algorithm, &private]);
                pem::encode("PRIVATE KEY", &info)
            }
            Self::Dsa(Dsa { p, q, g, y, x }) => {
                let numbers = [p, q, g, y, x].map(|number| der::integer(&number.to_bytes_be()));
                let content = [der::integer(&[]), numbers.concat()].concat();
                pem::encode("DSA PRIVATE KEY", &der::element(der::SEQUENCE, &content))
            }
        })
    }

    /// Reads a key by the label of its block.
    ///
    /// # Errors
    /// Sprig's text.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, String> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        let bytes = &block.bytes;
        if block.label == "PRIVATE KEY" {
            return Self::from_pkcs8(bytes)
                .ok_or_else(|| "decoding PEM as PKCS#8: x509: failed to parse private key".into());
        }
        let Some(kind) = block.label.strip_suffix(" PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {}", block.label));
        };
        let (key, name) = match kind {
            "RSA" => (Self::from_pkcs1(bytes), "RSA"),
            "EC" => (Self::from_sec1(bytes), "EC"),
            "DSA" => (Self::from_openssl_dsa(bytes), "DSA"),
            _ => return Err(format!("invalid private key type {kind}")),
        };
        key.ok_or_else(|| {
            format!("parsing {name} private key from PEM: x509: failed to parse private key")
        })
    }

    fn from_pkcs1(bytes: &[u8]) -> Option<Self> {
        Some(Self::Rsa(Box::new(rsa::PrivateKey::from_pkcs1_der(bytes).ok()?)))
    }

    fn from_sec1(bytes: &[u8]) -> Option<Self> {
        let p256 = p256::SecretKey::from_sec1_der(bytes).map(Self::P256);
        p256.or_else(|_| p384::SecretKey::from_sec1_der(bytes).map(Self::P384)).ok()
    }

    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        let info = PrivateKeyInfoRef::from_der(bytes).ok()?;
        let private = info.private_key.as_bytes();
        match info.algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.1" => Self::from_pkcs1(private),
            "1.2.840.10045.2.1" => {
                let curve = info.algorithm.parameters_oid().ok()?.to_string();
                match curve.as_str() {
                    "1.2.840.10045.3.1.7" => {
                        Some(Self::P256(p256::SecretKey::from_sec1_der(private).ok()?))
                    }
                    "1.3.132.0.34" => {
                        Some(Self::P384(p384::SecretKey::from_sec1_der(private).ok()?))
                    }
                    _ => None,
                }
            }
            "1.3.101.112" => {
                let seed: &[u8; 32] = private.strip_prefix(&[0x04, 0x20])?.try_into().ok()?;
                Some(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            _ => None,
        }
    }

    fn from_openssl_dsa(bytes: &[u8]) -> Option<Self> {
        use rsa::pkcs8::der::asn1::UintRef;
        let numbers: Vec<UintRef<'_>> = Decode::from_der(bytes).ok()?;
        let number = |at: usize| Some(BigUint::from_bytes_be(numbers.get(at)?.as_bytes()));
        let (p, q, g) = (number(1)?, number(2)?, number(3)?);
        Some(Self::Dsa(Dsa { p, q, g, y: number(4)?, x: number(5)? }))
    }

    /// The public key: its subjectPublicKeyInfo, and its bits alone. `None` for DSA.
    pub(super) fn public(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (algorithm, bits) = match self {
            Self::Rsa(key) => {
                let bits = key.to_public_key().to_pkcs1_der().ok()?.as_bytes().to_vec();
                (der::sequence(&[&der::oid(RSA), &der::NULL]), bits)
            }
            Self::P256(key) => {
                let bits = key.public_key().to_sec1_point(false).as_bytes().to_vec();
                (der::sequence(&[&der::oid(EC), &der::oid(P256)]), bits)
            }
            Self::P384(key) => {
                let bits = key.public_key().to_sec1_point(false).as_bytes().to_vec();
                (der::sequence(&[&der::oid(EC), &der::oid(P384)]), bits)
            }
            Self::Ed25519(key) => {
                (der::sequence(&[&der::oid(ED25519)]), key.verifying_key().as_bytes().to_vec())
            }
            Self::Dsa(_) => return None,
        };
        Some((der::sequence(&[&algorithm, &der::bit_string(&bits)]), bits))
    }

    /// The identifier of the algorithm that the key signs with.
    pub(super) fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => {
                der::sequence(&[&der::oid(&[1, 2, 840, 113_549, 1, 1, 11]), &der::NULL])
            }
            Self::P256(_) => der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 2])]),
            Self::P384(_) => der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 3])]),
            Self::Ed25519(_) => der::sequence(&[&der::oid(ED25519)]),
            Self::Dsa(_) => Vec::new(),
        }
    }

    /// Signs a text with the hash that goes with the key. `None` if the key cannot.
    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        use p256::ecdsa::signature::hazmat::PrehashSigner;
        /// `DigestInfo` of SHA-256 up to the digest.
        const SHA256: [u8; 19] = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        match self {
            Self::Rsa(key) => {
                let scheme = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256.into() };
                key.sign(scheme, &Sha256::digest(text)).ok()
            }
            Self::P256(key) => {
                let signer = p256::ecdsa::SigningKey::from(key);
                let signature: p256::ecdsa::Signature =
                    signer.sign_prehash(&Sha256::digest(text)).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let signer = p384::ecdsa::SigningKey::from(key);
                let signature: p384::ecdsa::Signature =
                    signer.sign_prehash(&Sha384::digest(text)).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer;
                Some(key.sign(text).to_bytes().to_vec())
            }
            Self::Dsa(_) => None,
        }
    }
}

fn sec1(private: &[u8], curve: &[u32], public: &[u8]) -> Vec<u8> {
    let curve = der::element(0xa0, &der::oid(curve));
    let public = der::element(0xa1, &der::bit_string(public));
    let private = der::element(der::OCTET_STRING, private);
    der::sequence(&[&der::integer(&[1]), &private, &curve, &public])
}
