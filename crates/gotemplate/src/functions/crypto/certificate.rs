//! X.509 certificates with the fields that Go's `x509.CreateCertificate` gives those of Sprig.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use super::super::Outcome;
use super::super::dates::utc_parts;
use super::super::encoding::base64_decode;
use super::keys::{self, PrivateKey};
use super::random::Stream;
use super::{der, pem};
use crate::context::{Context, Timestamp};
use crate::function::{Args, Function, FunctionError};
use crate::types::{Field, NamedType, Text, Type};
use crate::value::{Str, Struct, Value};

const STRING: &Type = Type::STRING;
const LIST: &Type = Type::ANY_SLICE;
const INT: &Type = Type::INT;

/// `sprig.certificate`: PEM texts of a certificate and its key.
static CERTIFICATE: Type = Type::Named(&NamedType {
    name: "sprig.certificate",
    underlying: &Type::Struct(&[Field::new("Cert", STRING), Field::new("Key", STRING)]),
    methods: &[],
    text: Text::Plain,
});

const OF: &Type = &CERTIFICATE;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("buildCustomCert", &[STRING, STRING], OF, build_custom),
    Function::new("genCA", &[STRING, INT], OF, |c, a| authority(c, a, "genCA", None)),
    Function::new("genCAWithKey", &[STRING, INT, STRING], OF, |c, a| {
        authority(c, a, "genCAWithKey", Some(2))
    }),
    Function::new("genSelfSignedCert", &[STRING, LIST, LIST, INT], OF, |c, a| {
        self_signed(c, a, "genSelfSignedCert", None)
    }),
    Function::new("genSelfSignedCertWithKey", &[STRING, LIST, LIST, INT, STRING], OF, |c, a| {
        self_signed(c, a, "genSelfSignedCertWithKey", Some(4))
    }),
    Function::new("genSignedCert", &[STRING, LIST, LIST, INT, OF], OF, |c, a| {
        signed(c, a, "genSignedCert", None)
    }),
    Function::new("genSignedCertWithKey", &[STRING, LIST, LIST, INT, OF, STRING], OF, |c, a| {
        signed(c, a, "genSignedCertWithKey", Some(5))
    }),
];

fn certificate(cert: impl Into<Str>, key: impl Into<Str>) -> Value {
    Value::object(Struct { of: OF, fields: vec![Value::string(cert), Value::string(key)] })
}

fn failed(text: impl Into<String>) -> FunctionError {
    FunctionError::new(text)
}

/// A certificate and key that exist already, checked.
fn build_custom(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let decode = |index, what: &str| {
        let decoded = base64_decode(args.string(index)?);
        decoded.map_err(|_| failed(format!("unable to decode base64 {what}")))
    };
    let (cert, key) = (decode(0, "certificate")?, decode(1, "private key")?);
    let block = pem::decode(&cert).ok_or_else(|| failed("unable to decode certificate"))?;
    parse(&block.bytes, "decodedCert")?;
    PrivateKey::from_pem(&key)
        .map_err(|text| failed(format!("error parsing private key: {text}")))?;
    Ok(certificate(cert, key))
}

fn parse(bytes: &[u8], what: &str) -> Result<Certificate, FunctionError> {
    Certificate::from_der(bytes).map_err(|_| {
        failed(format!("error parsing certificate: {what}.Bytes: x509: malformed certificate"))
    })
}

/// The key given as this argument, or a new one.
fn subject_key(
    context: &mut Context<'_>,
    args: Args<'_>,
    given: Option<usize>,
    stream: &mut Stream,
) -> Result<PrivateKey, FunctionError> {
    match given {
        None => keys::rsa_2048(context, stream),
        Some(index) => PrivateKey::from_pem(args.string(index)?)
            .map_err(|text| failed(format!("parsing private key: {text}"))),
    }
}

fn authority(
    context: &mut Context<'_>,
    args: Args<'_>,
    function: &str,
    given: Option<usize>,
) -> Outcome {
    let (mut stream, validity) = drawn(context, function, args, args.int(1)?);
    let key = subject_key(context, args, given, &mut stream)?;
    let template = Template::new(args.string(0)?, validity, &mut stream);
    let template = Template { is_authority: true, ..template };
    template.sign(&key, &Issuer { name: template.name(), key_id: None }, &key)
}

