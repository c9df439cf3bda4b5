use num_bigint::BigUint;
use rsa::pkcs1::DecodeRsaPublicKey;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName, SubjectKeyIdentifier};

use super::random::Stream;
use super::{keys, pem, prime};
use crate::context::{Context, Host, RandomCall, Settings, Timestamp};
use crate::function::{Args, Functions};
use crate::value::Value;

struct Seeded;

impl Host for Seeded {
    fn now(&mut self) -> Timestamp {
        Timestamp { seconds: 1_704_164_645, nanoseconds: 0 }
    }
    fn random(&mut self, call: &RandomCall<'_>, out: &mut [u8]) {
        out.fill(call.count as u8);
    }
    fn as_any(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

fn call(name: &str, args: &[Value]) -> Value {
    let functions = super::functions();
    let function = functions.iter().find(|function| function.name == name).expect(name);
    let mut host = Seeded;
    let mut context = Context::new(&mut host, Settings::new(Functions::default()));
    (function.body)(&mut context, Args(args)).expect(name)
}

fn fields(value: &Value) -> (Certificate, String) {
    let Value::Object(object) = value else { panic!("a certificate is a struct") };
    let text = |index| object.field(index).as_str().expect("a field is text").to_string();
    let block = pem::decode(text(0).as_bytes()).expect("a certificate is PEM");
    assert_eq!(block.label, "CERTIFICATE");
    (Certificate::from_der(&block.bytes).expect("a certificate is DER"), text(1))
}

#[test]
fn primes_are_told_from_products() {
    let mut stream = Stream::of_seed(1);
    let mersenne: prime::Number<2> = [u64::MAX, u64::MAX >> 1];
    let shifted: prime::Number<2> = [mersenne[0] - 158, u64::MAX];
    assert!(prime::is_prime(&shifted, &mut stream), "2^128 - 159 is prime");
    assert!(!prime::is_prime(&[u64::MAX, u64::MAX], &mut stream));
    let prime = prime::random_prime::<4>(&mut stream);
    let number = BigUint::from_bytes_be(&prime::to_bytes(&prime));
    let two = BigUint::from(2u32);
    assert_eq!(two.modpow(&(&number - 1u32), &number), BigUint::from(1u32));
}

#[test]
fn a_chain_verifies_and_says_what_it_was_asked_to() {
    let authority = call("genCA", &["ca".into(), Value::Int(365)]);
    let addresses = Value::list(vec!["10.0.0.1".into(), "::1".into()]);
    let names = Value::list(vec!["*.example.org".into()]);
    let args = ["leaf".into(), addresses, names, Value::Int(30), authority.clone()];
    let (ca, _) = fields(&authority);
    let (leaf, key) = fields(&call("genSignedCert", &args));
    let (ca, tbs) = (ca.tbs_certificate(), leaf.tbs_certificate());

    assert_eq!(tbs.issuer(), ca.subject());
    assert_eq!(tbs.subject().to_string(), "CN=leaf");
    let validity = tbs.validity();
    let days = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    assert_eq!(days.as_secs(), 30 * 86_400);
    assert_eq!(validity.not_before.to_unix_duration().as_secs(), 1_704_164_645);
    let names = tbs.get_extension::<SubjectAltName>().expect("it is well-formed");
    assert_eq!(names.expect("it has names").1.0.len(), 3);
    let constraints = |of: &x509_cert::TbsCertificate| {
        let found = of.get_extension::<BasicConstraints>().expect("it is well-formed");
        found.is_some_and(|(critical, constraints)| critical && constraints.ca)
    };
    assert!(constraints(ca) && !constraints(tbs));
    let usage = ca.get_extension::<KeyUsage>().expect("it is well-formed").expect("it is there");
    assert!(usage.0 && usage.1.key_cert_sign() && usage.1.digital_signature());
    assert!(ca.get_extension::<SubjectKeyIdentifier>().is_ok_and(|id| id.is_some()));

    let public = ca.subject_public_key_info().subject_public_key.raw_bytes();
    let public = rsa::PublicKey::from_pkcs1_der(public).expect("an RSA key");
    let digest = Sha256::digest(tbs.to_der().expect("it is well-formed"));
    let prefix = hex::decode("3031300d060960864801650304020105000420").expect("it is hexadecimal");
    let scheme = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: prefix.into() };
    public.verify(scheme, &digest, leaf.signature().raw_bytes()).expect("the signature holds");
    let own = keys::PrivateKey::from_pem(key.as_bytes()).expect("the key can be read");
    let (own, _) = own.public().expect("it has a public key");
    assert_eq!(own, tbs.subject_public_key_info().to_der().expect("it is well-formed"));
}

#[test]
fn keys_of_all_kinds_are_read_back_and_drawn_again() {
    for kind in ["ecdsa", "ed25519"] {
        let text = call("genPrivateKey", &[kind.into()]).as_str().expect("a key is text");
        let again = call("genPrivateKey", &[kind.into()]).as_str().expect("a key is text");
        assert_eq!(text, again);
        let key = keys::PrivateKey::from_pem(&text).expect(kind);
        assert_eq!(text.to_string(), key.to_pem().expect(kind));
        let args = ["x".into(), Value::Int(1), Value::String(text)];
        let (certificate, _) = fields(&call("genCAWithKey", &args));
        assert_eq!(certificate.tbs_certificate().subject().to_string(), "CN=x");
    }
}

#[test]
fn blocks_are_found_in_text() {
    let block = pem::encode("A B", b"hello");
    let text = ["noise\n", &block].concat();
    let found = pem::decode(text.as_bytes()).expect("a block is there");
    assert_eq!((found.label.as_str(), &found.bytes[..]), ("A B", &b"hello"[..]));
    assert!(pem::decode(b"-----BEGIN A-----\n!\n-----END A-----\n").is_none());
    assert!(pem::decode(b"").is_none());
}