fn self_signed(
    context: &mut Context<'_>,
    args: Args<'_>,
    function: &str,
    given: Option<usize>,
) -> Outcome {
    let (mut stream, validity) = drawn(context, function, args, args.int(3)?);
    let key = subject_key(context, args, given, &mut stream)?;
    let template = leaf(context, args, validity, &mut stream)?;
    template.sign(&key, &Issuer { name: template.name(), key_id: None }, &key)
}

fn signed(
    context: &mut Context<'_>,
    args: Args<'_>,
    function: &str,
    given: Option<usize>,
) -> Outcome {
    let (mut stream, validity) = drawn(context, function, args, args.int(3)?);
    let key = subject_key(context, args, given, &mut stream)?;
    let Value::Object(authority) = args.any(4) else { return Err(failed("no certificate")) };
    let (cert, signer) = (authority.field(0), authority.field(1));
    let block = pem::decode(&cert.as_str().unwrap_or_default());
    let block = block.ok_or_else(|| failed("unable to decode certificate"))?;
    let parsed = parse(&block.bytes, "decodedSignerCert")?;
    let signer = PrivateKey::from_pem(&signer.as_str().unwrap_or_default())
        .map_err(|text| failed(format!("error parsing private key: {text}")))?;
    let template = leaf(context, args, validity, &mut stream)?;
    let own = parsed.tbs_certificate().subject_public_key_info().to_der().unwrap_or_default();
    if signer.public().is_some_and(|(public, _)| public != own) {
        let mismatch = "x509: provided PrivateKey doesn't match parent's PublicKey";
        return Err(failed(format!("error creating certificate: {mismatch}")));
    }
    template.sign(&key, &Issuer::of(&parsed), &signer)
}

/// The template of a certificate with addresses and names.
fn leaf(
    context: &mut Context<'_>,
    args: Args<'_>,
    validity: Validity,
    stream: &mut Stream,
) -> Result<Template, FunctionError> {
    let mut template = Template::new(args.string(0)?, validity, stream);
    for value in args.list(1)?.iter() {
        let Value::String(text) = value else {
            let shown = context.sprint(std::slice::from_ref(value))?;
            return Err(failed(format!("error parsing ip: {shown} is not a string")));
        };
        let address = text.as_text().and_then(|text| text.parse().ok());
        template
            .addresses
            .push(address.ok_or_else(|| failed(format!("error parsing ip: {text}")))?);
    }
    for value in args.list(2)?.iter() {
        let Value::String(text) = value else {
            let shown = context.sprint(std::slice::from_ref(value))?;
            let text = format!("error processing alternate dns name: {shown} is not a string");
            return Err(failed(text));
        };
        template.names.push(text.clone());
    }
    Ok(template)
}

/// What a certificate for so many days is made from.
fn drawn(
    context: &mut Context<'_>,
    function: &str,
    args: Args<'_>,
    days: i64,
) -> (Stream, Validity) {
    let (stream, from) = Stream::certificate(context, function, args, days);
    (stream, Validity::new(from, days))
}

/// For so many days.
struct Validity {
    from: Timestamp,
    to: Timestamp,
}

impl Validity {
    fn new(from: Timestamp, days: i64) -> Self {
        const DAY: i64 = 24 * 3_600_000_000_000;
        let seconds = days.wrapping_mul(DAY).div_euclid(1_000_000_000);
        Self { from, to: Timestamp { seconds: from.seconds.saturating_add(seconds), ..from } }
    }

    fn to_der(&self) -> Vec<u8> {
        der::sequence(&[&time(self.from), &time(self.to)])
    }
}

fn time(at: Timestamp) -> Vec<u8> {
    let (year, rest) = utc_parts(at);
    match year {
        1950..2050 => der::element(der::UTC_TIME, format!("{:02}{rest}Z", year % 100).as_bytes()),
        _ => der::element(der::GENERALIZED_TIME, format!("{year:04}{rest}Z").as_bytes()),
    }
}

/// Who signs: the encoded name, and the identifier of the key if there is one.
struct Issuer {
    name: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

impl Issuer {
    fn of(certificate: &Certificate) -> Self {
        let tbs = certificate.tbs_certificate();
        let key_id = tbs.get_extension::<SubjectKeyIdentifier>().ok().flatten();
        Self {
            name: tbs.subject().to_der().unwrap_or_default(),
            key_id: key_id.map(|(_, id)| id.0.as_bytes().to_vec()),
        }
    }
}

struct Template {
    common_name: Str,
    serial: [u8; 16],
    validity: Validity,
    is_authority: bool,
    addresses: Vec<IpAddr>,
    names: Vec<Str>,
}

impl Template {
    fn new(common_name: &Str, validity: Validity, stream: &mut Stream) -> Self {
        let mut serial = [0; 16];
        stream.fill(&mut serial);
        Self {
            common_name: common_name.clone(),
            serial,
            validity,
            is_authority: false,
            addresses: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The subject; empty without a common name.
    fn name(&self) -> Vec<u8> {
        if self.common_name.is_empty() {
            return der::sequence(&[]);
        }
        let printable = |b: &u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(b);
        let plain = self.common_name.iter().all(printable);
        let tag = if plain { der::PRINTABLE_STRING } else { der::UTF8_STRING };
        let text = der::element(tag, &self.common_name);
        let attribute = der::sequence(&[&der::oid(&[2, 5, 4, 3]), &text]);
        der::sequence(&[&der::element(der::SET, &attribute)])
    }

    fn sign(&self, key: &PrivateKey, issuer: &Issuer, signer: &PrivateKey) -> Outcome {
        let creating = |text: String| failed(format!("error creating certificate: {text}"));
        if let PrivateKey::Dsa(_) = signer {
            let text = "x509: certificate private key does not implement crypto.Signer";
            return Err(creating(text.to_owned()));
        }
        let Some((public, bits)) = key.public() else {
            return Err(creating("x509: unsupported public key type: *dsa.PublicKey".to_owned()));
        };
        if let Some(name) = self.names.iter().find(|name| !name.is_ascii()) {
            let quoted = crate::strconv::quote(name, crate::strconv::Charset::Unicode);
            let quoted = String::from_utf8_lossy(&quoted).into_owned();
            return Err(creating(format!("x509: {quoted} cannot be encoded as an IA5String")));
        }
        let algorithm = signer.algorithm();
        let to_be_signed = der::sequence(&[
            &der::element(0xa0, &der::integer(&[2])),
            &der::integer(&self.serial),
            &algorithm,
            &issuer.name,
            &self.validity.to_der(),
            &self.name(),
            &public,
            &der::element(0xa3, &der::sequence(&[&self.extensions(issuer, &bits).concat()])),
        ]);
        let signature = signer.sign(&to_be_signed);
        let signature = signature.ok_or_else(|| creating("x509: cannot sign".to_owned()))?;
        let whole = der::sequence(&[&to_be_signed, &algorithm, &der::bit_string(&signature)]);
        Ok(certificate(pem::encode("CERTIFICATE", &whole), key.to_pem()?))
    }

    /// In the order that Go writes them in.
    fn extensions(&self, issuer: &Issuer, public: &[u8]) -> Vec<Vec<u8>> {
        // digitalSignature and keyEncipherment; for an authority keyCertSign too.
        let usage = if self.is_authority { [2, 0xa4] } else { [5, 0xa0] };
        let purposes = [1, 2].map(|purpose| der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, purpose]));
        let constraints: &[u8] = if self.is_authority { &der::TRUE } else { &[] };
        let mut out = vec![
            extension(15, true, &der::element(der::BIT_STRING, &usage)),
            extension(37, false, &der::sequence(&[&purposes.concat()])),
            extension(19, true, &der::sequence(&[constraints])),
        ];
        if self.is_authority {
            // RFC 7093, method 1.
            let id = &Sha256::digest(public)[..20];
            out.push(extension(14, false, &der::element(der::OCTET_STRING, id)));
        }
        if let Some(id) = issuer.key_id.as_ref().filter(|_| issuer.name != self.name()) {
            out.push(extension(35, false, &der::sequence(&[&der::element(0x80, id)])));
        }
        let names: Vec<Vec<u8>> = self.alternative_names();
        if !names.is_empty() {
            let critical = self.common_name.is_empty();
            out.push(extension(17, critical, &der::sequence(&[&names.concat()])));
        }
        out
    }

    fn alternative_names(&self) -> Vec<Vec<u8>> {
        let names = self.names.iter().map(|name| der::element(0x82, name));
        let addresses = self.addresses.iter().map(|address| match address {
            IpAddr::V4(address) => der::element(0x87, &address.octets()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => der::element(0x87, &mapped.octets()),
                None => der::element(0x87, &address.octets()),
            },
        });
        names.chain(addresses).collect()
    }
}

/// An extension of the arc 2.5.29.
fn extension(arc: u32, critical: bool, content: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &der::TRUE } else { &[] };
    let id = der::oid(&[2, 5, 29, arc]);
    der::sequence(&[&id, flag, &der::element(der::OCTET_STRING, content)])
}
